"""The chain of links: what may follow, what is refused, and what an ECDSA signature looks like."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.body import (
    ECDSA_CHUNKS,
    HMAC_CHUNKS,
    ChunkChain,
    ChunkKey,
    Link,
    Next,
    advance,
    chain_of,
    chunk_string_to_sign,
    trailer_string_to_sign,
)
from counterseal.core.model import PublicKey, Reason, Rejected
from tests.core.body.upload import CRC32, KEY, PUBLIC, SCOPE, TIMESTAMP, Signer, ecdsa_signer, signed_duty

CONTENTS = [b"first", b"second", b"third"]
FIELDS = [(CRC32, "AAAAAA==")]


def links_of(signer: Signer, contents: list[bytes]) -> list[Link]:
    return [Link(sha256=hashlib.sha256(c).digest(), signature=signer.chunk(c)) for c in contents]


def trailer_of(signer: Signer) -> Link:
    digest = hashlib.sha256(f"{CRC32}:AAAAAA==\n".encode()).digest()
    return Link(sha256=digest, signature=signer.trailer(FIELDS))


def chain(trailer: bool = False, signer: Signer | None = None) -> ChunkChain:
    return chain_of(signed_duty(trailers=[CRC32] if trailer else [], signer=signer))


def advanced(*arguments: object) -> ChunkChain:
    outcome = advance(*arguments)  # type: ignore[arg-type]
    assert isinstance(outcome, ChunkChain)
    return outcome


def reason(outcome: ChunkChain | Rejected) -> Reason:
    assert isinstance(outcome, Rejected)
    return outcome.reason


@pytest.mark.parametrize("batches", [[4], [1, 1, 1, 1], [2, 2], [3, 1]])
@pytest.mark.parametrize("kind", ["hmac", "ecdsa"])
def test_links_in_any_batches(batches: list[int], kind: str) -> None:
    signer = Signer() if kind == "hmac" else ecdsa_signer()
    key: ChunkKey = KEY if kind == "hmac" else PUBLIC
    now = chain(trailer=True, signer=signer)
    links = links_of(signer, [*CONTENTS, b""])
    for number, size in enumerate(batches):
        assert not now.complete
        start = sum(batches[:number])
        now = advanced(now, key, links[start : start + size])
    assert now.may_follow is Next.TRAILER
    assert not now.complete
    now = advanced(now, key, [], trailer_of(signer))
    assert now.complete
    assert now.previous == signer.previous


def test_all_at_once_with_the_trailer() -> None:
    signer = Signer()
    links = links_of(signer, [b"x", b""])
    assert advanced(chain(trailer=True), KEY, links, trailer_of(signer)).complete


def test_without_a_trailer_the_last_chunk_completes() -> None:
    signer = Signer()
    done = advanced(chain(), KEY, links_of(signer, [b"x", b""]))
    assert done.complete
    assert reason(advance(done, KEY, links_of(signer, [b"more"]))) is Reason.MALFORMED
    assert reason(advance(done, KEY, [], trailer_of(signer))) is Reason.MALFORMED
    assert reason(advance(done, KEY, links_of(Signer(), [b""]))) is Reason.MALFORMED


def test_what_may_not_follow() -> None:
    signer = Signer()
    first = links_of(signer, [b"x"])
    assert reason(advance(chain(trailer=True), KEY, first, trailer_of(signer))) is Reason.MALFORMED
    signer = Signer()
    whole = links_of(signer, [b"x", b""])
    after_last = advanced(chain(trailer=True), KEY, whole)
    assert reason(advance(after_last, KEY, links_of(signer, [b"more"]))) is Reason.MALFORMED
    assert reason(advance(chain(), KEY, whole, trailer_of(signer))) is Reason.MALFORMED


def test_nothing_to_verify_is_not_verified() -> None:
    assert reason(advance(chain(), KEY, [])) is Reason.MALFORMED


def test_reordered_repeated_left_out_or_foreign() -> None:
    links = links_of(Signer(), [*CONTENTS, b""])
    for changed in (
        [links[1], links[0], *links[2:]],
        [links[0], links[0], *links[1:]],
        links[1:],
        [links[0], links[2], links[3]],
        links_of(Signer(previous="6" * 64), CONTENTS),
        links_of(Signer(scope=SCOPE.replace("s3", "s4")), CONTENTS),
        [links[3]],
        [replace(links[0], sha256=links[1].sha256)],
        [replace(links[0], signature=links[1].signature)],
    ):
        assert reason(advance(chain(), KEY, changed)) is Reason.MISMATCH


def test_a_chunk_is_no_trailer_and_a_trailer_no_chunk() -> None:
    signer = Signer()
    links = links_of(signer, [b""])
    trailer = trailer_of(signer)
    after = advanced(chain(trailer=True), KEY, links)
    assert reason(advance(after, KEY, [], replace(trailer, signature=signer.chunk(b"x")))) is Reason.MISMATCH
    assert reason(advance(chain(), KEY, [trailer])) is Reason.MISMATCH


@pytest.mark.parametrize(
    "signature", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, " " + "0" * 63, "0" * 64 + "*", "é" * 64, "\uff10" * 64]
)
def test_signatures_have_one_spelling(signature: str) -> None:
    link = Link(sha256=bytes(32), signature=signature)
    assert reason(advance(chain(), KEY, [link])) is Reason.MALFORMED


def test_ecdsa_signatures_are_padded_to_144_or_not_at_all() -> None:
    plain = ""
    while len(plain) != 142:  # the usual length; one in four is shorter or longer
        signer = ecdsa_signer(pad=False)
        start = chain(signer=signer)
        (link,) = links_of(signer, [b"x"])
        plain = link.signature
    for good in (plain, plain.ljust(144, "*")):
        assert advanced(start, PUBLIC, [replace(link, signature=good)]).previous == plain
    for bad in (plain + "*", plain.ljust(143, "*"), plain.ljust(145, "*"), "*" * 144, plain + "0" * (144 - len(plain) + 2)):
        outcome = advance(start, PUBLIC, [replace(link, signature=bad)])
        assert reason(outcome) is Reason.MALFORMED
    assert reason(advance(start, PUBLIC, [replace(link, signature="3006020100020100")])) is Reason.MISMATCH
    assert reason(advance(start, PUBLIC, [replace(link, sha256=bytes(32))])) is Reason.MISMATCH


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        (HMAC_CHUNKS, b""),
        (HMAC_CHUNKS, KEY + b"x"),
        (HMAC_CHUNKS, PUBLIC),
        (ECDSA_CHUNKS, KEY),
        (ECDSA_CHUNKS, PUBLIC.spki),
        (ECDSA_CHUNKS, PublicKey(algorithm="ecdsa-p384-sha384", spki=PUBLIC.spki)),
    ],
)
def test_kinds_of_keys_never_cross(algorithm: str, key: ChunkKey) -> None:
    start = replace(chain(), algorithm=algorithm)
    with pytest.raises(ValueError, match="key:"):
        advance(start, key, links_of(Signer(), [b"x"]))


@pytest.mark.parametrize("algorithm", ["", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256-TRAILER", "AWS4-HMAC-SHA256-PAYLOAD "])
def test_other_algorithms_are_none(algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        replace(chain(), algorithm=algorithm)


def test_a_hash_of_another_length_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        advance(chain(), KEY, [Link(sha256=bytes(31), signature="0" * 64)])


def test_the_strings_to_sign_stand_alone() -> None:
    digest = hashlib.sha256(b"x").digest()
    assert chunk_string_to_sign(chain(), digest).decode().split("\n") == [
        HMAC_CHUNKS,
        TIMESTAMP,
        SCOPE,
        "5" * 64,
        hashlib.sha256(b"").hexdigest(),
        digest.hex(),
    ]
    assert trailer_string_to_sign(chain(), digest).decode().split("\n") == [
        "AWS4-HMAC-SHA256-TRAILER",
        TIMESTAMP,
        SCOPE,
        "5" * 64,
        digest.hex(),
    ]


def test_signatures_stay_out_of_repr() -> None:
    assert "55555" not in repr(chain())
    assert "abcdef" not in repr(Link(sha256=bytes(32), signature="abcdef"))
