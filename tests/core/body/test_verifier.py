"""`BodyVerifier` as a contract: which duties, which keys, and what a rejection means from then on."""

import hashlib
from typing import Any

import pytest

from counterseal.core.body import BodyEnd, BodyVerifier, Fed, Held
from counterseal.core.model import Reason, Rejected
from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, LeftToCaller, Unsigned
from tests.core.body.upload import CRC32, KEY, Duty, run, signed_body, signed_duty, unsigned_duty

BODY = b"what was signed"
SHA256 = hashlib.sha256(BODY).digest()
SHA512 = hashlib.sha512(BODY).digest()


@pytest.mark.parametrize(
    "duty",
    [
        BodySha256(sha256=SHA256),
        BodyDigests(digests=(("sha-256", SHA256),)),
        BodyDigests(digests=(("sha-512", SHA512),)),
        BodyDigests(digests=(("sha-256", SHA256), ("sha-512", SHA512))),
    ],
)
def test_whole_bodies(duty: Duty) -> None:
    for pieces in ([BODY], [BODY[:3], b"", BODY[3:]], [bytes([byte]) for byte in BODY]):
        outcome = run(duty, pieces)
        assert (outcome.verified, outcome.held, outcome.end) == (b"", BODY, BodyEnd(length=len(BODY)))
    for wrong in (b"", BODY[:-1], BODY + b"x", BODY.upper()):
        outcome = run(duty, [wrong])
        assert isinstance(outcome.end, Rejected)
        assert (outcome.end.reason, outcome.verified) == (Reason.PAYLOAD_MISMATCH, b"")


def test_every_digest_must_match() -> None:
    for digests in (
        (("sha-256", SHA256), ("sha-512", SHA512[::-1])),
        (("sha-256", SHA256[::-1]), ("sha-512", SHA512)),
        (("sha-256", SHA256), ("sha-256", b"")),
        (("sha-256", SHA512),),
    ):
        end = run(BodyDigests(digests=digests), [BODY]).end
        assert isinstance(end, Rejected)
        assert end.reason is Reason.PAYLOAD_MISMATCH


@pytest.mark.parametrize("digests", [(), (("md5", b"x"),), (("sha-256", SHA256), ("md5", b"x")), (("SHA-256", SHA256),)])
def test_no_digest_or_an_unknown_one_is_refused_at_once(digests: tuple[tuple[str, bytes], ...]) -> None:
    verifier = BodyVerifier(BodyDigests(digests=digests))
    assert verifier.rejected is not None
    assert verifier.rejected.reason is Reason.UNSUPPORTED_SCHEME
    assert verifier.feed(BODY) == verifier.finish() == verifier.rejected


@pytest.mark.parametrize("duty", [AlreadyChecked(), Unsigned(), LeftToCaller(), None])
def test_duties_that_leave_nothing_to_verify(duty: Any) -> None:
    with pytest.raises(ValueError, match="duty"):
        BodyVerifier(duty)


def test_keys_go_with_signed_chunks_and_with_nothing_else() -> None:
    with pytest.raises(ValueError, match="key"):
        BodyVerifier(signed_duty())
    for duty in (BodySha256(sha256=SHA256), unsigned_duty()):
        with pytest.raises(ValueError, match="key"):
            BodyVerifier(duty, key=KEY)


def test_a_finished_body_takes_no_more() -> None:
    verifier = BodyVerifier(BodySha256(sha256=SHA256))
    verifier.feed(BODY)
    assert verifier.finish() == verifier.finish() == BodyEnd(length=len(BODY))
    with pytest.raises(ValueError, match="finished"):
        verifier.feed(b"x")


def test_a_step_that_broke_off_is_a_rejection_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt or a bug in the middle of a piece leaves nothing that may be trusted."""
    verifier = BodyVerifier(signed_duty(), key=KEY)
    (first, second, *_) = signed_body([b"one", b"two"])
    assert isinstance(verifier.feed(first), Fed)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("counterseal.core.body.chain.same", interrupt)
        with pytest.raises(KeyboardInterrupt):
            verifier.feed(second)
    assert isinstance(verifier.feed(second), Rejected)
    assert isinstance(verifier.finish(), Rejected)


def test_unverified_bytes_say_so() -> None:
    """They are no bytes until somebody writes `unverified`, and are not shown in logs."""
    fed = BodyVerifier(BodySha256(sha256=SHA256)).feed(BODY)
    assert fed == Fed(held=(Held(unverified=BODY),))
    assert BODY.decode() not in repr(fed)
    with pytest.raises(TypeError):
        b"".join(fed.held)  # type: ignore[arg-type]
    assert CRC32 in repr(unsigned_duty())
