"""What the other tests here take for granted of the browser itself, shown on a page that has nothing of ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.elsewhere import running_elsewhere
from tests.support.chromium import running_profile

_MAKE_KEY = """async (extractable) => {
    const key = await crypto.subtle.generateKey({name: "ECDSA", namedCurve: "P-256"}, extractable, ["sign"]);
    return crypto.subtle.exportKey("jwk", key.privateKey).then(() => "exported", (error) => error.name);
}"""


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    with running_elsewhere() as url:
        yield url


def test_a_page_opens(page: Page, plain: str) -> None:
    page.goto(plain)
    assert page.title() == "win a prize"
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
