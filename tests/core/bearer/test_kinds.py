"""Kinds of key never cross: a bearer key is no HMAC key, an HMAC or public key is no bearer token, whatever a record allows."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from counterseal.conformance import Sample, SchemeCase
from counterseal.conformance.walk import judge
from counterseal.core import compare
from counterseal.core.model import Demand, HttpRequest, KeyKind, KeyState, PublicKey, Reason, Rejected
from counterseal.core.schemes import BUILT_IN
from tests.core.bearer.exchange import KEY, KEY_ID, SENT, TOKEN, reason
from tests.core.conformance.cases import CASES

OTHERS = tuple(case for case in CASES if case.scheme.name != "bearer")
SHA256 = hashlib.sha256(TOKEN.encode()).digest()
EVERYTHING = frozenset({case.scheme.name for case in CASES})
SPKI = bytes.fromhex("302a300506032b6570032100") + bytes(range(32))


def test_no_other_scheme_takes_bearer_keys() -> None:
    assert BUILT_IN["bearer"].key_kinds == {KeyKind.BEARER}
    assert [case.scheme.name for case in CASES if KeyKind.BEARER in case.scheme.key_kinds] == ["bearer"]


def forged(case: SchemeCase) -> Iterator[tuple[Sample, HttpRequest]]:
    """Yield what somebody signs who takes for a secret what the store holds of a bearer token, the token itself, or nothing."""
    for sample in case.samples:
        if sample.signer.key.kind is not KeyKind.SYMMETRIC:
            continue
        for secret in (SHA256, SHA256.hex().encode(), TOKEN.encode(), b"", bytes(32), KEY_ID.encode()):
            try:
                request = case.sign(sample, replace(sample.signer.credentials, secret=secret, security_token=None))
            except ValueError:
                continue  # no secret of this scheme
            yield sample, request


@pytest.mark.parametrize("case", OTHERS, ids=[case.scheme.name for case in OTHERS])
def test_a_bearer_key_offered_to_every_other_scheme(case: SchemeCase) -> None:
    tried = 0
    for sample, request in forged(case):
        for allowed in (EVERYTHING, frozenset({case.scheme.name})):
            key = replace(
                sample.signer.key,
                secret=b"",
                bearer_sha256=SHA256,
                allowed_schemes=allowed,
                security_token_sha256=None,
                public_key=None,
            )
            found = judge(case, sample, request, key=key)
            assert isinstance(found, Rejected), sample.name
            assert found.reason is Reason.UNSUPPORTED_SCHEME
            tried += 1
    assert tried or KeyKind.SYMMETRIC not in case.scheme.key_kinds


@pytest.mark.parametrize(
    "secret", [SHA256, TOKEN.encode(), b"\x00" * 32, b"s" * 43], ids=["the hash", "the token", "zeros", "its own"]
)
def test_an_hmac_key_under_an_id_that_stands_in_a_token(secret: bytes) -> None:
    """Ids may be brought along: one of the generated form for tokens makes no token good."""
    for allowed in (frozenset({"bearer"}), frozenset({"bearer", "aws-sigv4", "rfc9421"})):
        key = replace(KEY, bearer_sha256=None, secret=secret, allowed_schemes=allowed)
        assert key.kind is KeyKind.SYMMETRIC
        assert reason(key=key) is Reason.UNSUPPORTED_SCHEME
        assert reason(key=replace(key, bearer_sha256=SHA256)) is Reason.MISMATCH  # a record of two kinds


def test_a_public_key_under_an_id_that_stands_in_a_token() -> None:
    public = PublicKey(algorithm="ed25519", spki=SPKI)
    for key in (replace(KEY, bearer_sha256=None, public_key=public), replace(KEY, public_key=public)):
        assert key.kind is KeyKind.PUBLIC
        assert reason(key=key) is Reason.UNSUPPORTED_SCHEME


@pytest.mark.parametrize("case", OTHERS, ids=[case.scheme.name for case in OTHERS])
def test_no_hmac_keys_id_makes_a_token(case: SchemeCase) -> None:
    """What such an id gives is no token at all, as every generated id of another kind: refused before any look-up."""
    for sample in case.samples:
        text = TOKEN.replace(KEY_ID, sample.signer.key.key_id)
        request = replace(SENT, headers=(*SENT.headers[:-1], (b"authorization", b"Bearer " + text.encode())))
        assert reason(request, key=sample.signer.key) is Reason.MALFORMED


def test_the_hash_is_compared_in_constant_time_and_once_more_for_the_token_before() -> None:
    """As often for a key that does not exist as for one that does: time tells nothing."""
    seen: list[tuple[bytes, bytes]] = []

    def same(expected: bytes, presented: bytes) -> bool:
        seen.append((expected, presented))
        return original(expected, presented)

    original = compare.same
    with mock.patch.object(compare, "same", same):
        assert reason() is None
        assert seen == [(SHA256, SHA256)]
        for key in (None, replace(KEY, bearer_sha256=bytes(range(32))), replace(KEY, bearer_sha256=None, secret=b"s" * 32)):
            seen.clear()
            assert reason(key=key) is not None
            assert [presented for _, presented in seen] == [SHA256, SHA256]
            assert all(len(expected) == 32 for expected, _ in seen)


def test_a_token_of_another_tenant_is_unknown() -> None:
    """A token of another tenant reads as unknown even where its key is found, and its state is not told."""
    demand = Demand(tenants=frozenset({"blue"}))
    for key in (KEY, replace(KEY, state=KeyState.REVOKED), replace(KEY, expires=1.0)):
        assert reason(key=key, demand=demand) is Reason.UNKNOWN_KEY
    assert reason(key=replace(KEY, tenant="blue"), demand=demand) is None
