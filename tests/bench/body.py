"""How `BodyVerifier` keeps up: its rate beside `hashlib.sha256` alone, on chunks of 64 KiB, and its memory on a long stream.

python -m tests.bench.body [--rounds 21] [--chunks 500] [--gib 5] [--out docs/bench]

A round does every kind of body once, between two times of hashing the same bytes alone, in one process; what is quoted is the
median over rounds of the ratio within a round, in CPU time of the process. Bodies come in pieces of 64 KiB that do not fall
together with chunks, as they come off a socket. The long stream runs in a process of its own, and what counts is how much its
memory grew.
"""

import argparse
import base64
import hashlib
import hmac
import json
import resource
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core.body import BodyEnd, BodyVerifier, ChunkKey, Fed
from counterseal.core.model import PublicKey
from counterseal.core.payload import BodySha256, ChunkSigned, ChunkUnsigned
from tests.bench.plot import draw_bodies
from tests.bench.report import put_bodies_into

DEFAULT_OUT = Path("docs/bench")
CHUNK = 64 * 1024
PIECE = 64 * 1024
KEY = hashlib.sha256(b"a derived key").digest()
BLOCKS = [hashlib.shake_128(bytes([n])).digest(CHUNK) for n in range(16)]
DIGESTS = [hashlib.sha256(block).hexdigest() for block in BLOCKS]
NOTHING = hashlib.sha256(b"").hexdigest()
HEAD = "20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
SEED = "0" * 64
CRC32 = "x-amz-checksum-crc32"
# Hashing alone has to do the same work, at least; the bound is on these kinds.
BOUNDED = {"signed chunks": 0.7, "whole-body hash": 0.7}

_PRIVATE = ec.derive_private_key(2**200 + 1, ec.SECP256R1())
PUBLIC = PublicKey(
    algorithm="ecdsa-p256-sha256",
    spki=_PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
)
Duty = ChunkSigned | ChunkUnsigned | BodySha256


def main() -> int:
    options = _options()
    if options.stream:
        print(json.dumps(_long_stream(options.stream)))
        return 0
    rounds = _rounds(options.rounds, options.chunks)
    ratios = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f} of the rate of hashlib.sha256 alone, median of {len(rounds)} rounds")
    command = [sys.executable, "-m", "tests.bench.body", "--stream", str(int(options.gib * 2**30))]
    memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"a stream of {memory['bytes'] / 2**30:g} GiB: {memory['grew_kib']} KiB more memory than after its first 16 MiB")
    options.out.mkdir(parents=True, exist_ok=True)
    content = {"summary": ratios, "memory": memory, "rounds": rounds}
    (options.out / "body.json").write_text(json.dumps(content, indent=1) + "\n")
    draw_bodies(rounds, options.out / "body.svg")
    if options.out == DEFAULT_OUT:
        put_bodies_into(Path("README.md"), ratios, len(rounds))
    print(f"written: {options.out / 'body.json'}, body.svg")
    short = [name for name, bound in BOUNDED.items() if ratios[name] < bound]
    if short:
        print(f"below its bound: {', '.join(short)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.body", description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--chunks", type=int, default=500, help="chunks of 64 KiB in each body")
    parser.add_argument("--gib", type=float, default=5.0, help="length of the long stream")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--stream", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _rounds(count: int, chunks: int) -> list[dict[str, float]]:
    kinds: dict[str, Callable[[], None]] = {
        "signed chunks": partial(_verify, *_signed(chunks)),
        "signed chunks and a signed CRC-32": partial(_verify, *_signed(chunks, trailer=True)),
        "chunks signed with ECDSA P-256": partial(_verify, *_signed(chunks, ecdsa=True)),
        "unsigned chunks and a CRC-32": partial(_verify, *_unsigned(chunks)),
        "whole-body hash": partial(_verify, *_whole(chunks)),
    }
    # As many bytes in as many places as the bodies have: whether they are in the processor's cache counts for a tenth.
    alone = partial(_hash_alone, [bytes(bytearray(BLOCKS[number % len(BLOCKS)])) for number in range(chunks)])
    alone()
    for warm_up in kinds.values():
        warm_up()
    rounds = []
    for _ in range(count):
        before = _cpu(alone)
        costs = {}
        for name, step in kinds.items():
            cost = _cpu(step)
            after = _cpu(alone)
            costs[name] = (before + after) / 2 / cost
            before = after
        rounds.append(costs)
    return rounds


def _cpu(step: Callable[[], None]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def _hash_alone(blocks: list[bytes]) -> None:
    for block in blocks:
        hashlib.sha256(block).digest()


def _verify(duty: Duty, key: ChunkKey | None, pieces: list[bytes]) -> None:
    verifier = BodyVerifier(duty, key=key)
    length = 0
    for piece in pieces:
        fed = verifier.feed(piece)
        if not isinstance(fed, Fed):
            raise RuntimeError(fed.detail)
        length += sum(map(len, fed.verified)) + sum(len(one.unverified) for one in fed.held)
    end = verifier.finish()
    if not isinstance(end, BodyEnd) or end.length != length:
        raise RuntimeError("the body did not verify")


def _cut(frames: Iterator[bytes], size: int = PIECE) -> Iterator[bytes]:
    rest = bytearray()
    for frame in frames:
        rest += frame
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    yield bytes(rest)


def _signed(chunks: int, *, trailer: bool = False, ecdsa: bool = False) -> tuple[ChunkSigned, ChunkKey, list[bytes]]:
    duty = ChunkSigned(
        algorithm="AWS4-ECDSA-P256-SHA256-PAYLOAD" if ecdsa else "AWS4-HMAC-SHA256-PAYLOAD",
        seed_signature=SEED,
        timestamp=HEAD.split("\n", maxsplit=1)[0],
        scope=HEAD.split("\n")[1],
        signed_trailer=trailer,
        decoded_length=chunks * CHUNK,
        trailers=(CRC32,) if trailer else (),
    )
    return duty, PUBLIC if ecdsa else KEY, list(_cut(_signed_frames(chunks, trailer=trailer, ecdsa=ecdsa)))


def _signed_frames(chunks: int, *, trailer: bool = False, ecdsa: bool = False) -> Iterator[bytes]:
    algorithm = "AWS4-ECDSA-P256-SHA256" if ecdsa else "AWS4-HMAC-SHA256"
    previous, crc = SEED, 0
    for number in range(chunks + 1):
        last = number == chunks
        block = b"" if last else BLOCKS[number % len(BLOCKS)]
        digest = NOTHING if last else DIGESTS[number % len(BLOCKS)]
        previous = _sign(f"{algorithm}-PAYLOAD\n{HEAD}{previous}\n{NOTHING}\n{digest}", ecdsa)
        crc = zlib.crc32(block, crc) if trailer else 0
        end = b"" if last and trailer else b"\r\n"
        yield b"%x;chunk-signature=%s\r\n%s%s" % (len(block), previous.encode(), block, end)
    if trailer:
        field = f"{CRC32}:{base64.b64encode(crc.to_bytes(4, 'big')).decode()}"
        digest = hashlib.sha256(f"{field}\n".encode()).hexdigest()
        signature = _sign(f"{algorithm}-TRAILER\n{HEAD}{previous}\n{digest}", ecdsa)
        yield f"{field}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()


def _sign(text: str, ecdsa: bool) -> str:
    if ecdsa:
        return _PRIVATE.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def _unsigned(chunks: int) -> tuple[ChunkUnsigned, None, list[bytes]]:
    crc = 0
    frames = []
    for number in range(chunks):
        crc = zlib.crc32(BLOCKS[number % len(BLOCKS)], crc)
        frames.append(b"%x\r\n%s\r\n" % (CHUNK, BLOCKS[number % len(BLOCKS)]))
    frames.append(b"0\r\n%s:%s\r\n\r\n" % (CRC32.encode(), base64.b64encode(crc.to_bytes(4, "big"))))
    return ChunkUnsigned(decoded_length=chunks * CHUNK, trailers=(CRC32,)), None, list(_cut(iter(frames)))


def _whole(chunks: int) -> tuple[BodySha256, None, list[bytes]]:
    pieces = [BLOCKS[number % len(BLOCKS)] for number in range(chunks)]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return BodySha256(sha256=digest.digest()), None, pieces


def _long_stream(length: int) -> dict[str, int]:
    """Verify a stream that is made while it is read, and return how much this process's memory grew after its beginning."""
    chunks = length // CHUNK
    duty = ChunkSigned(
        algorithm="AWS4-HMAC-SHA256-PAYLOAD",
        seed_signature=SEED,
        timestamp=HEAD.split("\n", maxsplit=1)[0],
        scope=HEAD.split("\n")[1],
        signed_trailer=False,
        decoded_length=chunks * CHUNK,
        trailers=(),
    )
    verifier, done, at_first = BodyVerifier(duty, key=KEY), 0, 0
    for piece in _cut(_signed_frames(chunks)):
        fed = verifier.feed(piece)
        if not isinstance(fed, Fed):
            raise RuntimeError(fed.detail)
        done += sum(map(len, fed.verified))
        if not at_first and done >= 16 << 20:
            at_first = _peak_kib()
    if verifier.finish() != BodyEnd(length=chunks * CHUNK):
        raise RuntimeError("the stream did not verify")
    return {"bytes": done, "grew_kib": _peak_kib() - (at_first or _peak_kib()), "peak_kib": _peak_kib()}


def _peak_kib() -> int:
    """Return the most memory that this program has had. Linux hands `ru_maxrss` on to started processes: it hides growth."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    sys.exit(main())
