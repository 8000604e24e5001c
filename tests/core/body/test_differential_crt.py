"""Chunks and trailers signed by the AWS Common Runtime, SigV4 and SigV4A. Python's awscrt offers no chunks; Java's does."""

import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from counterseal.core import asymmetric
from counterseal.core.body import BodyEnd, ChunkKey
from counterseal.core.model import Rejected, Scope
from counterseal.core.payload import ChunkSigned
from counterseal.core.schemes.aws_sigv4 import signing_key
from counterseal.core.sigv4.ecdsa import private_scalar
from tests.clients.stubs.toolchain import build, java_runtime
from tests.core.body.upload import TIMESTAMP, run, split

# The program is built first, and what it needs is fetched.
pytestmark = pytest.mark.timeout(1800)
FOLDER = Path(__file__).parent / "crt"
KEY_ID, SECRET = "AKIDEXAMPLE", b"a secret of some length"
SCOPES = {"v4": "20130524/us-east-1/s3/aws4_request", "v4a": "20130524/s3/aws4_request"}
ALGORITHMS = {"v4": "AWS4-HMAC-SHA256-PAYLOAD", "v4a": "AWS4-ECDSA-P256-SHA256-PAYLOAD"}
KEYS: dict[str, ChunkKey] = {
    "v4": signing_key(SECRET, Scope(date="20130524", region="us-east-1", service="s3")),
    "v4a": asymmetric.p256_public(private_scalar(KEY_ID, SECRET)),
}
COUNT = 2500


def _asked() -> list[tuple[str, str, list[bytes], list[tuple[str, str]]]]:
    draw = random.Random(9421)
    asked = []
    for _ in range(COUNT):
        kind = draw.choice(["v4", "v4", "v4a"])
        seed = draw.randbytes(32 if kind == "v4" else draw.randrange(68, 73)).hex()
        chunks = [draw.randbytes(draw.randrange(1, 200)) for _ in range(draw.randrange(4))]
        names = draw.sample(["x-amz-meta-b", "a", "x-amz-meta-a", "zeta"], draw.choice([0, 0, 1, 1, 2, 4]))
        asked.append((kind, seed, chunks, [(name, draw.randbytes(draw.randrange(1, 9)).hex()) for name in names]))
    return asked


@pytest.fixture(scope="module")
def signatures() -> list[list[str]]:
    """What the AWS Common Runtime makes of `_asked`."""
    java = java_runtime()
    built, sources = FOLDER / "target" / "classes" / "Chunks.class", (FOLDER / "src" / "Chunks.java", FOLDER / "pom.xml")
    if not built.exists() or built.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        build(["mvn", "-B", "-q", "compile"], FOLDER)
    lines = []
    for kind, seed, chunks, trailer in _asked():
        fields = ",".join(f"{name}:{value}" for name, value in trailer) or "-"
        lines.append(f"{kind} {seed} {','.join([*(chunk.hex() for chunk in chunks), '-'])} {fields}\n")
    command = [java, "-cp", f"{FOLDER / 'target' / 'classes'}:{FOLDER / 'target' / 'dependency'}/*", "Chunks"]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def _frames(chunks: list[bytes], trailer: list[tuple[str, str]], signed: list[str]) -> list[bytes]:
    frames = [b"%x;chunk-signature=%s\r\n%s\r\n" % (len(c), s.encode(), c) for c, s in zip(chunks, signed, strict=False)]
    frames.append(b"0;chunk-signature=%s\r\n" % signed[len(chunks)].encode())
    if trailer:
        frames.append("".join(f"{name}:{value}\r\n" for name, value in trailer).encode())
        frames.append(f"x-amz-trailer-signature:{signed[-1]}\r\n".encode())
    return [*frames, b"\r\n"]


def test_chunks_and_trailers_of_the_common_runtime(signatures: list[list[str]]) -> None:
    draw, seen = random.Random(1), Counter[str]()
    for (kind, seed, chunks, trailer), signed in zip(_asked(), signatures, strict=True):
        content = b"".join(chunks)
        duty = ChunkSigned(
            algorithm=ALGORITHMS[kind],
            seed_signature=seed,
            timestamp=TIMESTAMP,
            scope=SCOPES[kind],
            signed_trailer=bool(trailer),
            decoded_length=len(content),
            trailers=tuple(name for name, _ in trailer),
        )
        wire = b"".join(_frames(chunks, trailer, signed))
        outcome = run(duty, split(wire, [draw.randrange(len(wire)) for _ in range(3)]), KEYS[kind])
        assert outcome.end == BodyEnd(length=len(content), trailers=tuple(sorted(trailer))), (kind, trailer)
        assert outcome.verified == content
        seen[f"{kind}, {len(chunks)} chunks"] += 1
        seen[f"{kind}, {len(trailer)} fields"] += 1
        place = draw.randrange(len(wire))
        changed = wire[:place] + bytes([wire[place] ^ draw.randrange(1, 256)]) + wire[place + 1 :]
        other = run(duty, [changed], KEYS[kind])
        assert content.startswith(other.verified)
        assert isinstance(other.end, Rejected) or wire[place : place + 1].swapcase() == changed[place : place + 1]
    print(f"AWS Common Runtime: {COUNT} uploads, 0 disagreements: {dict(sorted(seen.items()))}")
