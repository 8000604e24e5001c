"""The module in a real browser, with nothing behind it: what it sends, and what it leaves in IndexedDB."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Route

from counterseal.core import asymmetric
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Rejected, Verified
from tests.clients.web.building import BUNDLE
from tests.clients.web.drawing import draw
from tests.core.rfc9421.making import verdict
from tests.support.chromium import new_context, running_chromium

ORIGIN = "http://localhost:8000"
NOW = 1_700_000_000
COUNT = 120
_OPEN = """async (algorithm) => {
    const web = await import("/counterseal.js");
    window.web = web;
    window.session = new web.Counterseal({algorithm});
    return session.signIn("ann", "correct horse");
}"""
_SEND = """async ({method, url, headers, body: {kind, text}}) => {
    const init = {method, headers};
    if (kind === "text") init.body = text;
    if (kind === "bytes") init.body = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    if (kind === "form") init.body = new URLSearchParams(text);
    if (kind === "blob") init.body = new Blob([text], {type: "text/plain"});
    if (kind === "stream") init.body = new Blob([text]).stream();
    if (kind === "multipart") {
        init.body = new FormData();
        init.body.set("félt", text);
        init.body.set("file", new File([text], 'a "b".txt'));
    }
    return (await session.fetch(url, init)).status;
}"""


class Behind:
    """What the page is loaded from, a front that lets everybody in, and an API that keeps what it is sent."""

    def __init__(self, page: Page) -> None:
        self.public_key: dict[str, str] = {}
        self.sent: list[Request] = []
        page.route("**/*", self._answer)
        page.goto(f"{ORIGIN}/page")
        self.page = page

    def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/page":
            route.fulfill(body="<!doctype html>", content_type="text/html")
        elif path == "/counterseal.js":
            route.fulfill(path=BUNDLE, content_type="text/javascript")
        elif path.startswith("/session/"):
            self._session(route)
        else:
            self.sent.append(route.request)
            route.fulfill(status=200, body="")

    def _session(self, route: Route) -> None:
        asked = json.loads(route.request.post_data or "")
        self.public_key = asked.get("publicKey", self.public_key)
        times = {"serverTime": NOW * 1000, "keyExpires": (NOW + 900) * 1000, "sessionExpires": (NOW + 9000) * 1000}
        route.fulfill(json={"sessionId": "S1", "principal": "ann", "keyId": "CSPK1"} | times)

    def verdict(self, request: Request) -> Verified | Rejected:
        public = asymmetric.read_public_key(json.dumps(self.public_key).encode())
        schemes = frozenset({"rfc9421"})
        key = Key(key_id="CSPK1", tenant="", secret=b"", allowed_schemes=schemes, state=KeyState.ACTIVE, public_key=public)
        return verdict(as_request(request), key, Demand(tag="counterseal-web"), now=NOW)


def as_request(request: Request) -> HttpRequest:
    assert request.url.startswith(ORIGIN)
    fields = {name: value for name, value in request.headers.items() if name != "host"}
    return HttpRequest(
        method=request.method.encode(),
        target=request.url.removeprefix(ORIGIN).encode(),
        headers=((b"host", b"localhost:8000"), *((name.encode(), value.encode("latin-1")) for name, value in fields.items())),
        content=request.post_data_buffer or b"",
    )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def behind(chromium: Browser) -> Iterator[Behind]:
    with new_context(chromium) as context:
        yield Behind(context.new_page())


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "ed25519"])
def test_what_the_browser_sends_verifies(behind: Behind, algorithm: str) -> None:
    behind.page.evaluate(_OPEN, algorithm)
    for seed in range(COUNT):
        job: dict[str, Any] = draw(seed, over_the_wire=True)
        job["headers"].pop("X-Latin", None)  # Playwright shows other bytes than were sent. They are not signed.
        job["url"] = "/api" + job["url"]
        behind.page.evaluate(_SEND, job)
    assert len(behind.sent) == COUNT
    assert sum(1 for request in behind.sent if request.post_data_buffer) > COUNT // 4
    for request in behind.sent:
        found = behind.verdict(request)
        assert isinstance(found, Verified), (request.method, request.url, request.headers, found)


def test_a_reload_finds_the_same_key_which_cannot_be_exported(behind: Behind) -> None:
    before = behind.page.evaluate(_OPEN, "ecdsa-p256-sha256")
    behind.page.reload()
    after = behind.page.evaluate(
        """async () => {
            window.web = await import("/counterseal.js");
            window.session = new web.Counterseal();
            const kept = await web.indexedDbStore().read("counterseal:/session");
            const exported = await crypto.subtle.exportKey("pkcs8", kept.privateKey).then(() => "yes", (error) => error.name);
            return {info: await session.current(), exported, local: localStorage.length, cookies: document.cookie};
        }"""
    )
    assert after == {"info": before, "exported": "InvalidAccessError", "local": 0, "cookies": ""}
    behind.page.evaluate("session.fetch('/api/after')")
    assert isinstance(behind.verdict(behind.sent[-1]), Verified)


def test_the_store_replaces_only_the_same_session(behind: Behind) -> None:
    behind.page.evaluate(_OPEN, "ecdsa-p256-sha256")
    found = behind.page.evaluate(
        """async () => {
            const [store, name] = [web.indexedDbStore(), "counterseal:/session"];
            const kept = await store.read(name);
            const same = await store.replace(name, {...kept, clockOffset: 7});
            const other = await store.replace(name, {...kept, sessionId: "S2", clockOffset: 8});
            const offset = (await store.read(name)).clockOffset;
            await store.remove(name);
            return [same, other, offset, await store.replace(name, kept), await store.read(name) === undefined];
        }"""
    )
    assert found == [True, False, 7, False, True]


def test_a_sign_out_leaves_nothing(behind: Behind) -> None:
    behind.page.evaluate(_OPEN, "ecdsa-p256-sha256")
    left = behind.page.evaluate(
        "async () => [await session.signOut(), session.state, await web.indexedDbStore().read('counterseal:/session') ?? null]"
    )
    assert left == [True, "signed-out", None]


@pytest.mark.parametrize("name", ["Cookie", "host", "Sec-Fetch-Site", "signature"])
def test_fields_that_the_browser_drops_are_refused_aloud(behind: Behind, name: str) -> None:
    behind.page.evaluate(_OPEN, "ecdsa-p256-sha256")
    send = "(name) => session.fetch('/api', {headers: {[name]: 'a'}}).then(() => 'sent', (error) => error.name)"
    assert behind.page.evaluate(send, name) == "NotSignable"
    assert behind.page.evaluate(send, "x-fine") == "sent"
    assert len(behind.sent) == 1
