"""The order of checks is the order of reasons: every request here has two defects, and is told of the one that comes first."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Verified
from tests.core import sloppy
from tests.core.subjects import (
    KEY,
    NOW,
    PLAIN,
    and_header,
    edit_header,
    edit_target,
    header_of,
    verdict,
    with_header,
    without_header,
)

AUTH = b"authorization"


@dataclass(frozen=True)
class Situation:
    """A request, and all that its verdict depends on."""

    request: HttpRequest = field(default_factory=lambda: sloppy.sign(PLAIN))
    key: Key | None = KEY
    demand: Demand = Demand()  # noqa: RUF009
    now: float = NOW


def on_request(change: Callable[[HttpRequest], HttpRequest]) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, request=change(s.request))


def on_key(**changes: object) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, key=replace(s.key, **changes) if s.key else None)  # type: ignore[arg-type]


def forge(request: HttpRequest) -> HttpRequest:
    value = header_of(request, AUTH)
    return with_header(request, AUTH, value[:-64] + b"0" * 64)


# One defect for each reason, in the order in which reasons are looked for. Each leaves the others possible.
DEFECTS: dict[str, tuple[Reason, Callable[[Situation], Situation]]] = {
    "2 broken target": (Reason.MALFORMED, on_request(lambda r: replace(r, target=b"/a b"))),
    "2 two hosts": (Reason.MALFORMED, on_request(lambda r: and_header(r, b"host", b"b.example.com"))),
    "2 no signature": (Reason.UNSIGNED, on_request(lambda r: without_header(r, AUTH))),
    "2 scheme not demanded": (
        Reason.UNSUPPORTED_SCHEME,
        lambda s: replace(s, demand=replace(s.demand, allowed_schemes=frozenset({"rfc9421"}))),
    ),
    "2 signature in two places": (Reason.AMBIGUOUS, on_request(lambda r: edit_target(r, b"?", b"?X-Amz-Signature=x&"))),
    "2 broken credential": (Reason.MALFORMED, on_request(lambda r: edit_header(r, AUTH, b"Credential=", b"Credential=*"))),
    "3 too old": (Reason.TOO_OLD, lambda s: replace(s, now=NOW + 901)),
    "4 header not signed": (Reason.NOT_COVERED, on_request(lambda r: and_header(r, b"x-amz-tagging", b"x"))),
    "4 demanded header not signed": (
        Reason.NOT_COVERED,
        lambda s: replace(s, demand=replace(s.demand, required_headers=frozenset({b"digest"}))),
    ),
    "5 unknown key": (Reason.UNKNOWN_KEY, lambda s: replace(s, key=None)),
    "5 key of another tenant": (
        Reason.UNKNOWN_KEY,
        lambda s: replace(s, demand=replace(s.demand, tenants=frozenset({"else"}))),
    ),
    "6 scheme not allowed for the key": (Reason.UNSUPPORTED_SCHEME, on_key(allowed_schemes=frozenset())),
    "6 forged": (Reason.MISMATCH, on_request(forge)),
    "7 disabled": (Reason.KEY_DISABLED, on_key(state=KeyState.DISABLED)),
    "7 expired": (Reason.KEY_EXPIRED, on_key(expires=NOW)),
    "8 region not demanded": (
        Reason.OUT_OF_SCOPE,
        lambda s: replace(s, demand=replace(s.demand, regions=frozenset({"us-east-1"}))),
    ),
    "9 another body": (Reason.PAYLOAD_MISMATCH, on_request(lambda r: replace(r, content=b"a dog"))),
}
# Pairs that cannot meet in one request: without a signature, or with one that names no scheme, there is nothing else in it.
APART = {"2 no signature", "2 broken credential"}


def judge(situation: Situation) -> Reason | None:
    found = verdict(situation.request, key=situation.key, demand=situation.demand, now=situation.now)
    return found.reason if isinstance(found, Rejected) else None


@pytest.mark.parametrize("name", DEFECTS)
def test_one_defect(name: str) -> None:
    assert judge(Situation()) is None
    reason, spoil = DEFECTS[name]
    assert judge(spoil(Situation())) is reason


NAMES = list(DEFECTS)
PAIRS = [
    (first, second)
    for index, first in enumerate(NAMES)
    for second in NAMES[index + 1 :]
    if not (first in APART and second in {"2 signature in two places", "2 broken credential", "6 forged"})
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{a} / {b}" for a, b in PAIRS])
def test_of_two_defects_the_one_that_comes_first_is_told(first: str, second: str) -> None:
    reason, spoil = DEFECTS[first]
    spoilt = spoil(DEFECTS[second][1](Situation()))
    assert judge(spoilt) is reason


def test_the_reasons_stand_in_the_order_of_the_checks() -> None:
    """Reason is declared in the order in which reasons are looked for; syntax errors come before the look for a signature."""
    declared = list(Reason)
    found = [DEFECTS[name][0] for name in NAMES if not name.startswith("2") and "allowed for the key" not in name]
    assert [declared.index(reason) for reason in found] == sorted(declared.index(reason) for reason in found)


@pytest.mark.parametrize(
    ("state", "reason"),
    [(KeyState.DISABLED, Reason.KEY_DISABLED), (KeyState.REVOKED, Reason.KEY_REVOKED), (KeyState.ACTIVE, None)],
)
def test_states(state: KeyState, reason: Reason | None) -> None:
    assert judge(replace(Situation(), key=replace(KEY, state=state))) is reason


@pytest.mark.parametrize(
    ("not_before", "expires", "valid"),
    [
        (None, None, True),
        (NOW, None, True),
        (NOW + 0.001, None, False),
        (None, NOW, False),
        (None, NOW + 0.001, True),
        (NOW - 1, NOW + 1, True),
    ],
)
def test_not_before_and_expiry(not_before: float | None, expires: float | None, valid: bool) -> None:
    found = judge(replace(Situation(), key=replace(KEY, not_before=not_before, expires=expires)))
    assert found is (None if valid else Reason.KEY_EXPIRED)


def test_state_and_times_are_told_only_to_the_holder() -> None:
    """A stranger who knows the key id learns nothing: forged requests read alike whatever state the key is in."""
    forged = replace(Situation(), request=forge(Situation().request))
    spoilt = [on_key(state=KeyState.REVOKED), on_key(state=KeyState.DISABLED), on_key(expires=NOW), on_key(not_before=NOW + 1)]
    assert {judge(spoil(forged)) for spoil in spoilt} == {Reason.MISMATCH}


def test_what_a_verified_request_says() -> None:
    situation = Situation()
    found = verdict(situation.request)
    assert isinstance(found, Verified)
    assert (found.key, found.scheme, found.signed_time, found.valid_until) == (KEY, "aws-sigv4", NOW, NOW + 900)
    assert found.verified_path == b"/photos/2026/cat.jpg"


@pytest.mark.parametrize("name", DEFECTS)
def test_details_quote_nothing_out_of_the_request(name: str) -> None:
    spoilt = DEFECTS[name][1](Situation())
    found = verdict(spoilt.request, key=spoilt.key, demand=spoilt.demand, now=spoilt.now)
    assert isinstance(found, Rejected)
    for private in (b"AKID", b"cat", b"photos.example", b"private", header_of(sloppy.sign(PLAIN), AUTH)[-64:]):
        assert private.decode() not in found.detail
