"""A device's clock is off by ten minutes, and the service's window is one minute: the module finds out the right time."""

import pytest
from playwright.sync_api import Page

from tests.browser.module import Mine
from tests.browser.shifting import move_clock, shift_clock
from tests.browser.test_captured import NOTE, NOTES
from tests.browser.world import Site

TEN_MINUTES = [600, -600]


def watched(page: Page) -> list[int]:
    """Return a list that the API's answers to this page go to."""
    seen: list[int] = []
    page.on("response", lambda response: seen.append(response.status) if NOTES in response.url else None)
    return seen


@pytest.mark.parametrize("off", TEN_MINUTES)
def test_off_from_the_beginning(page: Page, site: Site, off: int) -> None:
    """The answer to the sign-in has the service's time, so that nothing is refused at all."""
    shift_clock(page.context, off)
    mine, seen = Mine(page).load(site.url), watched(page)
    mine.sign_in()
    assert [mine.fetch(NOTES).state, mine.fetch(NOTES, **NOTE).state] == [200, 200]
    mine.load(site.url)  # kept over a reload
    assert mine.fetch(NOTES, **NOTE).state == 200
    assert 401 not in seen
    assert 403 not in seen


@pytest.mark.parametrize("off", TEN_MINUTES)
def test_set_to_something_else_while_signed_in(page: Page, site: Site, off: int) -> None:
    """One refusal, whose `Date` has the time; then the same again, which is accepted, and from then on nothing is refused."""
    shift_clock(page.context, 0)
    mine, seen = Mine(page).load(site.url), watched(page)
    mine.sign_in()
    assert mine.fetch(NOTES, **NOTE).state == 200
    move_clock(page, off)
    seen.clear()
    site.newly_logged()
    assert mine.fetch(NOTES, **NOTE).state == 200
    assert len(seen) == 2
    assert seen[0] in {401, 403}
    assert ("TOO_NEW" if off > 0 else "TOO_OLD") in site.newly_logged()
    assert mine.fetch(NOTES, **NOTE).state == 200
    assert seen[2:] == [200]
