"""Rotated keys: the secret before verifies until its end, and no instant longer."""

from dataclasses import replace

import pytest

from counterseal.core.model import Key, KeyKind, KeyState, Reason, Rejected, Scope, Verified, Window
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4 import Credentials
from counterseal.core.secret_choice import older_secret, secret_of
from counterseal.core.verify import DUMMY_KEY, conclude, examine, recheck
from tests.core import subjects
from tests.core.subjects import KEY, NOW, PLAIN, signed, verdict

NEW_SECRET = b"the secret that came after it"
END = NOW + 100.5
OLDER = replace(KEY, secret_version=1, secret_end=END)
ROTATED = replace(KEY, secret=NEW_SECRET, secret_version=2, older=OLDER)
WITH_OLD = signed()
WITH_NEW = signed(credentials=Credentials(key_id=KEY.key_id, secret=NEW_SECRET))


def outcome(request: object, key: Key | None = ROTATED, now: float = NOW) -> Reason | int:
    found = verdict(request, key=key, now=now)  # type: ignore[arg-type]
    return found.reason if isinstance(found, Rejected) else found.key.secret_version


def test_both_secrets_verify_and_the_verdict_says_which() -> None:
    assert outcome(WITH_NEW) == 2
    assert outcome(WITH_OLD) == 1
    found = verdict(WITH_OLD, key=ROTATED)
    assert isinstance(found, Verified)
    assert found.key is OLDER


@pytest.mark.parametrize(("now", "expected"), [(END - 0.5, 1), (END, Reason.MISMATCH), (END + 0.5, Reason.MISMATCH)])
def test_the_older_one_ends_on_time(now: float, expected: Reason | int) -> None:
    assert outcome(WITH_OLD, now=now) == expected
    assert outcome(WITH_NEW, now=now) == 2


def test_an_older_secret_without_an_end_never_verifies() -> None:
    assert outcome(WITH_OLD, replace(ROTATED, older=replace(OLDER, secret_end=None))) is Reason.MISMATCH


def test_a_third_secret_does_not_verify() -> None:
    first = replace(OLDER, secret=b"the very first secret of it")
    key = replace(ROTATED, older=replace(OLDER, older=first))
    assert outcome(signed(credentials=Credentials(key_id=KEY.key_id, secret=first.secret)), key) is Reason.MISMATCH


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": KeyState.REVOKED}, Reason.KEY_REVOKED),
        ({"state": KeyState.DISABLED}, Reason.KEY_DISABLED),
        ({"expires": float(NOW)}, Reason.KEY_EXPIRED),
        ({"allowed_schemes": frozenset({"other"})}, Reason.UNSUPPORTED_SCHEME),
        ({"security_token_sha256": b"t" * 32}, Reason.MISMATCH),
    ],
)
def test_what_ends_the_key_ends_both(changes: dict[str, object], reason: Reason) -> None:
    older = replace(OLDER, **changes)  # type: ignore[arg-type]
    key = replace(ROTATED, older=older, **changes)  # type: ignore[arg-type]
    assert outcome(WITH_OLD, key) is reason
    assert outcome(WITH_NEW, key) is reason


def test_a_short_older_secret_never_verifies() -> None:
    short = b"fifteen bytes.."
    request = signed(credentials=Credentials(key_id=KEY.key_id, secret=short))
    assert outcome(request, replace(ROTATED, older=replace(OLDER, secret=short))) is Reason.MISMATCH


def test_the_secret_of_the_dummy_verifies_nothing() -> None:
    request = signed(credentials=Credentials(key_id=KEY.key_id, secret=DUMMY_KEY.secret))
    for key in (None, KEY, ROTATED):
        assert outcome(request, key) is (Reason.UNKNOWN_KEY if key is None else Reason.MISMATCH)


def test_no_one_learns_from_the_work_that_a_key_is_rotated() -> None:
    """A signature that does not match costs the same derivations whether there is a key, an older secret, or neither."""
    scheme = BUILT_IN["aws-sigv4"]

    def derivations(key: Key | None, request: object) -> list[int]:
        seen: list[int] = []

        def derive(used: Key, scope: Scope) -> bytes:
            seen.append(used.secret_version)
            return scheme.derive(used, scope)

        verdict(request, key=key, derive=derive)  # type: ignore[arg-type]
        return seen

    forged = signed(credentials=Credentials(key_id=KEY.key_id, secret=b"another secret altogether"))
    assert derivations(ROTATED, forged) == [2, 1]
    assert derivations(KEY, forged) == [1, 0]
    assert derivations(None, forged) == [0, 0]
    assert derivations(ROTATED, WITH_NEW) == [2]


def test_which_secret_to_go_on_with() -> None:
    assert secret_of(ROTATED, None, NOW) is ROTATED
    assert secret_of(ROTATED, 2, NOW) is ROTATED
    assert secret_of(ROTATED, 1, NOW) is OLDER
    assert older_secret(KEY, NOW) is None


@pytest.mark.parametrize(("version", "now"), [(1, END), (3, NOW), (0, NOW)])
def test_what_began_with_a_secret_that_ended_stops(version: int, now: float) -> None:
    claim = examine(WITH_OLD, subjects.NO_DEMAND, schemes=BUILT_IN, window=Window(), now=NOW)
    assert not isinstance(claim, Rejected)
    found = recheck(claim, ROTATED, subjects.NO_DEMAND, schemes=BUILT_IN, now=now, secret_version=version)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.KEY_EXPIRED
    gone_on = recheck(claim, ROTATED, subjects.NO_DEMAND, schemes=BUILT_IN, now=NOW, secret_version=1)
    assert gone_on is OLDER


def test_a_scheme_for_public_keys_alone_tries_nothing_twice() -> None:
    class Counting(type(BUILT_IN["aws-sigv4"])):  # type: ignore[misc]
        key_kinds = frozenset({KeyKind.PUBLIC})
        calls = 0

        def matches(self, *_: object) -> bool:
            type(self).calls += 1
            return False

    scheme = Counting()
    schemes = {"aws-sigv4": scheme}
    claim = examine(PLAIN_SIGNED, subjects.NO_DEMAND, schemes=schemes, window=Window(), now=NOW)
    assert not isinstance(claim, Rejected)
    found = conclude(claim, PLAIN_SIGNED, None, subjects.NO_DEMAND, schemes=schemes, window=Window(), now=NOW)
    assert isinstance(found, Rejected)
    assert Counting.calls == 1


PLAIN_SIGNED = signed(PLAIN)
