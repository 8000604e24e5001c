"""Who may do what for whom: tenants and roles of callers hold for sessions, and a session of another tenant is none."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.server.rpc.session_messages import REASONS
from counterseal.server.sessions.drafts import Why
from counterseal.server.sessions.id_tokens import IdClaims
from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import Metadata, RpcFailure, failing, outcome
from tests.server.sessions.people import PASSWORD, People, public, reason, serving_people, with_token


def sign_in(people: People, tenant: str, metadata: Metadata) -> pb.SignInResponse:
    request = pb.SignInRequest(tenant=tenant, principal="alice", password=PASSWORD, access_token=True)
    answer: pb.SignInResponse = people.sessions.SignIn(request, metadata=metadata)
    return answer


@pytest.fixture
def fronts(people: People) -> dict[str, Metadata]:
    """A front of each of two tenants; alice is in both, and somebody else in the default one."""
    for tenant in ("acme", "globex"):
        people.add("alice", tenant=tenant)
    return {tenant: people.caller(f"front-{tenant}", "SESSIONS", tenant) for tenant in ("acme", "globex")}


def test_a_front_signs_people_of_its_tenant_in_and_of_no_other(people: People, fronts: dict[str, Metadata]) -> None:
    given = sign_in(people, "acme", fronts["acme"]).signed_in
    assert given.session.tenant == "acme"
    verified = people.client.verification.Verify(with_token(given.access_token.token)).verified
    assert (verified.tenant, verified.principal) == ("acme", "alice")
    for tenant in ("globex", "", "none"):
        with failing() as failures:
            sign_in(people, tenant, fronts["acme"])
        assert (failures[0].code, failures[0].reason) == ("PERMISSION_DENIED", "CALLER_NOT_PERMITTED")


def test_a_password_is_good_in_its_tenant_alone(people: People, fronts: dict[str, Metadata]) -> None:
    people.add("carol", tenant="acme")
    request = pb.SignInRequest(tenant="globex", principal="carol", password=PASSWORD)
    assert reason(people.sessions.SignIn(request, metadata=fronts["globex"]).refused) == "CREDENTIALS"


def test_a_session_of_another_tenant_is_none(people: People, fronts: dict[str, Metadata]) -> None:
    given = sign_in(people, "acme", fronts["acme"]).signed_in
    people.metadata = fronts["globex"]
    key = public(ec.generate_private_key(ec.SECP256R1()))
    by_token, by_id = {"access_token": given.access_token.token}, {"session_id": given.session.session_id}
    unknown: list[pb.SessionRefused] = [people.try_refresh(given.refresh_token).refused]
    unknown += [people.sign_out(**which).refused for which in (by_token, by_id, {"refresh_token": given.refresh_token})]
    unknown += [people.register(key, **which).refused for which in (by_token, by_id)]
    unknown += [people.credentials(900, **which).refused for which in (by_token, by_id)]
    assert [reason(refused) for refused in unknown] == ["UNKNOWN"] * 8
    never = people.sign_out(session_id="A" * 24).refused
    assert {refused.detail for refused in unknown} == {never.detail}
    assert people.listed() == []
    # Nothing has happened to it: its refresh token is still the newest.
    people.metadata = fronts["acme"]
    assert people.refresh(given.refresh_token).session.session_id == given.session.session_id


def test_a_reused_token_shown_by_another_tenant_ends_nothing(people: People, fronts: dict[str, Metadata]) -> None:
    given = sign_in(people, "acme", fronts["acme"]).signed_in
    people.metadata = fronts["acme"]
    newer = people.refresh(given.refresh_token)
    people.metadata = fronts["globex"]
    assert reason(people.try_refresh(given.refresh_token).refused) == "UNKNOWN"
    people.metadata = fronts["acme"]
    assert people.refresh(newer.refresh_token)


def test_a_token_of_another_tenant_verifies_for_nobody_who_may_not_see_it(people: People, fronts: dict[str, Metadata]) -> None:
    given = sign_in(people, "acme", fronts["acme"]).signed_in
    request = with_token(given.access_token.token)
    assert outcome(people.client.verification.Verify(request, metadata=fronts["acme"])) == "verified"
    assert outcome(people.client.verification.Verify(request, metadata=fronts["globex"])) == "UNKNOWN_KEY"


@pytest.mark.parametrize(
    ("role", "may"), [("ADMIN", True), ("SESSIONS", True), ("GATEWAY", False), ("LEASE", False), ("AUDITOR", False)]
)
def test_roles(people: People, role: str, may: bool) -> None:
    metadata = people.caller(f"one-{role.lower()}", role)
    if may:
        assert sign_in(people, "", metadata).WhichOneof("outcome") == "signed_in"
        return
    with failing() as failures:
        sign_in(people, "", metadata)
    assert failures[0].reason == "CALLER_NOT_PERMITTED"


def test_who_calls_without_credentials_verifies_and_no_more(people: People) -> None:
    given = people.sign_in()
    assert people.verify_token(given.access_token.token) == "verified"
    key = public(ec.generate_private_key(ec.SECP256R1()))
    people.metadata = ()
    calls: list[Any] = [
        people.try_sign_in,
        lambda: people.try_refresh(given.refresh_token),
        lambda: people.sign_out(access_token=given.access_token.token),
        lambda: people.register(key, access_token=given.access_token.token),
        lambda: people.credentials(access_token=given.access_token.token),
        people.listed,
        lambda: people.sessions.Exchange(pb.ExchangeRequest(id_token="x")),
    ]
    refused: list[RpcFailure] = []
    for call in calls:
        with failing() as failures:
            call()
        refused += failures
    assert {failure.reason for failure in refused} == {"CALLER_UNKNOWN"}
    # The tokens of those who sign in make nobody a caller.
    with failing() as failures:
        people.metadata = (("authorization", f"Bearer {given.access_token.token}"),)
        people.listed()
    assert failures[0].reason == "CALLER_UNKNOWN"


def test_an_auditor_lists_sessions(people: People) -> None:
    people.sign_in()
    people.metadata = people.caller("auditor", "AUDITOR")
    assert [session.principal for session in people.listed()] == ["alice"]


def test_listing_by_page_tenant_and_principal(people: People, fronts: dict[str, Metadata]) -> None:
    people.add("bob")
    for _ in range(3):
        people.sign_in()
    sign_in(people, "acme", fronts["acme"])
    people.sign_out(session_id=people.sign_in("bob").session.session_id)
    assert len(people.listed()) == 4
    assert len(people.listed(include_over=True)) == 5
    assert [session.tenant for session in people.listed(tenant="acme")] == ["acme"]
    assert [session.state for session in people.listed(principal="bob", include_over=True)] == [pb.SESSION_STATE_ENDED]
    seen, token = [], ""
    while True:
        request = pb.ListSessionsRequest(page_size=2, page_token=token, include_over=True)
        page = people.sessions.ListSessions(request, metadata=people.admin)
        seen += [session.session_id for session in page.sessions]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(seen)
    assert len(set(seen)) == 5
    for fields, field in (
        ({"page_size": 1001}, "page_size"),
        ({"page_token": "%"}, "page_token"),
        ({"page_size": -1}, "page_size"),
    ):
        with failing() as failures:
            people.listed(**fields)
        assert failures[0].field == field


def test_removing_a_principal_ends_its_sessions_and_one_of_that_name_later_has_none(people: People) -> None:
    given = people.sign_in()
    people.principals.DeletePrincipal(ppb.DeletePrincipalRequest(tenant="default", name="alice"), metadata=people.admin)
    assert people.verify_token(given.access_token.token) == "KEY_REVOKED"
    people.add("alice")
    assert reason(people.try_refresh(given.refresh_token).refused) == "OVER"


def test_a_scheme_that_is_not_enabled_gives_nothing_out(tmp_path: Path, cheap: None) -> None:

    with serving_people(tmp_path / "data", SCHEMES="aws-sigv4") as found:
        found.add()
        with failing() as failures:
            found.sign_in()
        assert failures[0].field == "access_token"
        with failing() as failures:
            found.sign_in(access_token=False, public_key=public(ec.generate_private_key(ec.SECP256R1())))
        assert failures[0].field == "public_key"
        assert found.sign_in(access_token=False).refresh_token


def test_every_reason_has_a_number_and_none_is_zero() -> None:
    assert set(REASONS) == set(Why)
    assert len(set(REASONS.values())) == len(Why)
    assert 0 not in REASONS.values()
    assert set(REASONS.values()) == set(pb.SessionReason.values()) - {0}


class Issuer:
    """Says of every token that it is the same somebody's, who is in no table."""

    def verify(self, id_token: str, nonce: str, *, sees: Callable[[str], bool]) -> IdClaims:
        assert sees("default")
        return IdClaims(
            tenant="default", principal="idp:sub", issuer="https://idp", token_sha256=b"", expires=dt.datetime.now(dt.UTC)
        )


def test_one_whom_only_an_issuer_knows_has_no_more_sessions_than_others(
    tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no row of it to lock: what is too many ends right afterwards."""
    monkeypatch.setattr("counterseal.server.assembly.sessions.build_id_tokens", lambda *_: Issuer())
    monkeypatch.setattr("counterseal.server.sessions.begin.MOST_SESSIONS", 3)
    with serving_people(tmp_path / "data") as found:
        given = []
        for _ in range(5):
            request = pb.ExchangeRequest(id_token="x", access_token=True)
            given.append(found.sessions.Exchange(request, metadata=found.admin).signed_in)
        assert given[0].session.method == "oidc:https://idp"
        verdicts = [found.verify_token(one.access_token.token) for one in given]
        assert verdicts == ["KEY_REVOKED"] * 2 + ["verified"] * 3
        assert len(found.listed()) == 3
