"""Streamed bodies as other programs write them: botocore's framing and checksums, minio-go's chunk and trailer signatures."""

import base64
import hashlib
import hmac
import io
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from awscrt import checksums as native
from botocore.httpchecksum import _CHECKSUM_CLS, AwsChunkedWrapper

from counterseal.core.body import HMAC_CHUNKS, BodyEnd, BodyVerifier, DeferredBody, Pending, PendingEnd, advance, chain_of
from counterseal.core.body.checksums import known
from counterseal.core.model import Rejected
from counterseal.core.payload import ChunkSigned, ChunkUnsigned
from tests.core.body.upload import SCOPE, TIMESTAMP, run, split
from tests.support.require import require_program

# The program is built first, and what it needs is fetched.
pytestmark = pytest.mark.timeout(1800)
SECRET = b"a secret of some length"


def _signing_key() -> bytes:
    key = b"AWS4" + SECRET
    for part in (b"20130524", b"us-east-1", b"s3", b"aws4_request"):
        key = hmac.new(key, part, hashlib.sha256).digest()
    return key


def test_botocores_framing_and_checksums() -> None:
    """What boto3 sends by default: every checksum that both know, any chunk size, read in any sizes."""
    draw = random.Random(20130524)
    names = sorted(name for name in _CHECKSUM_CLS if f"x-amz-checksum-{name}" in known())
    assert names == ["crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512"]
    seen: Counter[str] = Counter()
    for _ in range(3000):
        name = draw.choice(names)
        content = draw.randbytes(draw.choice([0, 1, draw.randrange(2000), draw.randrange(20000)]))
        wrapper = AwsChunkedWrapper(
            io.BytesIO(content),
            checksum_cls=_CHECKSUM_CLS[name],
            checksum_name=f"x-amz-checksum-{name}",
            chunk_size=draw.choice([1 << 20, draw.randrange(1, 5000)]),
        )
        pieces = []
        while piece := wrapper.read(draw.randrange(1, 9000)):
            pieces.append(piece)
        duty = ChunkUnsigned(decoded_length=len(content), trailers=(f"x-amz-checksum-{name}",))
        outcome = run(duty, pieces)
        assert isinstance(outcome.end, BodyEnd)
        assert (outcome.held, outcome.verified) == (content, b"")
        seen[name] += 1
        wire = bytearray(b"".join(pieces))
        wire[draw.randrange(len(wire))] ^= draw.randrange(1, 256)
        changed = run(duty, [bytes(wire)])
        assert isinstance(changed.end, Rejected) or changed.held == content  # the case of a size's letters
    print(f"botocore: 3000 bodies, 0 disagreements: {dict(seen)}")


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that writes uploads with minio-go."""
    program = tmp_path_factory.mktemp("minio") / "uploads"
    command = [require_program("go"), "build", "-o", str(program), "."]
    done = subprocess.run(command, cwd=Path(__file__).parent / "minio", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def _uploads(program: Path, asked: list[tuple[int, int, str, str, str]]) -> list[tuple[str, bytes]]:
    lines = "".join(" ".join(map(str, one)) + "\n" for one in asked)
    done = subprocess.run([program], input=lines.encode(), capture_output=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    stream = io.BytesIO(done.stdout)

    def block() -> bytes:
        return stream.read(int(stream.read(8), 16))

    return [(block().decode(), block()) for _ in asked]


def _content(size: int, seed: int) -> bytes:
    return bytes([(i * seed + (i >> 8)) & 0xFF for i in range(size)])


def _asked() -> list[tuple[int, int, str, str, str]]:
    draw = random.Random(1)
    asked = []
    for number in range(3000):
        size = draw.randrange(1, 3000)
        if number % 60 == 0:
            size = draw.choice([65535, 65536, 65537, 131072, 140000])
        seed = draw.randrange(1, 255)
        value = base64.b64encode(native.crc32c(_content(size, seed)).to_bytes(4, "big")).decode()
        kind = draw.choice(["signed", "signed", "signed", "unsigned"])
        trailer = kind == "unsigned" or draw.random() < 0.6
        asked.append((size, seed, *(("x-amz-checksum-crc32c", value) if trailer else ("-", "-")), kind))
    return asked


def test_minio_gos_chunks_and_trailers(minio: Path) -> None:
    """Each upload verifies, with the key at hand and by its links; one changed byte, and it does not."""
    asked, draw, key = _asked(), random.Random(2), _signing_key()
    seen: Counter[str] = Counter()
    for (size, seed, name, _, kind), (signature, wire) in zip(asked, _uploads(minio, asked), strict=True):
        trailers = () if name == "-" else (name,)
        content = _content(size, seed)
        pieces = split(wire, [draw.randrange(len(wire)) for _ in range(draw.randrange(4))])
        seen[f"{kind}, {'trailer' if trailers else 'no trailer'}"] += 1
        duty: ChunkSigned | ChunkUnsigned = ChunkUnsigned(decoded_length=size, trailers=trailers)
        if kind == "signed":
            duty = ChunkSigned(
                algorithm=HMAC_CHUNKS,
                seed_signature=signature,
                timestamp=TIMESTAMP,
                scope=SCOPE,
                signed_trailer=bool(trailers),
                decoded_length=size,
                trailers=trailers,
            )
            _check_links(duty, pieces, key)
        outcome = run(duty, pieces, key if kind == "signed" else None)
        assert isinstance(outcome.end, BodyEnd), outcome.end
        assert (outcome.verified or outcome.held) == content
        place = draw.randrange(len(wire))
        changed = wire[:place] + bytes([wire[place] ^ draw.randrange(1, 256)]) + wire[place + 1 :]
        other = run(duty, [changed], key if kind == "signed" else None)
        assert content.startswith(other.verified)
        assert isinstance(other.end, Rejected) or wire[place : place + 1].swapcase() == changed[place : place + 1]
    print(f"minio-go: {len(asked)} uploads, 0 disagreements: {dict(seen)}")


def _check_links(duty: ChunkSigned, pieces: list[bytes], key: bytes) -> None:
    body, links = DeferredBody(duty), []
    for piece in pieces:
        pending = body.feed(piece)
        assert isinstance(pending, Pending)
        links += [chunk.link for chunk in pending.chunks]
    end = body.finish()
    assert isinstance(end, PendingEnd)
    done = advance(chain_of(duty), key, links, end.trailer)
    assert not isinstance(done, Rejected)
    assert done.complete
    assert isinstance(BodyVerifier(duty, key=key).finish(), Rejected)
