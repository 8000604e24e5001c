"""Who is who, and what is left of a demand inside a caller's limits."""

import dataclasses
import hashlib
import itertools
import stat
from pathlib import Path

import pytest

from counterseal.core.model import Demand
from counterseal.server.callers import ADMIN_FILE, NOTHING, Caller, CallerBook, Role, admin_token, call_book
from counterseal.server.errors import CallerNotPermitted, CallerUnknown, ConfigError
from counterseal.server.settings import CallerSetting

EDGE = "edge-gateway-bearer"
ADMIN = "generated-admin-bearer"
ANONYMOUS = Caller(name="anonymous", role=Role.GATEWAY, anonymous=True)
SETTINGS = (
    CallerSetting(name="edge", role="gateway", token_sha256=hashlib.sha256(EDGE.encode()).digest(), tenants=frozenset({"a"})),
    CallerSetting(name="mesh", role="gateway", san="spiffe://mesh/edge"),
    CallerSetting(name="ops", role="admin", san="ops.example.com"),
)


def _book(anonymous: Caller | None = ANONYMOUS) -> CallerBook:
    return call_book(SETTINGS, admin_token=ADMIN, anonymous=anonymous)


@pytest.mark.parametrize(
    ("authorization", "sans", "name"),
    [
        ([], [], "anonymous"),
        ([f"Bearer {EDGE}"], [], "edge"),
        ([f"bearer {EDGE}"], [], "edge"),
        ([f"BEARER {ADMIN}"], [], "admin-token"),
        ([], ["spiffe://mesh/edge"], "mesh"),
        ([], ["other", "ops.example.com"], "ops"),
        ([f"Bearer {EDGE}"], ["ops.example.com"], "edge"),
        ([], ["nobody.example.com"], "anonymous"),
    ],
)
def test_who_is_recognised(authorization: list[str], sans: list[str], name: str) -> None:
    caller = _book().identify(authorization, sans)
    assert caller is not None
    assert caller.name == name


def test_roles() -> None:
    book = _book()
    for authorization, sans, role in (
        ([f"Bearer {ADMIN}"], [], Role.ADMIN),
        ([], ["ops.example.com"], Role.ADMIN),
        ([f"Bearer {EDGE}"], [], Role.GATEWAY),
    ):
        caller = book.identify(authorization, sans)
        assert caller is not None
        assert caller.role is role
        assert not caller.anonymous


@pytest.mark.parametrize(
    "authorization",
    [
        [""],
        ["Bearer"],
        ["Bearer "],
        [EDGE],
        [f"Bearer  {EDGE}"],
        [f" Bearer {EDGE}"],
        [f"Bearer {EDGE} "],
        [f"Bearer {EDGE}x"],
        [f"Bearer {EDGE[:-1]}"],
        [f"Bearer {EDGE.upper()}"],
        [f"Basic {EDGE}"],
        [f"Bearer {hashlib.sha256(EDGE.encode()).hexdigest()}"],
        [f"Bearer {EDGE}\n"],
        ["Bearer " + "ü" * 32],
        [f"Bearer {EDGE}", f"Bearer {EDGE}"],
        [f"Bearer {EDGE}", f"Bearer {ADMIN}"],
    ],
)
def test_a_wrong_credential_is_refused_and_never_anonymous(authorization: list[str]) -> None:
    with pytest.raises(CallerUnknown):
        _book().identify(authorization)


def test_a_certificate_of_two_callers_is_refused() -> None:
    with pytest.raises(CallerUnknown):
        _book().identify([], ["ops.example.com", "spiffe://mesh/edge"])


def test_without_an_anonymous_caller_nobody_is_recognised() -> None:
    assert _book(None).identify([]) is None
    assert _book(None).identify([], ["nobody.example.com"]) is None


def test_no_hash_is_shown() -> None:
    digest = hashlib.sha256(EDGE.encode()).digest()
    assert repr(digest) not in repr(_book())
    assert digest.hex() not in repr(SETTINGS)


VALUES = (frozenset[str](), frozenset({"a"}), frozenset({"b"}), frozenset({"a", "b"}), frozenset({"c"}))
LIMITS = (None, frozenset({"a"}), frozenset({"a", "b"}))


def _accepts(demanded: frozenset[str], value: str) -> bool:
    """What `core` makes of a set in a demand."""
    return not demanded or value in demanded


@pytest.mark.parametrize(("demanded", "limit"), list(itertools.product(VALUES, LIMITS)))
def test_a_limit_narrows_and_never_widens(demanded: frozenset[str], limit: frozenset[str] | None) -> None:
    caller = Caller(name="x", role=Role.GATEWAY, schemes=limit, regions=limit, services=limit, tenants=limit)
    tenants = demanded or None
    narrow = caller.narrow(Demand(allowed_schemes=demanded, regions=demanded, services=demanded, tenants=tenants))
    for value in ("a", "b", "c", "d", ""):
        wanted = _accepts(demanded, value) and (limit is None or value in limit)
        for left in (narrow.allowed_schemes, narrow.regions, narrow.services):
            assert _accepts(left, value) is wanted
        assert (narrow.tenants is None or value in narrow.tenants) is wanted


def test_nothing_in_common_accepts_nothing() -> None:
    caller = Caller(name="x", role=Role.GATEWAY, regions=frozenset({"a"}), tenants=frozenset({"a"}))
    narrow = caller.narrow(Demand(regions=frozenset({"b"}), tenants=frozenset({"b"})))
    assert narrow.regions == NOTHING
    assert narrow.tenants == frozenset()


def test_required_headers_survive() -> None:
    caller = Caller(name="x", role=Role.GATEWAY, regions=frozenset({"a"}))
    assert caller.narrow(Demand(required_headers=frozenset({b"x-a"}))).required_headers == {b"x-a"}


def test_tenants_of_an_issuing_caller() -> None:
    caller = Caller(name="x", role=Role.ADMIN, tenants=frozenset({"a"}))
    caller.check_tenant("a")
    with pytest.raises(CallerNotPermitted):
        caller.check_tenant("b")


def test_the_admin_file(tmp_path: Path) -> None:
    made = admin_token(tmp_path)
    path = tmp_path / ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == made + "\n"
    assert made.startswith("counterseal_admin_")
    assert admin_token(tmp_path) == made
    assert [entry.name for entry in tmp_path.iterdir()] == [ADMIN_FILE]
    assert admin_token(tmp_path / ".") != admin_token_elsewhere(tmp_path)


def admin_token_elsewhere(tmp_path: Path) -> str:
    (tmp_path / "other").mkdir()
    return admin_token(tmp_path / "other")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_an_admin_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    admin_token(tmp_path)
    (tmp_path / ADMIN_FILE).chmod(mode)
    with pytest.raises(ConfigError, match="can be read by others"):
        admin_token(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "short", "with a space in it, long enough"])
def test_an_admin_file_without_a_bearer_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / ADMIN_FILE
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no bearer token"):
        admin_token(tmp_path)


def test_what_a_limit_does_not_touch_stays_demanded() -> None:
    """Also what later releases add to a demand: a limit must not make it forgotten."""
    whole = Demand(
        allowed_schemes=frozenset({"a"}),
        regions=frozenset({"r"}),
        services=frozenset({"s"}),
        required_headers=frozenset({b"h"}),
        tenants=frozenset({"t"}),
        key_id="k",
        label="l",
        tag="g",
        required_components=('"@method"',),
    )
    assert all(getattr(whole, field.name) for field in dataclasses.fields(Demand)), "demand every field"
    caller = Caller(
        name="c",
        role=Role.GATEWAY,
        tenants=frozenset({"t", "u"}),
        schemes=frozenset({"a", "b"}),
        regions=frozenset({"r", "q"}),
        services=frozenset({"s", "p"}),
    )
    assert caller.narrow(whole) == whole


def test_permissions_are_off_until_they_are_given() -> None:
    plain = CallerSetting(name="plain", role="gateway", token_sha256=b"t" * 32)
    leasing = CallerSetting(name="leasing", role="gateway", san="leasing", lease=True)
    book = call_book((plain, leasing), admin_token=ADMIN, anonymous=ANONYMOUS)
    plain_caller = book.of_bearer(b"t" * 32)
    assert plain_caller is not None
    assert not plain_caller.lease
    assert book.by_san["leasing"].lease
    assert not book.by_san["leasing"].string_to_sign
    admin = book.identify([f"Bearer {ADMIN}"])
    assert admin is not None
    assert admin.lease
    assert not ANONYMOUS.lease
