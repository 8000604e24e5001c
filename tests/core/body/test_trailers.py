"""Trailers and their checksums: what may stand in them, in which framing, and what they are compared with."""

import base64
import builtins
import hashlib
import sys
import zlib
from typing import Any

import pytest
from awscrt import checksums as native

from counterseal.core.body import BodyEnd, BodyVerifier
from counterseal.core.body import checksums as ours
from counterseal.core.model import Reason, Rejected
from tests.core.body.upload import (
    CRC32,
    KEY,
    Outcome,
    Signer,
    crc32,
    run,
    signed_body,
    signed_duty,
    unsigned_body,
    unsigned_duty,
)

CONTENT = b"123456789"
OTHER = "x-amz-meta-a"


def encoded(number: int, size: int) -> str:
    return base64.b64encode(number.to_bytes(size, "big")).decode()


GOOD = {
    "crc32": encoded(zlib.crc32(CONTENT), 4),
    "crc32c": encoded(native.crc32c(CONTENT), 4),
    "crc64nvme": encoded(native.crc64nvme(CONTENT), 8),
    "sha1": base64.b64encode(hashlib.sha1(CONTENT).digest()).decode(),
    "sha256": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
    "sha512": base64.b64encode(hashlib.sha512(CONTENT).digest()).decode(),
}


def unsigned(trailer: list[tuple[str, str]], declared: list[str] | None = None) -> Outcome:
    names = [name for name, _ in trailer] if declared is None else declared
    return run(unsigned_duty(len(CONTENT), names), unsigned_body([CONTENT[:4], CONTENT[4:]], trailer))


def signed(trailer: list[tuple[str, str]], declared: list[str] | None = None) -> Outcome:
    names = [name for name, _ in trailer] if declared is None else declared
    return run(signed_duty(len(CONTENT), names), signed_body([CONTENT[:4], CONTENT[4:]], trailer), KEY)


def reason(outcome: Outcome) -> Reason | None:
    return outcome.end.reason if isinstance(outcome.end, Rejected) else None


def test_the_published_check_values() -> None:
    """The "check" values of the CRC catalogues: what every implementation makes of "123456789"."""
    assert GOOD["crc32"] == encoded(0xCBF43926, 4)
    assert GOOD["crc32c"] == encoded(0xE3069283, 4)
    assert GOOD["crc64nvme"] == encoded(0xAE8B14860A799888, 8)


@pytest.mark.parametrize("name", GOOD)
def test_every_known_checksum(name: str) -> None:
    field, good = ours.PREFIX + name, GOOD[name]
    for upload in (unsigned, signed):
        assert upload([(field, good)]).end == BodyEnd(length=9, trailers=((field, good),))
        wrong = base64.b64encode(bytes(len(base64.b64decode(good)))).decode()
        for bad in (wrong, good.rstrip("="), good + "=", good.swapcase(), "0", base64.b64decode(good).hex()):
            if bad != good:
                assert reason(upload([(field, bad)])) is Reason.PAYLOAD_MISMATCH, bad


@pytest.mark.parametrize("name", ["md5", "xxhash64", "xxhash3", "xxhash128", "crc16", "", "CRC32", "crc32 "])
def test_unknown_checksums_are_refused_before_the_body(name: str) -> None:
    for duty, key in ((unsigned_duty(9, [ours.PREFIX + name]), None), (signed_duty(9, [ours.PREFIX + name]), KEY)):
        rejected = BodyVerifier(duty, key=key).rejected
        assert rejected is not None
        assert rejected.reason is Reason.UNSUPPORTED_SCHEME


def test_without_awscrt_its_checksums_are_refused_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("awscrt"):
            raise ImportError(name)
        return real(name, *rest)

    ours.known.cache_clear()
    monkeypatch.delitem(sys.modules, "awscrt", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    try:
        assert reason(unsigned([(ours.PREFIX + "crc32c", GOOD["crc32c"])])) is Reason.UNSUPPORTED_SCHEME
        assert reason(unsigned([(ours.PREFIX + "crc64nvme", GOOD["crc64nvme"])])) is Reason.UNSUPPORTED_SCHEME
        for name in ("crc32", "sha1", "sha256", "sha512"):
            assert reason(unsigned([(ours.PREFIX + name, GOOD[name])])) is None
        assert reason(unsigned([(CRC32, GOOD["crc32c"])])) is Reason.PAYLOAD_MISMATCH
    finally:
        ours.known.cache_clear()


def test_several_checksums_must_all_match() -> None:
    pair = [(CRC32, GOOD["crc32"]), (ours.PREFIX + "sha256", GOOD["sha256"])]
    for upload in (unsigned, signed):
        assert reason(upload(pair)) is None
        assert reason(upload(pair[::-1])) is None
        assert reason(upload([pair[0], (pair[1][0], GOOD["sha1"])])) is Reason.PAYLOAD_MISMATCH


def test_unsigned_chunks_need_checksums_and_take_nothing_else() -> None:
    """Without one nothing would be checked; and any other field would come from nobody."""
    for names in ([], [OTHER], [CRC32, OTHER]):
        verifier = BodyVerifier(unsigned_duty(9, names))
        assert verifier.rejected is not None
        assert verifier.rejected.reason is Reason.MALFORMED
    assert reason(signed([(CRC32, GOOD["crc32"]), (OTHER, "a b")])) is None
    assert signed([(OTHER, "a b")]).end == BodyEnd(length=9, trailers=((OTHER, "a b"),))


@pytest.mark.parametrize("declared", [[CRC32, CRC32], [CRC32, "x-amz-trailer-signature"]])
def test_what_cannot_be_declared(declared: list[str]) -> None:
    for duty, key in ((unsigned_duty(9, declared), None), (signed_duty(9, declared), KEY)):
        rejected = BodyVerifier(duty, key=key).rejected
        assert rejected is not None
        assert rejected.reason is Reason.MALFORMED


def test_trailers_and_their_announcement_agree() -> None:
    """A trailer that is declared, while only chunks are announced as signed; and the reverse."""
    from dataclasses import replace

    for duty in (
        replace(signed_duty(9, [CRC32]), signed_trailer=False),
        replace(signed_duty(9), signed_trailer=True),
    ):
        rejected = BodyVerifier(duty, key=KEY).rejected
        assert rejected is not None
        assert rejected.reason is Reason.MALFORMED


def test_declared_fields_each_once_and_no_other() -> None:
    good = (CRC32, GOOD["crc32"])
    sha1 = (ours.PREFIX + "sha1", GOOD["sha1"])
    for upload in (unsigned, signed):
        assert reason(upload([good], [CRC32, sha1[0]])) is Reason.MALFORMED
        assert reason(upload([good, sha1], [CRC32])) is Reason.MALFORMED
        assert reason(upload([good, good], [CRC32])) is Reason.MALFORMED
        assert reason(upload([good, good], [CRC32, sha1[0]])) is Reason.MALFORMED
        assert reason(upload([sha1], [CRC32])) is Reason.MALFORMED
        assert reason(upload([], [CRC32])) is Reason.MALFORMED


@pytest.mark.parametrize(
    "line",
    [
        "{n}: {v}", "{n} :{v}", " {n}:{v}", "{n}:{v} ", "{n}:\t{v}", "{N}:{v}", "{n}={v}", "{n}", "{n}:", ":{v}", "",
        "{n}:{v}\r", "{n}:{v}\x00", "{n}:{v};x=y", "{n}:{v}\r\n x", "{n}:\xe9",
    ],
)  # fmt: skip
def test_fields_have_one_spelling(line: str) -> None:
    text = line.format(n=CRC32, N=CRC32.upper(), v=GOOD["crc32"]).encode("latin-1")
    frames = unsigned_body([CONTENT], [(CRC32, GOOD["crc32"])])
    frames[-2] = text + b"\r\n"
    outcome = run(unsigned_duty(9), frames)
    assert isinstance(outcome.end, Rejected)
    frames = signed_body([CONTENT], [(CRC32, GOOD["crc32"])])
    frames[-3] = text + b"\r\n"
    assert isinstance(run(signed_duty(9, [CRC32]), frames, KEY).end, Rejected)


def test_the_second_framing() -> None:
    """Amazon's documentation and minio-go end fields by LF, then comes an empty line; what is signed is the same."""
    trailer = [(CRC32, GOOD["crc32"]), (ours.PREFIX + "sha1", GOOD["sha1"])]
    lines = "".join(f"{name}:{value}\n" for name, value in trailer).encode()
    frames = signed_body([CONTENT], trailer)
    frames[-3] = lines + b"\r\n"
    assert isinstance(run(signed_duty(9, [name for name, _ in trailer]), frames, KEY).end, BodyEnd)
    frames = unsigned_body([CONTENT], trailer)
    frames[-2] = lines + b"\r\n"
    assert isinstance(run(unsigned_duty(9, [name for name, _ in trailer]), frames).end, BodyEnd)
    for mixed in (lines, lines.replace(b"\n", b"\r\n", 1) + b"\r\n", lines.replace(b"\n", b"\r\n") + b"\n", lines + b"\n"):
        frames = signed_body([CONTENT], trailer)
        frames[-3] = mixed
        assert reason(run(signed_duty(9, [name for name, _ in trailer]), frames, KEY)) is Reason.MALFORMED, mixed


def test_the_trailers_signature() -> None:
    trailer = [(CRC32, GOOD["crc32"])]
    good = signed_body([CONTENT], trailer)
    duty = signed_duty(9, [CRC32])
    assert isinstance(run(duty, good, KEY).end, BodyEnd)
    signature = good[-2]
    chunks = Signer()
    for wrong in (
        b"",
        b"x-amz-trailer-signature:\r\n",
        b"X-Amz-Trailer-Signature" + signature[23:],
        signature[:-2] + b"0\r\n",
        signature.upper(),
        signature + signature,
        b"x-amz-trailer-signatures" + signature[23:],
        signature[:-2] + b"*\r\n",
    ):
        frames = [*good[:-2], wrong, good[-1]]
        assert reason(run(duty, frames, KEY)) is Reason.MALFORMED, wrong
    last = [chunks.chunk(c) for c in (CONTENT, b"")][-1]  # a chunk's signature is none of a trailer
    for other in (b"0" * 64, last.encode()):
        frames = [*good[:-2], b"x-amz-trailer-signature:%s\r\n" % other, good[-1]]
        assert reason(run(duty, frames, KEY)) is Reason.MISMATCH
    assert reason(run(duty, [*good[:-3], good[-2], good[-1]], KEY)) is Reason.MALFORMED
    assert reason(run(duty, [*good[:-3], good[-2], good[-3], good[-1]], KEY)) is Reason.MALFORMED


def test_a_changed_checksum_that_is_signed_fails_by_its_signature() -> None:
    trailer = [(CRC32, GOOD["crc32"])]
    frames = signed_body([CONTENT], trailer)
    frames[-3] = f"{CRC32}:{crc32(b'other')}\r\n".encode()
    assert reason(run(signed_duty(9, [CRC32]), frames, KEY)) is Reason.MISMATCH


def test_trailers_are_bounded() -> None:
    verifier = BodyVerifier(unsigned_duty(0))
    verifier.feed(b"0\r\n")
    fed = 0
    while not isinstance(verifier.feed(b"x-amz-a:" * 32), Rejected):
        fed += 256
        assert fed < 10_000
    assert verifier.rejected is not None
    assert "8192" in verifier.rejected.detail
    at_once = run(unsigned_duty(0), [b"0\r\n" + b"x-amz-a:" * 1025 + b"\r\n\r\n"])
    assert at_once.end == verifier.rejected
