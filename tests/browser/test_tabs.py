"""Several tabs of one browser, and one session: one refreshes for all, and where one signs out none can sign any more."""

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from tests.browser.module import Mine, Refused
from tests.browser.shifting import move_clock, shift_clock
from tests.browser.test_captured import NOTE, NOTES
from tests.browser.world import Site, running_front
from tests.support.process import running_server
from tests.support.sign_in import add_front, add_principal

# A tenth of it, which is when it is prolonged, has to be enough for a refresh and a request on a machine that stalls.
KEY_SECONDS = 60
_BEGIN = """([target, init]) => {
    globalThis.begun = globalThis.mine.fetch(target, init).then((response) => response.status, (error) => error.name);
}"""
# Keeps what the other tabs tell this one, once its own session has been told.
_HEAR = """() => {
    globalThis.heard = [];
    globalThis.channel = new BroadcastChannel("counterseal:/session");
    globalThis.channel.onmessage = (event) => globalThis.heard.push(event.data.kind);
}"""
# Requests one after the other, for as long as it takes until the key has been prolonged `times` times. They pause for a while
# after each: for most of a key's life there is nothing to be seen.
_WORK = """([target, times]) => {
    globalThis.begun = (async () => {
        const seen = new Set(), states = new Set();
        while (seen.size <= times) {
            states.add((await globalThis.mine.fetch(target)).status);
            seen.add((await globalThis.mine.current()).keyExpires);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return [...states];
    })();
}"""


@pytest.fixture
def tabs(profile: BrowserContext, site: Site) -> tuple[Mine, Mine]:
    shift_clock(profile, 0)
    first, second = (Mine(profile.new_page()).load(site.url) for _ in range(2))
    return first, second


def refreshes(profile: BrowserContext) -> list[str]:
    """Return a list that every refresh from now on goes to, whichever tab asks for it."""
    seen: list[str] = []

    def look(request: Request) -> None:
        if request.url.endswith("/session/refresh"):
            seen.append(request.url)

    profile.on("request", look)
    return seen


def test_both_sign_with_the_key_of_one(tabs: tuple[Mine, Mine]) -> None:
    first, second = tabs
    session = first.sign_in()
    assert second.current() == session
    signed = [tab.listen_in(NOTES, **NOTE).fields["signature-input"] for tab in tabs]
    assert all(f'keyid="{session["keyId"]}"' in one for one in signed)
    assert signed[0] != signed[1]


def test_signing_out_in_one_tells_the_other(tabs: tuple[Mine, Mine]) -> None:
    first, second = tabs
    first.sign_in()
    assert second.fetch(NOTES).state == 200
    second.page.evaluate("() => { globalThis.heard = []; globalThis.mine.onChange((state) => globalThis.heard.push(state)); }")
    assert first.sign_out()
    second.page.wait_for_function("globalThis.heard.length > 0")
    assert second.page.evaluate("globalThis.heard") == ["signed-out"]
    with pytest.raises(Refused, match="SessionOver"):
        second.fetch(NOTES)
    assert second.current() is None


def test_the_token_of_one_is_the_others_too(tabs: tuple[Mine, Mine], profile: BrowserContext) -> None:
    """A token is in memory alone, so a new tab asks for one; the one before ends, and the other tab has the new one."""
    first, second = tabs
    first.sign_in(token=True)
    assert first.fetch(NOTES, bearer=True).state == 200
    for tab in tabs:
        tab.page.evaluate(_HEAR)
    new = Mine(profile.new_page()).load(first.page.url)
    assert new.fetch(NOTES, bearer=True).state == 200
    for tab in tabs:
        tab.page.wait_for_function("globalThis.heard.length > 0")
    assert [tab.fetch(NOTES, bearer=True).state for tab in (first, second, new)] == [200, 200, 200]


def test_one_refresh_for_all(tabs: tuple[Mine, Mine], profile: BrowserContext) -> None:
    """The key is near its end by the clocks of both, which ask at the same moment."""
    tabs[0].sign_in()
    seen = refreshes(profile)
    for tab in tabs:
        move_clock(tab.page, 3600 - 60)
    for tab in tabs:
        tab.page.evaluate(_BEGIN, [NOTES, NOTE])
    assert [tab.page.evaluate("globalThis.begun") for tab in tabs] == [200, 200]
    assert len(seen) == 1
    assert tabs[1].current() == tabs[0].current()


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A front whose sessions have keys of a few seconds. Yields its address."""
    folder = tmp_path_factory.mktemp("short-lived")
    with contextlib.ExitStack() as parts:
        settings = {"SESSION_KEY_SECONDS": str(KEY_SECONDS)}
        server = parts.enter_context(running_server(folder / "data", settings))
        add_principal(server)
        token = add_front(server)
        yield parts.enter_context(running_front(server, token, folder / "front.log")) + "/"


def test_a_key_of_seconds_lives_on_as_long_as_it_is_used(short_lived: str, profile: BrowserContext) -> None:
    """By the real clock, in two tabs that sign all the time: one refresh for both, and no request is refused."""
    pages: list[Page] = [profile.new_page(), profile.new_page()]
    first, second = (Mine(page).load(short_lived) for page in pages)
    first.sign_in()
    seen = refreshes(profile)
    for tab in (first, second):
        tab.page.evaluate(_WORK, [NOTES, 1])
    assert [tab.page.evaluate("globalThis.begun") for tab in (first, second)] == [[200], [200]]
    assert len(seen) == 1
