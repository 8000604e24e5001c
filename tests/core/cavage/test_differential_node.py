"""Against two packages for Node, both ways: what they sign is verified here, and what is signed here they verify; no change is.

Deviations, none of which is met here: http-signature signs no empty header; http-message-signatures means r and s side by side
for ECDSA and leaves the salt of RSA-PSS to OpenSSL, so the harness signs with the draft's forms in its place; both read many
things that are refused here (repeats, capitals, unknown parameters).
"""

import fcntl
import functools
import json
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, HttpRequest, Key, Rejected, Verified
from counterseal.core.schemes.base import Credentials
from counterseal.core.schemes.cavage import CAVAGE
from tests.core.asymmetric import keys
from tests.core.cavage import generating, world
from tests.support.require import require, require_program

# The packages are fetched first.
pytestmark = pytest.mark.timeout(1800)
NODE = Path(__file__).parent / "node"
COUNT = 1200
MESSAGES, SIGNATURE = "http-message-signatures", "http-signature"
# Kind of key, name on the wire, name in the package, weight. Public keys are slower, in Node above all.
KINDS = {
    SIGNATURE: (
        ("", "hmac-sha256", "hmac-sha256", 8),
        ("", "hmac-sha512", "hmac-sha512", 5),
        ("rsa-v1_5-sha256", "rsa-sha256", "rsa-sha256", 3),
        ("ecdsa-p256-sha256", "ecdsa-sha256", "ecdsa-sha256", 3),
        ("ed25519", "ed25519-sha512", "ed25519-sha512", 1),
    ),
    MESSAGES: (
        ("", "hmac-sha256", "hmac-sha256", 5),
        ("", "hs2019", "hs2019", 4),
        ("rsa-v1_5-sha256", "rsa-sha256", "rsa-v1_5-sha256", 2),
        ("rsa-pss-sha512", "hs2019", "rsa-pss-sha512", 2),
        ("ecdsa-p256-sha256", "ecdsa-sha256", "ecdsa-p256-sha256", 2),
        ("ecdsa-p384-sha384", "hs2019", "hs2019", 1),
        ("ed25519", "ed25519", "ed25519", 2),
        ("ed25519", "hs2019", "hs2019", 2),
    ),
}


@functools.cache
def _install() -> None:
    done = NODE / "node_modules" / ".package-lock.json"  # npm writes it last
    with (NODE / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            command = [require_program("npm"), "ci", "--no-audit", "--no-fund"]
            made = subprocess.run(command, cwd=NODE, capture_output=True, timeout=900, check=False)
            require(made.returncode == 0, "npm ci failed in tests/core/cavage/node")


def _ask(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    node = require_program("node")
    _install()
    done = subprocess.run(
        [node, "oracle.mjs"], cwd=NODE, input=json.dumps(jobs).encode(), capture_output=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(answers) == len(jobs)
    return answers


@functools.cache
def _pems(kind: str) -> tuple[str, str]:
    return keys.private_key(kind).decode(), keys.spki_pem(keys.public_key(kind)).decode()


def _key(kind: str) -> Key:
    return world.public_key(kind) if kind else world.symmetric_key()


def _job(do: str, lib: str, kind: str, name: str, request: HttpRequest) -> dict[str, Any]:
    job: dict[str, Any] = {
        "do": do,
        "lib": lib,
        "now": world.NOW,
        "algorithm": name,
        "kind": kind,
        "keyId": world.KEY_ID,
        "method": request.method.decode(),
        "target": request.target.decode(),
        "headers": [[header.decode(), value.decode().strip(" \t")] for header, value in request.headers],
    }
    if kind:
        job["key"], job["public"] = _pems(kind)
    else:
        job["secret"] = world.SECRET.decode()
    return job


def _string(request: HttpRequest) -> str:
    (string,) = CAVAGE.read(read_request(request), Demand()).strings
    return string.decode()


def _drawn(lib: str, seed: str) -> list[tuple[random.Random, generating.Drawn, tuple[str, str, str, int]]]:
    draw = random.Random(seed)
    kinds = KINDS[lib]
    chosen = draw.choices(kinds, [kind[3] for kind in kinds], k=COUNT)
    return [(draw, generating.draw_request(draw), kind) for kind in chosen]


def _special(draw: random.Random, wire: str) -> tuple[str, ...]:
    # The draft allows its own times with names that do not say what the algorithm is; either of them is enough.
    if wire.startswith(("rsa", "hmac", "ecdsa")):
        return ("(request-target)", "date")
    return draw.choice(
        (("(request-target)", "(created)"), ("(request-target)", "(created)", "(expires)"), ("(request-target)", "date"))
    )


@pytest.mark.parametrize("lib", [SIGNATURE, MESSAGES])
def test_what_they_sign_is_verified_here(lib: str) -> None:
    drawn = _drawn(lib, f"theirs {lib}")
    jobs = []
    for draw, made, (kind, wire, name, _) in drawn:
        job = _job("sign", lib, kind, name, made.request)
        job["covered"] = generating.listed(draw, _special(draw, wire), made.covered).split(" ")
        job["field"] = draw.choice(("authorization", "signature"))
        job["times"] = any(item in {"(created)", "(expires)"} for item in job["covered"]) or draw.random() < 0.2
        jobs.append(job)
    seen: Counter[str] = Counter()
    draw = random.Random(f"changes {lib}")
    for (_, made, (kind, wire, _, _)), answer in zip(drawn, _ask(jobs), strict=True):
        assert "error" not in answer, answer
        request = world.added(made.request, (answer["field"].encode(), answer["value"].encode()))
        found = world.judge(request, _key(kind))
        assert isinstance(found, Verified), (found, answer, request)
        assert _string(request) == answer["string"]
        other = generating.change(draw, request, made.covered)
        assert isinstance(world.judge(other, _key(kind)), Rejected), (answer, other)
        seen[f"{kind or 'secret'} as {wire}"] += 1
    print(f"{lib} signs, 0 disagreements in {sum(seen.values())}, each changed as well: {dict(seen)}")
    assert len(seen) == len(KINDS[lib])


@pytest.mark.parametrize("lib", [SIGNATURE, MESSAGES])
def test_what_is_signed_here_they_verify(lib: str) -> None:
    jobs, expected = [], []
    seen: Counter[str] = Counter()
    for draw, made, (kind, wire, name, _) in _drawn(lib, f"ours {lib}"):
        field = "signature" if lib == MESSAGES else draw.choice(("authorization", "signature"))
        special = _special(draw, wire)
        options = {"headers": generating.listed(draw, special, made.covered), "algorithm": wire, "field": field}
        if "(expires)" in special:
            options["expires"] = "300"
        given = world.credentials(kind) if kind else Credentials(key_id=world.KEY_ID, secret=world.SECRET)
        signed = world.sign(CAVAGE, made.request, given, **options)
        for request, good in ((signed, True), (generating.change(draw, signed, made.covered), False)):
            assert isinstance(world.judge(request, _key(kind)), Verified) is good
            jobs.append(_job("verify", lib, kind, name, request))
            expected.append(good)
        seen[f"{kind or 'secret'} as {wire}"] += 1
    answers = _ask(jobs)
    for job, good, answer in zip(jobs, expected, answers, strict=True):
        assert answer["ok"] is good, (job, answer)
    print(f"{lib} verifies, 0 disagreements in {len(jobs)}, half of them changed: {dict(seen)}")
    assert len(seen) == len(KINDS[lib])
