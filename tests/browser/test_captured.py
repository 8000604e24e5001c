"""What a captured request is good for: a signed one for itself, once; a bearer token for anything, until sign-out."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from playwright.sync_api import Route

from counterseal.v1 import verification_pb2_grpc as pb_grpc
from tests.browser.module import Mine
from tests.browser.world import Captured, Site, as_message, ask, resend
from tests.gateways.clients import Where, run_program
from tests.gateways.world import Credentials
from tests.server.calls import outcome
from tests.support.process import RunningServer
from tests.support.require import require_program

BOUND = 1.0
REPETITIONS = 24
TEXT = json.dumps({"text": "tea for two"})
NOTE: dict[str, Any] = {"method": "POST", "headers": {"content-type": "application/json"}, "body": TEXT}
NOTES = "/api/notes"


def end_of_bound(site: Site, captured: Captured) -> None:
    """Let the bound go by, asking all the time. What is said before its end is for the last test here."""
    over = time.time() + BOUND
    while time.time() < over:
        for server in site.servers:
            ask(server, captured)


def curl(folder: Path, captured: Captured) -> int:
    """Send it with curl; return the answer's code. The fields go through a file: arguments are read by everybody."""
    fields = "".join(f"{name}: {value}\n" for name, value in captured.headers)
    (folder / "fields").write_text(fields)
    (folder / "content").write_bytes(captured.body)
    body = ("--data-binary", "@content") if captured.body else ()
    options = ("-sS", "--max-time", "60", "--noproxy", "*", "-o", "answer", "-w", "%{http_code}", "-H", "@fields", *body)
    where = Where("", Credentials("", ""), folder)
    url = captured.origin + captured.target
    return int(run_program(where, require_program("curl"), *options, "-X", captured.method, url))


def test_a_captured_signed_request_is_good_once(mine: Mine, site: Site, tmp_path: Path) -> None:
    mine.sign_in()
    captured = mine.listen_in(NOTES, **NOTE)
    site.newly_logged()
    assert resend(captured).status_code == 403
    assert curl(tmp_path, captured) == 403
    assert [ask(server, captured) for server in site.servers] == ["REPLAYED", "REPLAYED"]
    assert site.newly_logged().count("refused: REPLAYED") == 2


def test_the_same_bytes_are_accepted_when_they_come_first(mine: Mine, site: Site, tmp_path: Path) -> None:
    """So they were refused for coming twice, and for nothing that curl or httpx does."""
    mine.sign_in()
    assert curl(tmp_path, mine.hold_back(NOTES, **NOTE)) == 200
    assert resend(mine.hold_back(NOTES, **NOTE)).status_code == 200
    first = mine.hold_back(NOTES, **NOTE)
    assert [ask(server, first) for server in reversed(site.servers)] == ["verified", "REPLAYED"]


@pytest.mark.parametrize("change", ["body", "body and length", "path", "query", "method"])
def test_a_request_that_was_changed_on_its_way(mine: Mine, site: Site, change: str) -> None:
    mine.sign_in()

    def meddle(route: Route) -> None:
        body = route.request.post_data_buffer or b""
        altered: dict[str, Callable[[], None]] = {
            "body": lambda: route.continue_(post_data=body.replace(b"two", b"ten")),
            "body and length": lambda: route.continue_(post_data=body + b" "),
            "path": lambda: route.continue_(url=route.request.url + "/"),
            "query": lambda: route.continue_(url=route.request.url + "?all=1"),
            "method": lambda: route.continue_(method="PUT"),
        }
        altered[change]()

    mine.page.route(f"**{NOTES}", meddle)
    site.newly_logged()
    assert mine.fetch(NOTES, **NOTE).state in {400, 401, 403}
    logged = site.newly_logged()
    assert ("the body is not the one that was signed" if change.startswith("body") else "refused: MISMATCH") in logged
    mine.page.unroute(f"**{NOTES}")
    assert mine.fetch(NOTES, **NOTE).state == 200


def test_a_bearer_token_is_good_for_anything_until_sign_out(mine: Mine, site: Site, tmp_path: Path) -> None:
    """By curl, which never saw the page, at both fronts; and when it is over, at neither."""
    mine.sign_in(token=True)
    captured = mine.listen_in(NOTES, bearer=True)
    stolen = [
        Captured(method, origin, NOTES, (("authorization", captured.fields["authorization"]), *kind), body)
        for origin in site.origins
        for method, kind, body in (("GET", (), b""), ("POST", (("content-type", "application/json"),), TEXT.encode()))
    ]
    for _ in range(2):
        assert [curl(tmp_path, one) for one in stolen] == [200] * 4
    assert mine.sign_out()
    end_of_bound(site, captured)
    assert [curl(tmp_path, one) for one in stolen] == [401] * 4
    assert captured.fields["authorization"].split()[1] not in site.logged()


def test_nor_is_the_key_good_after_sign_out(mine: Mine, site: Site) -> None:
    """What was signed before and is sent for the first time after."""
    mine.sign_in()
    before = [mine.hold_back(NOTES, **NOTE) for _ in range(4)]
    assert [ask(server, before.pop()) for server in site.servers] == ["verified", "verified"]
    probe = mine.hold_back(NOTES)
    assert mine.sign_out()
    end_of_bound(site, probe)
    assert [ask(server, before.pop()) for server in site.servers] == ["KEY_REVOKED", "KEY_REVOKED"]


class Watch(threading.Thread):
    """Asks one replica about one request without a pause until it is refused; `last` is when the last accepted call began."""

    def __init__(self, server: RunningServer, captured: Captured) -> None:
        super().__init__(daemon=True)
        self.server, self.message = server, as_message(captured)
        self.accepted, self.last, self.verdict = 0, 0.0, ""
        self.warm = threading.Event()

    def run(self) -> None:
        with grpc.insecure_channel(self.server.address) as channel:
            stub = pb_grpc.VerificationServiceStub(channel)
            end = time.monotonic() + 120
            while time.monotonic() < end:
                began = time.time()
                self.verdict = outcome(stub.Verify(self.message, timeout=60))
                if self.verdict != "verified":
                    break
                self.last, self.accepted = began, self.accepted + 1
                self.warm.set()


def test_on_every_replica_within_the_bound(mine: Mine, site: Site) -> None:
    """Token and key, at both replicas, again and again. GETs are not remembered by the guard, so one does for many calls."""
    late: list[float] = []
    for _ in range(REPETITIONS):
        session = mine.sign_in(token=True)
        requests = (mine.hold_back(NOTES), mine.hold_back(NOTES, bearer=True))
        watches = [Watch(server, request) for server in site.servers for request in requests]
        for watch in watches:
            watch.start()
        assert all(watch.warm.wait(60) for watch in watches)
        began = time.time()
        ended = site.front.sign_out(session["sessionId"])
        effective = ended.effective_time.seconds + ended.effective_time.nanos / 1e9
        assert effective - time.time() <= BOUND
        for watch in watches:
            watch.join(150)
            assert watch.verdict == "KEY_REVOKED"
            assert watch.last < effective
            late.append(max(watch.last - began, 0.0))
        assert [ask(server, request) for server in site.servers for request in requests] == ["KEY_REVOKED"] * 4
    report(late)


def report(late: list[float]) -> None:
    ordered = sorted(late)
    found = {f"p{part}": ordered[min(len(ordered) * part // 100, len(ordered) - 1)] for part in (0, 50, 90, 99, 100)}
    print("last accepted after the call of SignOut, ms:", {name: round(value * 1000, 1) for name, value in found.items()})
