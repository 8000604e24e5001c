"""Marks: what is remembered under one name, and what is not."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterseal.core.model import Key, KeyState
from counterseal.server.replay.marks import mark_of, owner_of
from counterseal.server.verifier import Asking

KEY = Key(key_id="KEY0001", tenant="acme", secret=b"s" * 32, allowed_schemes=frozenset(), state=KeyState.ACTIVE)
TEXTS = st.text(max_size=8)
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def test_a_mark_is_of_tenant_key_and_use() -> None:
    mark = mark_of(KEY, b"once")
    assert mark == mark_of(replace(KEY, secret=b"t" * 32, secret_version=2), b"once")  # a rotated key is the same key
    others = [
        mark_of(replace(KEY, tenant="other"), b"once"),
        mark_of(replace(KEY, key_id="KEY0002"), b"once"),
        mark_of(KEY, b"another"),
        mark_of(KEY, b""),
    ]
    assert len({mark, *others}) == 5
    assert {len(one) for one in (mark, *others)} == {32}


@UNHURRIED
@given(st.tuples(TEXTS, TEXTS, st.binary(max_size=8)), st.tuples(TEXTS, TEXTS, st.binary(max_size=8)))
def test_no_two_uses_are_spelled_alike(one: tuple[str, str, bytes], other: tuple[str, str, bytes]) -> None:
    def mark(parts: tuple[str, str, bytes]) -> bytes:
        return mark_of(replace(KEY, tenant=parts[0], key_id=parts[1]), parts[2])

    assert (mark(one) == mark(other)) is (one == other)


@UNHURRIED
@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_an_owner_is_of_caller_and_request_id(caller: str, request: str, other_caller: str, other_request: str) -> None:
    one = owner_of(Asking(caller=caller, request_id=request))
    other = owner_of(Asking(caller=other_caller, request_id=other_request))
    assert (one == other) is (bool(request) and (caller, request) == (other_caller, other_request))
    assert len(one) == 32


def test_who_gives_no_request_id_is_nobody_twice() -> None:
    assert len({owner_of(Asking(caller="edge")) for _ in range(100)}) == 100


def test_a_mark_is_no_owner() -> None:
    key = replace(KEY, tenant="edge", key_id="r-1")
    assert mark_of(key, b"") != owner_of(Asking(caller="edge", request_id="r-1"))
