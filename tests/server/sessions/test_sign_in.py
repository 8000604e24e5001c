"""SignIn: what it gives, whom it refuses, and that a stranger cannot tell which principals there are."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from prometheus_client import generate_latest
from sqlalchemy import event

from counterseal.server.sessions.passwords import Passwords
from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import failing
from tests.server.sessions.people import PASSWORD, People, reason, with_token


def test_a_bearer_token_verifies_as_the_principal(people: People) -> None:
    people.add("bob", labels={"team": "blue"})
    given = people.sign_in("bob", source="192.0.2.7")
    verified = people.client.verification.Verify(with_token(given.access_token.token)).verified
    assert (verified.principal, verified.tenant, verified.scheme) == ("bob", "default", "bearer")
    assert (verified.key_id, verified.session_id) == (given.access_token.key_id, given.session.session_id)
    assert dict(verified.labels) == {"team": "blue"}
    session = given.session
    assert (session.method, session.state, session.client.source_address) == ("password", pb.SESSION_STATE_ACTIVE, "192.0.2.7")
    assert session.expire_time.seconds - session.create_time.seconds == 43_200
    assert session.idle_expire_time.seconds - session.create_time.seconds == 3600
    assert given.access_token.expire_time.seconds - session.create_time.seconds == 900
    assert abs(given.server_time.seconds - people.clock()) < 30


def test_what_nobody_asked_for_is_not_issued(people: People) -> None:
    given = people.sign_in(access_token=False)
    assert not given.HasField("access_token")
    assert not given.HasField("key")
    assert given.refresh_token.startswith(f"csrt_{given.session.session_id}_")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong horse battery"),
        ("alice", PASSWORD + " "),
        ("alice", ""),
        ("alice", "x" * 1025),
        ("Alice", PASSWORD),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("a name\nwith\x00everything", PASSWORD),
        ("x" * 10_000, PASSWORD),
    ],
)
def test_refusals_are_alike(people: People, name: str, password: str) -> None:
    answer = people.try_sign_in(name, password)
    answer.refused.ClearField("server_time")
    same = people.try_sign_in("somebody", "something")
    same.refused.ClearField("server_time")
    assert answer == same
    assert reason(answer.refused) == "CREDENTIALS"


def test_a_principal_without_a_password_or_that_is_disabled_signs_in_by_none(people: People) -> None:
    for name, state in (("no-password", ppb.PRINCIPAL_STATE_ACTIVE), ("out", ppb.PRINCIPAL_STATE_DISABLED)):
        principal = ppb.Principal(name=name, state=state)
        password = PASSWORD if name == "out" else ""
        people.principals.CreatePrincipal(
            ppb.CreatePrincipalRequest(principal=principal, password=password), metadata=people.admin
        )
        for tried in (PASSWORD, "", "None"):
            assert reason(people.try_sign_in(name, tried).refused) == "CREDENTIALS"


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that are run and the passwords that are compared, in order, without their values."""
    seen: list[str] = []
    matches = Passwords.matches

    def watched(self: Passwords, stored: str | None, password: str) -> bool:
        seen.append("a password compared")
        return matches(self, stored, password)

    def ran(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        mine = threading.current_thread().name.startswith("counterseal-rpc")  # what is swept up meanwhile is no step
        if mine and ("sign_ins" in statement or "principals" in statement):
            seen.append(statement)

    event.listen(sqlalchemy.Engine, "before_cursor_execute", ran)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Passwords, "matches", watched)
            yield seen
    finally:
        event.remove(sqlalchemy.Engine, "before_cursor_execute", ran)


def test_of_a_principal_that_there_is_not_every_step_is_the_same(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not measured by a clock: the same statements in the same order, and one comparison of the same cost."""
    people.principals.CreatePrincipal(
        ppb.CreatePrincipalRequest(principal=ppb.Principal(name="no-password")), metadata=people.admin
    )
    steps = {}
    for name in ("alice", "nobody", "no-password", "no name at all\n"):
        with counting(monkeypatch) as seen:
            assert people.try_sign_in(name, "wrong").refused
        steps[name] = seen
    assert "a password compared" in steps["alice"]
    assert len(steps["alice"]) > 3
    assert steps["nobody"] == steps["no-password"] == steps["no name at all\n"] == steps["alice"]


def test_failures_are_audited_together_and_names_that_nobody_has_are_written_nowhere(people: People) -> None:
    typed = "my-secret-password-in-the-wrong-field"
    for name in ("alice", "alice", typed, "mallory"):
        people.try_sign_in(name, "wrong password")
    found = wait_for_failures(people)
    assert found == {"default/alice": 2, "/": 2}
    metrics = generate_latest(people.service.metrics.registry).decode()
    assert 'counterseal_sessions_total{outcome="credentials",what="sign_in"} 4.0' in metrics
    everywhere = people.log() + metrics + "".join(str(entry) for entry in people.audit())
    for secret in (typed, "wrong password", PASSWORD, "mallory"):
        assert secret not in everywhere


def wait_for_failures(people: People) -> dict[str, int]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found: dict[str, int] = {}
        for entry in people.audit():
            if entry.action == "sign_in_failed":
                detail = json.loads(entry.detail_json)
                who = f"{entry.tenant}/{detail.get('principal', '')}"
                found[who] = found.get(who, 0) + int(detail["count"])
        if sum(found.values()) == 4:
            return found
        time.sleep(0.05)
    raise AssertionError("the failures were not written")


def test_a_password_is_hashed_anew_when_the_parameters_have_changed(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    needs = Passwords.needs_rehash

    def once(self: Passwords, stored: str) -> bool:
        calls.append(len(calls) == 0 or needs(self, stored))
        return calls[-1]

    monkeypatch.setattr(Passwords, "needs_rehash", once)
    before = people.principals.GetPrincipal(ppb.GetPrincipalRequest(name="alice"), metadata=people.admin).principal
    entries = len([entry for entry in people.audit() if entry.action.startswith("principal_")])
    for _ in range(2):
        people.sign_in()
    assert calls == [True, False]
    after = people.principals.GetPrincipal(ppb.GetPrincipalRequest(name="alice"), metadata=people.admin).principal
    assert after == before
    assert len([entry for entry in people.audit() if entry.action.startswith("principal_")]) == entries


def test_a_password_set_while_the_one_before_is_compared_begins_no_session(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = Passwords.matches

    def slow(self: Passwords, stored: str | None, password: str) -> bool:
        same = matches(self, stored, password)
        people.principals.SetPassword(
            ppb.SetPasswordRequest(tenant="default", name="alice", password="another one"), metadata=people.admin
        )
        return same

    monkeypatch.setattr(Passwords, "matches", slow)
    assert reason(people.try_sign_in().refused) == "CREDENTIALS"
    assert people.listed(include_over=True) == []


def test_the_hundred_and_first_session_ends_the_one_longest_not_refreshed(people: People) -> None:
    first = people.sign_in()
    second = people.sign_in()
    people.clock.ahead += 1
    first = people.refresh(first.refresh_token)
    for _ in range(98):
        people.sign_in(access_token=False)
    assert people.verify_token(second.access_token.token) == "verified"
    people.sign_in(access_token=False)
    assert people.verify_token(second.access_token.token) == "KEY_REVOKED"
    assert people.verify_token(first.access_token.token) == "verified"
    assert len(people.listed(page_size=1000)) == 100


def test_a_front_that_gets_its_own_words_wrong_is_told_so(people: People) -> None:
    for fields, field in (
        ({"tenant": "no tenant"}, "tenant"),
        ({"client": pb.ClientDetails(source_address="somewhere")}, "client.source_address"),
        ({"public_key": pb.SessionPublicKey(jwk="{}")}, "public_key.jwk"),
        ({"public_key": pb.SessionPublicKey()}, "public_key"),
    ):
        with failing() as failures:
            people.sessions.SignIn(pb.SignInRequest(principal="alice", password=PASSWORD, **fields), metadata=people.admin)
        assert (failures[0].code, failures[0].field) == ("INVALID_ARGUMENT", field)


def test_what_is_kept_of_a_client_forges_no_lines(people: People) -> None:
    request = pb.SignInRequest(
        principal="alice",
        password=PASSWORD,
        client=pb.ClientDetails(source_address="2001:DB8::1", user_agent="Brow\nser\x00 5 \u202e" + "é" * 600),
    )
    session = people.sessions.SignIn(request, metadata=people.admin).signed_in.session
    assert session.client.source_address == "2001:db8::1"
    assert session.client.user_agent.startswith("Browser 5 é")
    assert len(session.client.user_agent.encode()) <= 512
