"""PrincipalService over the wire: a principal's life, what is refused by which field, and who sees whose."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from counterseal.v1 import principals_pb2 as pb
from tests.server.calls import Metadata, RpcFailure, failing, read_failure
from tests.server.sessions.people import PASSWORD, People, cheap_hasher, serving_people

OTHER = "another horse altogether"


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("counterseal.server.sessions.passwords.PasswordHasher", cheap_hasher)
        with serving_people(tmp_path_factory.mktemp("principals") / "data") as serving:
            yield serving


def create(staff: People, name: str, *, who: Metadata | None = None, password: str = PASSWORD, **fields: Any) -> pb.Principal:
    request = pb.CreatePrincipalRequest(principal=pb.Principal(name=name, **fields), password=password)
    answer: pb.Principal = staff.principals.CreatePrincipal(request, metadata=who or staff.admin).principal
    return answer


def update(staff: People, *mask: str, who: Metadata | None = None, **fields: Any) -> pb.Principal:
    request = pb.UpdatePrincipalRequest(principal=pb.Principal(**fields))
    request.update_mask.paths.extend(mask)
    answer: pb.Principal = staff.principals.UpdatePrincipal(request, metadata=who or staff.admin).principal
    return answer


def get(staff: People, name: str, *, who: Metadata | None = None, tenant: str = "") -> pb.Principal:
    request = pb.GetPrincipalRequest(name=name, tenant=tenant)
    answer: pb.Principal = staff.principals.GetPrincipal(request, metadata=who or staff.admin).principal
    return answer


def set_password(
    staff: People, name: str, password: str = OTHER, *, who: Metadata | None = None, **fields: Any
) -> pb.Principal:
    request = pb.SetPasswordRequest(name=name, password=password, **fields)
    answer: pb.Principal = staff.principals.SetPassword(request, metadata=who or staff.admin).principal
    return answer


def delete(staff: People, name: str, *, who: Metadata | None = None, **fields: Any) -> None:
    staff.principals.DeletePrincipal(pb.DeletePrincipalRequest(name=name, **fields), metadata=who or staff.admin)


def names(staff: People, *, who: Metadata | None = None, **fields: Any) -> list[str]:
    request = pb.ListPrincipalsRequest(**fields)
    answer = staff.principals.ListPrincipals(request, metadata=who or staff.admin)
    return [f"{one.tenant}/{one.name}" for one in answer.principals]


def refused(call: Callable[[], object]) -> RpcFailure:
    with failing() as seen:
        call()
    return seen[0]


def test_a_life(staff: People) -> None:
    made = create(staff, "ada@example.com", description="Ada", labels={"team": "engine"})
    assert (made.tenant, made.name, made.state, made.description) == (
        *("default", "ada@example.com", pb.PRINCIPAL_STATE_ACTIVE, "Ada"),
    )
    assert dict(made.labels) == {"team": "engine"}
    assert made.create_time == made.update_time == made.password_time
    assert get(staff, "ada@example.com") == made
    assert staff.sign_in("ada@example.com").session.principal == "ada@example.com"

    changed = update(staff, "description", "labels", name="ada@example.com", description="Ada L.", etag=made.etag)
    assert (changed.description, dict(changed.labels), changed.state) == ("Ada L.", {}, pb.PRINCIPAL_STATE_ACTIVE)
    assert changed.etag != made.etag
    assert changed.update_time.ToNanoseconds() > made.update_time.ToNanoseconds()
    assert changed.password_time == made.password_time
    assert staff.sign_in("ada@example.com")  # its password is as it was

    newer = set_password(staff, "ada@example.com", etag=changed.etag)
    assert newer.password_time == newer.update_time != made.password_time
    assert staff.try_sign_in("ada@example.com").WhichOneof("outcome") == "refused"
    assert staff.sign_in("ada@example.com", OTHER)

    delete(staff, "ada@example.com", etag=newer.etag)
    assert refused(lambda: get(staff, "ada@example.com")).reason == "PRINCIPAL_NOT_FOUND"
    again = create(staff, "ada@example.com", password="")
    assert not again.HasField("password_time")
    assert again.create_time.ToNanoseconds() > newer.update_time.ToNanoseconds()
    for password in (PASSWORD, OTHER, ""):
        assert staff.try_sign_in("ada@example.com", password).WhichOneof("outcome") == "refused"


def test_a_change_that_changes_nothing_leaves_the_etag(staff: People) -> None:
    made = create(staff, "same", description="as it is")
    assert update(staff, "description", "state", name="same", description="as it is", state=pb.PRINCIPAL_STATE_ACTIVE) == made


def test_what_is_outside_the_mask_is_not_looked_at(staff: People) -> None:
    create(staff, "masked", description="stays", labels={"team": "a"})
    changed = update(
        staff, "labels", name="masked", description="\0", state=pb.PrincipalState.ValueType(99), labels={"team": "b"}
    )
    assert (changed.description, dict(changed.labels), changed.state) == ("stays", {"team": "b"}, pb.PRINCIPAL_STATE_ACTIVE)


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("principal.name", lambda s: create(s, "")),
        ("principal.name", lambda s: create(s, "a b")),
        ("principal.name", lambda s: create(s, "-x")),
        ("principal.name", lambda s: create(s, "x" * 129)),
        ("principal.tenant", lambda s: create(s, "x", tenant="a/b")),
        ("principal.tenant", lambda s: create(s, "x", tenant="t" * 65)),
        ("principal.description", lambda s: create(s, "x", description="a\nb")),
        ("principal.description", lambda s: create(s, "x", description="d" * 1025)),
        ("principal.labels", lambda s: create(s, "x", labels={"Upper": "x"})),
        ("principal.labels[a]", lambda s: create(s, "x", labels={"a": "\x1b"})),
        ("principal.state", lambda s: create(s, "x", state=99)),
        ("password", lambda s: create(s, "x", password="seven77")),
        ("password", lambda s: create(s, "x", password="p" * 1025)),
        ("password", lambda s: create(s, "x", password="ä" * 513)),
        ("name", lambda s: get(s, "a b")),
        ("tenant", lambda s: get(s, "x", tenant="a b")),
        ("update_mask", lambda s: update(s, name="x")),
        ("update_mask", lambda s: update(s, "name", name="x")),
        ("update_mask", lambda s: update(s, "password", name="x")),
        ("update_mask", lambda s: update(s, "tenant", name="x")),
        ("principal.name", lambda s: update(s, "description", name="")),
        ("principal.state", lambda s: update(s, "state", name="x")),
        ("principal.state", lambda s: update(s, "state", name="x", state=99)),
        ("principal.description", lambda s: update(s, "description", name="x", description="\u2028")),
        ("name", lambda s: set_password(s, "a b")),
        ("tenant", lambda s: set_password(s, "x", tenant="a b")),
        ("password", lambda s: set_password(s, "x", "seven77")),
        ("password", lambda s: set_password(s, "x", "")),
        ("password", lambda s: set_password(s, "x", "p" * 1025)),
        ("name", lambda s: delete(s, "")),
        ("tenant", lambda s: delete(s, "x", tenant="a b")),
        ("page_size", lambda s: names(s, page_size=-1)),
        ("page_size", lambda s: names(s, page_size=1001)),
        ("page_token", lambda s: names(s, page_token="%")),
        ("page_token", lambda s: names(s, page_token=base64.b64encode(b"no slash").decode())),
        ("page_token", lambda s: names(s, page_token=base64.b64encode(b"a/b c").decode())),
        ("page_token", lambda s: names(s, page_token="A" * 513)),
    ],
)
def test_what_is_wrong_is_named(staff: People, field: str, call: Callable[[People], object]) -> None:
    seen = refused(lambda: call(staff))
    assert (seen.code, seen.reason, seen.field) == ("INVALID_ARGUMENT", "INVALID_FIELD", field)
    assert "seven77" not in seen.text
    assert "ppp" not in seen.text


def test_conflicts_and_absence(staff: People) -> None:
    made = create(staff, "taken")
    seen = refused(lambda: create(staff, "taken", password=OTHER))
    assert (seen.code, seen.reason) == ("ALREADY_EXISTS", "PRINCIPAL_EXISTS")
    assert staff.sign_in("taken")  # with the password that it had
    create(staff, "taken", tenant="elsewhere")
    create(staff, "Taken")  # names are compared byte by byte
    for call in (
        lambda: update(staff, "description", name="taken", description="x", etag="0"),
        lambda: set_password(staff, "taken", etag="0"),
        lambda: delete(staff, "taken", etag="0"),
    ):
        seen = refused(call)
        assert (seen.code, seen.reason) == ("ABORTED", "ETAG_MISMATCH")
    assert get(staff, "taken") == made
    for call in (
        lambda: get(staff, "nobody"),
        lambda: update(staff, "description", name="nobody"),
        lambda: set_password(staff, "nobody"),
        lambda: delete(staff, "nobody"),
    ):
        seen = refused(call)
        assert (seen.code, seen.reason) == ("NOT_FOUND", "PRINCIPAL_NOT_FOUND")


def test_an_administrator_of_one_tenant_sees_and_changes_that_one_alone(staff: People) -> None:
    who = staff.caller("acme-admin", "ADMIN", "acme")
    create(staff, "bo", who=who, tenant="acme")
    create(staff, "bo", tenant="rival")
    assert names(staff, who=who) == ["acme/bo"]
    assert names(staff, who=who, tenant="rival") == []
    assert get(staff, "bo", who=who, tenant="acme").tenant == "acme"
    for call in (
        lambda: get(staff, "bo", who=who, tenant="rival"),
        lambda: update(staff, "description", who=who, name="bo", tenant="rival", description="mine"),
        lambda: set_password(staff, "bo", who=who, tenant="rival"),
        lambda: delete(staff, "bo", who=who, tenant="rival"),
        lambda: delete(staff, "taken", who=who),
    ):
        seen = refused(call)
        absent = refused(lambda: get(staff, "nobody", who=who, tenant="acme"))
        assert (seen.code, seen.reason, seen.text) == (absent.code, absent.reason, absent.text)
    assert refused(lambda: create(staff, "new", who=who, tenant="rival")).reason == "CALLER_NOT_PERMITTED"
    assert refused(lambda: create(staff, "new", who=who)).reason == "CALLER_NOT_PERMITTED"
    assert get(staff, "bo", tenant="rival").description == ""


def test_pages_go_through_all_once_and_in_order(staff: People) -> None:
    made = [("books", "a/b|c"), ("books", "zed"), ("books.", "a"), ("cars", "A"), ("cars", "a")]
    for tenant, name in reversed(made):
        create(staff, name, tenant=tenant, password="")
    found, token = [], ""
    while True:
        request = pb.ListPrincipalsRequest(page_size=1, page_token=token)
        page = staff.principals.ListPrincipals(request, metadata=staff.admin)
        assert len(page.principals) <= 1
        found += [(one.tenant, one.name) for one in page.principals]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(found)
    assert len(found) == len(set(found))
    assert [one for one in found if one in made] == made
    assert names(staff, tenant="books") == ["books/a/b|c", "books/zed"]


def test_nobody_without_credentials_or_with_a_fronts_role_administers(staff: People) -> None:
    front = staff.caller("front")
    for who, expected in ((front, "CALLER_NOT_PERMITTED"), ((), "CALLER_UNKNOWN")):
        with pytest.raises(grpc.RpcError) as raised:
            staff.principals.SetPassword(pb.SetPasswordRequest(name="taken", password=OTHER), metadata=who)
        assert read_failure(raised.value).reason == expected
