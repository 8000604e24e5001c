"""What the other tests here take for granted of the browser itself, shown on a page that has nothing of ours."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import running_profile

_MAKE_KEY = """async (extractable) => {
    const key = await crypto.subtle.generateKey({name: "ECDSA", namedCurve: "P-256"}, extractable, ["sign"]);
    return crypto.subtle.exportKey("jwk", key.privateKey).then(() => "exported", (error) => error.name);
}"""


class _Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>plain</title><p>a page</p>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_page_opens(page: Page, plain: str) -> None:
    page.goto(plain)
    assert page.title() == "plain"
    assert page.evaluate("[isSecureContext, 'locks' in navigator, typeof BroadcastChannel]") == [True, True, "function"]


def test_only_keys_that_are_not_extractable_cannot_be_exported(page: Page, plain: str) -> None:
    """That export fails for ours means something only because it works for others."""
    page.goto(plain)
    assert page.evaluate(_MAKE_KEY, True) == "exported"
    assert page.evaluate(_MAKE_KEY, False) == "InvalidAccessError"


def test_a_profile_on_disk_outlives_the_browser(chromium: Browser, plain: str, tmp_path: Path) -> None:
    with running_profile(tmp_path / "profile", chromium) as context:
        page = context.new_page()
        page.goto(plain)
        page.evaluate("localStorage.setItem('left', 'here')")
    with running_profile(tmp_path / "profile", chromium) as context:
        page = context.new_page()
        page.goto(plain)
        assert page.evaluate("localStorage.getItem('left')") == "here"
