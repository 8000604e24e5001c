"""npm's http-message-signatures and structured-headers as oracles: signed here and verified there, and the other way round.

Where the first is not RFC 9421, the generator stays away or the oracle helps: it signs RSA-PSS with the longest salt instead
of 64 bytes, writes a repeated `@query-param` twice, drops a bare `?` from `@request-target`, and takes `encodeURIComponent`
for the encoding of section 2.2.8.
"""

import fcntl
import functools
import json
import random
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.core import digest
from counterseal.core import structured_fields as sf
from counterseal.core.model import Demand, HttpRequest, Verified
from tests.core.rfc9421.generating import Generated, changed, generate, names_of
from tests.core.rfc9421.making import ALGORITHMS, HMAC, KEY_ID, NOW, pair, private_pem, public_pem, signed, verdict
from tests.core.rfc9421.vectors import suite
from tests.support.require import require, require_program

# The packages are fetched first.
pytestmark = pytest.mark.timeout(1800)
NODE = Path(__file__).parent / "node"
COUNT = 1000


@functools.cache
def install() -> None:
    done = NODE / "node_modules" / ".package-lock.json"  # npm writes it last
    with (NODE / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < (NODE / "package-lock.json").stat().st_mtime:
            command = [require_program("npm"), "ci", "--no-audit", "--no-fund"]
            made = subprocess.run(command, cwd=NODE, capture_output=True, timeout=900, check=False)
            require(made.returncode == 0, "npm ci failed in tests/core/rfc9421/node")


def ask(jobs: list[dict[str, Any]]) -> list[Any]:
    """Return the oracle's answers, one for each job."""
    node = require_program("node")
    install()
    done = subprocess.run(
        [node, "oracle.mjs"], cwd=NODE, input=json.dumps(jobs).encode(), capture_output=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    answers: list[Any] = json.loads(done.stdout)
    assert len(answers) == len(jobs)
    return answers


def job(do: str, request: HttpRequest, algorithm: str, **more: Any) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    for name, value in request.headers:
        headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
    host = next(value for name, value in request.headers if name == b"host").decode()
    message = {
        "method": request.method.decode(),
        "url": f"{request.scheme}://{host}{request.target.decode()}",
        "headers": {name: values[0] if len(values) == 1 else values for name, values in headers.items()},
    }
    made = {"do": do, "algorithm": algorithm, "keyId": KEY_ID, "message": message} | more
    if algorithm == HMAC:
        return made | {"secret": suite("rfc9421")["keys"]["test-shared-secret"]["secret_base64"]}
    return made | {"private": private_pem(algorithm).decode(), "public": public_pem(algorithm).decode()}


def drawn(seed: int, algorithms: tuple[str, ...] = ALGORITHMS) -> Generated:
    made = generate(seed, algorithms)
    if made.request.target.endswith(b"?"):
        made = replace(made, request=replace(made.request, target=made.request.target[:-1]))
    return made


def digested(made: Generated) -> HttpRequest:
    if '"content-digest"' not in made.components:
        return made.request
    value = digest.write_content_digest(made.request.content or b"", made.options["digest"])
    return replace(made.request, headers=(*made.request.headers, (b"content-digest", value)))


def we_verify(request: HttpRequest, made: Generated) -> bool:
    found = verdict(request, pair(made.algorithm).key, Demand(required_components=made.components))
    return isinstance(found, Verified)


def we_sign(made: Generated) -> HttpRequest:
    return signed(made.algorithm, made.request, NOW, **made.options, components=" ".join(made.components))


def test_what_is_signed_here_is_verified_there() -> None:
    made = [drawn(seed) for seed in range(COUNT)]
    answers = ask([job("verify", we_sign(one), one.algorithm) for one in made])
    assert [one for one, answer in zip(made, answers, strict=True) if answer is not True] == []
    seen = Counter(name for one in made for name in (one.algorithm, *names_of(one)))
    print(f"{COUNT} requests signed here and verified by the npm package, 0 disagreements; covered: {dict(seen)}")
    assert set(ALGORITHMS) <= set(seen)


def test_what_is_signed_there_is_verified_here() -> None:
    made = [drawn(seed) for seed in range(COUNT, 2 * COUNT)]
    requests = [digested(one) for one in made]
    jobs = [
        job(
            "sign",
            request,
            one.algorithm,
            fields=list(one.components),
            params=["created", "keyid", *(name for name in ("alg", "nonce", "tag") if name in one.options)],
            created=NOW,
            nonce=one.options.get("nonce"),
            tag=one.options.get("tag"),
        )
        for one, request in zip(made, requests, strict=True)
    ]
    for one, request, headers in zip(made, requests, ask(jobs), strict=True):
        added = tuple((name.lower().encode(), str(headers[name]).encode()) for name in ("Signature-Input", "Signature"))
        assert we_verify(replace(request, headers=(*request.headers, *added)), one), one
    print(f"{COUNT} requests signed by the npm package and verified here, 0 disagreements")


def test_a_change_is_seen_by_both_or_by_neither() -> None:
    made = [drawn(seed, (HMAC, "ed25519")) for seed in range(2 * COUNT, 3 * COUNT)]
    others = [changed(one, we_sign(one), seed) for seed, one in enumerate(made)]
    answers = ask([job("verify", other, one.algorithm) for one, other in zip(made, others, strict=True)])
    seen: Counter[bool] = Counter()
    for one, other, answer in zip(made, others, answers, strict=True):
        assert we_verify(other, one) is answer, (one, other)
        seen[answer] += 1
    print(f"{COUNT} requests with one change, 0 disagreements: {dict(seen)}")
    assert min(seen[True], seen[False]) > COUNT // 10


def test_structured_fields_are_read_alike() -> None:
    """The suite's texts, and each of them with one byte changed; base64 is compared in its canonical form only."""
    pick = random.Random(9651)
    jobs = []
    for case in suite("structured-fields-subset")["cases"]:
        field = ", ".join(case["raw"])
        for _ in range(8):
            position = pick.randrange(len(field) + 1)
            other = field[:position] + pick.choice(["", *'"\\;,:=()?*.-_0a9A ']) + field[position + 1 :]
            jobs.append({"do": "read", "kind": case["header_type"], "field": other})
    seen: Counter[str] = Counter()
    parse: dict[str, Any] = {
        "item": lambda text: sf.serialise_item(sf.parse_item(text)),
        "list": lambda text: sf.serialise_list(sf.parse_list(text)),
        "dictionary": lambda text: sf.serialise_dictionary(sf.parse_dictionary(text)),
    }
    for asked, answer in zip(jobs, ask(jobs), strict=True):
        try:
            ours = parse[asked["kind"]](asked["field"].encode("latin-1")).decode()
        except sf.StructuredFieldError:
            ours = None
        if ours is None and answer is not None and ":" in asked["field"]:
            seen["base64 that only they take"] += 1
            continue
        assert (ours is None) == (answer is None), asked
        # JavaScript has one kind of number: 1.0 is written as 1 there.
        assert ours == answer or "." in asked["field"], asked
        seen["refused" if ours is None else "read"] += 1
    print(f"{len(jobs)} structured fields compared with structured-headers, 0 disagreements: {dict(seen)}")
    assert min(seen["refused"], seen["read"]) > 200
