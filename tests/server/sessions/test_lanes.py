"""A flood in one place stops nothing elsewhere: what one does under attack is neither delayed nor refused by the attack."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterseal.server.rpc.server import ServerLimits, change_lanes
from counterseal.server.sessions.passwords import Passwords
from counterseal.server.sessions.refresh import Refreshing
from counterseal.server.sessions.sign_out import SigningOut
from counterseal.server.sessions.throttle import Throttle
from counterseal.v1 import keys_pb2
from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import read_failure
from tests.server.sessions.people import PASSWORD, People, serving_people

# More than work and wait in any lane, and more than wait for a password to be hashed.
FLOOD = 80
# Those in the flood wait, and are waited for, longer than what is done meanwhile may take.
SOON, LONG = 25.0, 100.0


class Held:
    """Calls that do not return until they are told to. `inside` is released by each that has begun."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.inside = threading.Semaphore(0)

    def instead_of(self, owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        sound = getattr(owner, name)

        def held(*given: Any, **named: Any) -> Any:
            self.inside.release()
            assert self.go_on.wait(LONG)
            return sound(*given, **named)

        monkeypatch.setattr(owner, name, held)

    @contextmanager
    def flood(self, call: Callable[[int], Any], at_least: int) -> Iterator[None]:
        calls = [call(number) for number in range(FLOOD)]
        try:
            for _ in range(at_least):
                assert self.inside.acquire(timeout=20)
            # Whoever finds no place is told so: the lane is as full as it gets.
            assert any(one.done() for one in calls) or _wait_for_one(calls)
            yield
        finally:
            self.go_on.set()
            for one in calls:
                one.exception()


def _wait_for_one(calls: list[Any]) -> bool:
    refused = threading.Event()
    for call in calls:
        call.add_done_callback(lambda _: refused.set())
    return refused.wait(20)


def sign_in(people: People, number: int) -> Any:
    request = pb.SignInRequest(
        principal=f"user-{number}", password="wrong", client=pb.ClientDetails(source_address=f"192.0.2.{number}")
    )
    return people.sessions.SignIn.future(request, metadata=people.metadata, timeout=LONG)


def under_attack(people: People, given: pb.SignedIn) -> dict[str, Callable[[], Any]]:
    """What an administrator does, and what those do whose session was stolen."""
    key = people.client.issue()
    rotate = keys_pb2.RotateKeyRequest(key_id=key.key_id)
    rotate.overlap.SetInParent()
    change = ppb.UpdatePrincipalRequest(
        principal=ppb.Principal(tenant="default", name="bob", state=ppb.PRINCIPAL_STATE_DISABLED)
    )
    change.update_mask.paths.append("state")
    keys, principals, sessions = people.client.keys, people.principals, people.sessions
    named: dict[str, tuple[Any, Any]] = {
        "RotateKey": (keys.RotateKey, rotate),
        "Revoke": (keys.Revoke, keys_pb2.RevokeRequest(key_id=key.key_id, reason="stolen")),
        "ListSessions": (sessions.ListSessions, pb.ListSessionsRequest()),
        "SignOut": (sessions.SignOut, pb.SignOutRequest(refresh_token=given.refresh_token)),
        "CreatePrincipal": (
            principals.CreatePrincipal,
            ppb.CreatePrincipalRequest(principal=ppb.Principal(name="carol"), password=PASSWORD),
        ),
        "SetPassword": (
            principals.SetPassword,
            ppb.SetPasswordRequest(tenant="default", name="alice", password="another password"),
        ),
        "UpdatePrincipal": (principals.UpdatePrincipal, change),
    }
    return {name: partial(call, sent, metadata=people.admin, timeout=SOON) for name, (call, sent) in named.items()}


def outcomes(calls: dict[str, Callable[[], Any]]) -> dict[str, str]:
    found = {}
    for name, call in calls.items():
        try:
            call()
        except grpc.RpcError as error:
            found[name] = f"{error.code().name} {read_failure(error).reason}"
        else:
            found[name] = "done"
    return found


@pytest.fixture
def busy(tmp_path: Path, cheap: None) -> Iterator[People]:
    with serving_people(tmp_path / "data", REVOKE_BOUND="60") as found:
        found.add()
        found.add("bob")
        yield found


def test_sign_ins_that_wait_for_the_store(busy: People, monkeypatch: pytest.MonkeyPatch) -> None:
    given, held = busy.sign_in(), Held()
    calls = under_attack(busy, given)
    refreshed = busy.sign_in("bob")
    held.instead_of(Throttle, "admit", monkeypatch)
    with held.flood(lambda number: sign_in(busy, number), 4):
        # Whoever is in stays in.
        again = busy.sessions.Refresh(
            pb.RefreshRequest(refresh_token=refreshed.refresh_token), metadata=busy.admin, timeout=SOON
        )
        assert again.WhichOneof("outcome") == "signed_in"
        assert outcomes(calls) == dict.fromkeys(calls, "done")


def test_sign_ins_that_wait_for_their_passwords_to_be_hashed(busy: People, monkeypatch: pytest.MonkeyPatch) -> None:
    given, held = busy.sign_in(), Held()
    calls = under_attack(busy, given)
    held.instead_of(Passwords, "_compare", monkeypatch)
    with held.flood(lambda number: sign_in(busy, number), 2):
        assert outcomes(calls) == dict.fromkeys(calls, "done")


def test_refreshes_that_wait_for_the_store(busy: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may come with what looks like a token."""
    given, held = busy.sign_in(), Held()
    calls = under_attack(busy, given)
    held.instead_of(Refreshing, "refresh", monkeypatch)

    def refresh(_: int) -> Any:
        return busy.sessions.Refresh.future(pb.RefreshRequest(refresh_token="x"), metadata=busy.admin, timeout=LONG)

    with held.flood(refresh, 4):
        assert outcomes(calls) == dict.fromkeys(calls, "done")
        entering = busy.sessions.SignIn(
            pb.SignInRequest(principal="carol", password=PASSWORD), metadata=busy.admin, timeout=SOON
        )
        assert entering.WhichOneof("outcome") == "signed_in"


def test_sign_outs_that_wait_for_the_store(busy: People, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, held = under_attack(busy, busy.sign_in()), Held()
    del calls["SignOut"], calls["ListSessions"]
    held.instead_of(SigningOut, "sign_out", monkeypatch)

    def sign_out(_: int) -> Any:
        return busy.sessions.SignOut.future(pb.SignOutRequest(refresh_token="x"), metadata=busy.admin, timeout=LONG)

    with held.flood(sign_out, 4):
        assert outcomes(calls) == dict.fromkeys(calls, "done")


def test_sign_outs_that_wait_to_be_in_force_take_no_place_from_a_revocation(tmp_path: Path, cheap: None) -> None:
    with serving_people(tmp_path / "data", REVOKE_BOUND="3") as people:
        people.add()
        which, key = people.sign_in().session.session_id, people.client.issue()
        request = pb.SignOutRequest(session_id=which, wait=True)
        waiting = [people.sessions.SignOut.future(request, metadata=people.admin, timeout=LONG) for _ in range(FLOOD)]
        assert _wait_for_one(waiting)  # there is no place left for it
        answer = people.client.keys.Revoke(
            keys_pb2.RevokeRequest(key_id=key.key_id, reason="stolen", wait=True), metadata=people.admin, timeout=30
        )
        assert answer.HasField("revoke_effective_time")
        for call in waiting:
            call.exception()


def test_every_lane_is_another_and_has_threads_for_all_in_it() -> None:
    limits = ServerLimits(message_bytes=0, threads=8, concurrent_calls=0)
    lanes = change_lanes(limits)
    each = {lanes.administration, lanes.entering, lanes.lasting, lanes.leaving}
    assert len(each) == 4
    # Four work and 32 wait in each; 128 wait for messages, 64 for keys and for the guard, 2 * 32 for the bound; 32 and 9 hash.
    assert limits.pool == 8 + 4 * (4 + 32) + 128 + 64 + 64 + 2 * 32 + 32 + 9
    more = ServerLimits(message_bytes=0, threads=8, concurrent_calls=0, sign_ins=2, wait_for_issuers=16)
    assert more.pool == limits.pool + 2 + 16
