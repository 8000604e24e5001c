"""The demonstration of both ways, as a process before a real service: its page, its session, its API, and what it is told."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.process import RunningServer, running_server
from tests.support.sign_in import PASSWORD, add_front, add_principal
from tests.support.web_example import JSON, SERVE, Visitor, open_visitor, running_example

LOCAL_CALLER = SERVE.with_name("local_caller.py")
SETTINGS = {"REPLAY": "memory", "REPLAY_COLD_START": "accept", "SIGN_IN_FAILURES": "3"}


@dataclass
class Site:
    server: RunningServer
    origin: str
    log: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("web")
    with running_server(folder / "data", SETTINGS) as server:
        add_principal(server)
        add_principal(server, "bob")
        with running_example(server.address, add_front(server), folder / "front.log") as origin:
            yield Site(server, origin, folder / "front.log")


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with open_visitor(site.origin) as visitor:
        yield visitor


@pytest.fixture
def alice(visitor: Visitor) -> Visitor:
    assert visitor.sign_in().status_code == 200
    return visitor


def test_the_page_and_its_scripts(visitor: Visitor) -> None:
    page = visitor.http.get(visitor.origin + "/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    # Nothing inline, which the policy would not run anyway, and nothing from elsewhere.
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert " on" + "click=" not in page.text
    assert "//" not in page.text.replace("<!doctype html>", "")
    for name in ("app.js", "attacks.js", "calls.js", "show.js", "counterseal.js", "style.css", "icon.svg"):
        assert visitor.http.get(f"{visitor.origin}/{name}").status_code == 200
    assert visitor.http.get(f"{visitor.origin}/counterseal.js").headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/serve.py", "/..%2fserve.py", "/../serve.py", "/static/index.html", "//index.html", "/%00", "/index.html/"]
)
def test_nothing_else_of_the_disk_is_served(visitor: Visitor, path: str) -> None:
    answer = visitor.http.get(visitor.origin + path)
    assert (answer.status_code, answer.content) == (404, b"")


def test_both_ways(alice: Visitor) -> None:
    assert alice.send(alice.signed("DELETE")) == 200
    assert [alice.send(alice.signed("POST", "tea")), alice.send(alice.bearer("POST", "milk"))] == [200, 200]
    for request in (alice.signed(), alice.bearer()):
        notes = alice.http.send(request).json()["notes"]
        assert [(note["text"], note["sent"]) for note in notes] == [("tea", "rfc9421"), ("milk", "bearer")]
    bearer, signed = alice.told()[:2]
    assert (bearer["verdict"], bearer["scheme"], bearer["covered"]) == ("verified", "bearer", [])
    assert (bearer["principal"], bearer["session"], bearer["body"]) == ("alice", alice.session["sessionId"], "not covered")
    assert (signed["scheme"], signed["keyId"]) == ("rfc9421", alice.session["keyId"])
    assert {'"@method"', '"@authority"', '"@path"', '"@query"'} <= set(signed["covered"])


def test_everybody_has_notes_of_their_own(alice: Visitor, site: Site) -> None:
    assert alice.send(alice.signed("POST", "only mine")) == 200
    with open_visitor(site.origin) as bob:
        bob.page_id = "another page of somebody else"
        assert bob.sign_in(principal="bob").status_code == 200
        assert bob.http.send(bob.signed()).json()["notes"] == []
        assert all(one["principal"] == "bob" for one in bob.told())
        assert bob.told()
    for page_id in ("short", "", "a page that nobody has at all"):
        answer = alice.http.get(site.origin + "/api/told", headers={"x-page-id": page_id})
        assert answer.json() == {"told": []}


def test_without_proof_nothing(alice: Visitor) -> None:
    """The cookie of the session says nothing at the API."""
    assert alice.http.get(alice.origin + "/api/notes").status_code in {401, 403}
    made_up = {"authorization": "Bearer cstk_CSBT" + "A" * 20 + "_" + "0" * 49}
    assert alice.http.get(alice.origin + "/api/notes", headers=made_up).status_code in {400, 401, 403}
    in_query = f"{alice.origin}/api/notes?access_token={alice.session['accessToken']}"
    assert alice.http.get(in_query).status_code in {400, 401, 403}
    assert alice.http.get(alice.origin + "/api/anything").status_code in {401, 403}


def test_a_captured_request_again(alice: Visitor) -> None:
    signed = alice.signed("POST", "once")
    assert [alice.send(signed), alice.send(signed)] == [200, 403]
    assert (alice.told()[0]["verdict"], alice.told()[0]["reason"]) == ("rejected", "REPLAYED")
    bearer = alice.bearer("POST", "twice")
    assert [alice.send(bearer), alice.send(bearer)] == [200, 200]
    assert alice.told()[0]["again"] == "a bearer token may be used again"


def test_a_changed_request(alice: Visitor) -> None:
    alice.send(alice.signed("DELETE"))
    genuine = alice.signed("POST", "pay 10")
    changed = alice.http.build_request("POST", genuine.url, headers=dict(genuine.headers), content=b'{"text": "pay 99"}')
    assert alice.send(changed) == 400
    signed = alice.signed()
    for request in (
        alice.http.build_request("DELETE", signed.url, headers=dict(signed.headers)),
        alice.http.build_request("GET", str(signed.url) + "?all=1", headers=dict(signed.headers)),
        alice.http.build_request("GET", str(signed.url) + "/", headers=dict(signed.headers)),
    ):
        assert alice.send(request) in {401, 403}
    assert alice.http.send(alice.signed()).json()["notes"] == []


def test_signing_out_ends_both(alice: Visitor) -> None:
    bearer, signed = alice.bearer(), alice.signed()
    assert [alice.send(bearer), alice.send(signed)] == [200, 200]
    ended = alice.post("sign-out").json()
    time.sleep(max(0.0, ended["effectiveTime"] / 1000 - time.time()))
    for _ in range(3):
        assert [alice.send(bearer), alice.send(signed)] == [401, 401]
    assert alice.told()[0]["reason"] == "KEY_REVOKED"
    assert alice.refresh().status_code == 401


def test_a_reload_goes_on_with_the_cookie(alice: Visitor) -> None:
    before = dict(alice.session)
    bearer = alice.bearer()
    assert alice.refresh(sessionId=before["sessionId"]).status_code == 200
    assert (alice.session["sessionId"], alice.session["keyId"]) == (before["sessionId"], before["keyId"])
    assert alice.session["accessToken"] != before["accessToken"]
    assert [alice.send(alice.bearer()), alice.send(alice.signed())] == [200, 200]
    assert alice.send(bearer) == 401  # the token before has ended


def test_an_old_cookie_ends_the_session(alice: Visitor) -> None:
    """Somebody copied it: whoever comes second ends it for both."""
    copied = dict(alice.http.cookies.items())
    assert alice.refresh().status_code == 200
    alice.http.cookies.clear()
    thief = alice.http.post(
        alice.origin + "/session/refresh", headers={**JSON, "cookie": "; ".join(f"{k}={v}" for k, v in copied.items())}, json={}
    )
    assert (thief.status_code, thief.json()) == (401, {"error": "refused"})
    assert [alice.send(alice.bearer()), alice.send(alice.signed())] == [401, 401]


def test_a_new_sign_in_never_continues_an_old_session(alice: Visitor) -> None:
    first, bearer = dict(alice.session), alice.bearer()
    cookies = dict(alice.http.cookies.items())
    assert alice.sign_in().status_code == 200
    assert alice.session["sessionId"] != first["sessionId"]
    assert dict(alice.http.cookies.items()) != cookies
    assert alice.send(alice.bearer()) == 200
    assert alice.send(bearer) == 401  # the session that it replaced in this browser was ended


def test_guessing_is_throttled_and_tells_nothing(site: Site) -> None:
    with open_visitor(site.origin) as guesser:
        answers = [guesser.sign_in("wrong", principal="nobody-is-called-so") for _ in range(4)]
        known = [guesser.sign_in("wrong", principal="bob") for _ in range(4)]
    for each in (answers, known):
        assert [answer.status_code for answer in each] == [401, 401, 401, 429]
        assert {answer.text for answer in each[:3]} == {'{"error": "refused"}'}
        assert each[3].json()["error"] == "throttled"
        assert 1 <= each[3].json()["retryAfter"] <= 900


def test_a_preflight_is_allowed_nothing(visitor: Visitor) -> None:
    asks = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    for path in ("/api/notes", "/api/told", "/session/sign-in", "/"):
        answer = visitor.http.options(visitor.origin + path, headers=asks)
        assert answer.status_code >= 400
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_log_holds_no_secret(alice: Visitor, site: Site) -> None:
    alice.send(alice.bearer())
    alice.post("sign-out")
    alice.send(alice.bearer())
    logged = site.log.read_text()
    assert "KEY_REVOKED" in logged
    for secret in (alice.session["accessToken"], "cstk_", "csrt_", PASSWORD):
        assert secret not in logged


def test_without_a_token_it_says_what_is_missing() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    done = subprocess.run([sys.executable, str(SERVE)], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("COUNTERSEAL_TOKEN is not set: ")
    assert done.stderr.count("\n") == 1


def test_a_caller_for_trying_out_is_created_once(site: Site) -> None:
    env = {**os.environ, "COUNTERSEAL_SERVER": site.server.address, "COUNTERSEAL_DATA_DIR": str(site.server.data_dir)}
    env.pop("COUNTERSEAL_TOKEN", None)
    with contextlib.suppress(FileNotFoundError):
        (site.server.data_dir / "web.token").unlink()
    command = [sys.executable, str(LOCAL_CALLER)]
    # The name is taken: the module's front is called so. It says that on one line, and leaves no file.
    taken = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (taken.returncode, taken.stdout, taken.stderr.count("\n")) == (1, "", 1)
    assert not (site.server.data_dir / "web.token").exists()


def test_that_caller_may_serve_sessions(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        add_principal(server)
        env = {**os.environ, "COUNTERSEAL_SERVER": server.address, "COUNTERSEAL_DATA_DIR": str(server.data_dir)}
        env.pop("COUNTERSEAL_TOKEN", None)
        command = [sys.executable, str(LOCAL_CALLER)]
        first, second = (subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True) for _ in "ab")
        assert first.stdout == second.stdout
        assert (server.data_dir / "web.token").stat().st_mode & 0o777 == 0o600
        with running_example(server.address, first.stdout.strip(), tmp_path / "log") as origin, open_visitor(origin) as visitor:
            assert visitor.sign_in().status_code == 200
            # No replay guard here: the page says so when it sees the same request verified twice.
            signed = visitor.signed("POST", "again and again")
            assert [visitor.send(signed), visitor.send(signed)] == [200, 200]
            assert visitor.told()[0]["again"] == "seen before, and verified again"


def test_an_outage_is_told_as_one(tmp_path: Path) -> None:
    with running_example("127.0.0.1:1", "cst_none", tmp_path / "log") as origin, open_visitor(origin) as visitor:
        assert visitor.sign_in().status_code == 503
        assert visitor.http.get(origin + "/api/notes").status_code == 503
        assert visitor.http.get(origin + "/").status_code == 200
        assert not httpx.Cookies(visitor.http.cookies)
