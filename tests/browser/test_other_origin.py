"""A page of somebody else's, open in the browser of somebody who is signed in: nothing that it does touches the session.

Twice: on another port of the same host, which counts as the same site, so that `SameSite` keeps no cookie back there; and under
another host's name.
"""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.elsewhere import running_elsewhere
from tests.browser.module import Mine
from tests.browser.test_captured import NOTE, NOTES
from tests.browser.world import Site
from tests.support.sign_in import PASSWORD

ENDPOINTS = ["sign-in", "refresh", "sign-out", "credentials"]
# Right, by itself: whoever signs a victim in under a name of their own reads what the victim then writes there.
SIGN_IN = json.dumps({"principal": "mallory", "password": PASSWORD})
_FORM = """([url, body]) => {
    const frame = document.createElement("iframe");
    frame.name = "answer";
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", action: url, enctype: "text/plain", target: "answer"});
    // A form as text/plain: the equals sign goes into a member that nobody reads.
    const input = document.createElement("input");
    input.name = body.slice(0, -1) + ', "x": "';
    input.value = '"}';
    form.append(input);
    document.body.append(frame, form);
    form.submit();
}"""
_FETCH = """([url, init]) => fetch(url, {credentials: "include", ...init})
    .then((response) => [response.type, response.status], (error) => error.name)"""
_JSON = {"content-type": "application/json", "x-counterseal-csrf": "1"}


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    with running_elsewhere(request.param) as url:
        yield url


@pytest.fixture
def victim(mine: Mine, site: Site) -> Iterator[Mine]:
    """Somebody who is signed in, and after the test still is, in the same session with the same cookie and the same key."""
    session = mine.sign_in(token=True)
    bearer = mine.hold_back(NOTES, bearer=True).fields["authorization"]
    cookies = mine.page.context.cookies()
    yield mine
    assert mine.page.context.cookies() == cookies
    assert mine.current() == session
    assert mine.fetch(NOTES, **NOTE).state == 200
    assert mine.hold_back(NOTES, bearer=True).fields["authorization"] == bearer
    assert mine.fetch(NOTES, bearer=True).state == 200
    assert mine.call("refresh")["sessionId"] == session["sessionId"]  # the refresh token was not used up either


@pytest.fixture
def other(victim: Mine, elsewhere: str) -> Page:
    page = victim.page.context.new_page()
    page.goto(elsewhere)
    return page


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_form(other: Page, site: Site, endpoint: str) -> None:
    with other.expect_response(lambda response: response.url.endswith(endpoint)) as answer:
        other.evaluate(_FORM, [f"{site.url}session/{endpoint}", SIGN_IN])
    assert 400 <= answer.value.status < 500
    assert "set-cookie" not in answer.value.all_headers()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_fetch_without_asking(other: Page, site: Site, endpoint: str) -> None:
    """What needs no preflight: sent, refused, and unreadable."""
    url = f"{site.url}session/{endpoint}"
    with other.expect_response(url) as answer:
        done = other.evaluate(_FETCH, [url, {"method": "POST", "mode": "no-cors", "body": SIGN_IN}])
    assert done == ["opaque", 0]
    assert 400 <= answer.value.status < 500
    assert "set-cookie" not in answer.value.all_headers()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_fetch_that_asks_first(other: Page, site: Site, endpoint: str) -> None:
    """Type and field are as the endpoints want them, so the browser asks, and is told no: the request itself is never sent."""
    url, sent = f"{site.url}session/{endpoint}", []
    other.on("response", lambda response: sent.append(response.request.method))
    for headers in (_JSON, {"content-type": "application/json"}, {"x-counterseal-csrf": "1"}):
        assert other.evaluate(_FETCH, [url, {"method": "POST", "headers": headers, "body": SIGN_IN}]) == "TypeError"
    assert "POST" not in sent


def test_the_api(other: Page, site: Site) -> None:
    """The cookie says nothing there, and what is asked for may not be read."""
    url = site.url + NOTES[1:]
    for init in ({}, {"method": "POST", "headers": {"content-type": "text/plain"}, "body": "spam"}):
        site.newly_logged()
        assert other.evaluate(_FETCH, [url, init]) == "TypeError"
        assert "refused: UNSIGNED" in site.newly_logged()
    headers = {"authorization": "Bearer cstk_made_up"}
    assert other.evaluate(_FETCH, [url, {"headers": headers}]) == "TypeError"


def test_the_page_is_not_shown_in_a_frame(other: Page, site: Site) -> None:
    """Nobody is made to click what they do not see."""
    other.evaluate(
        """(url) => new Promise((resolve) => {
            const frame = document.createElement("iframe");
            frame.src = url;
            frame.onload = resolve;
            document.body.append(frame);
        })""",
        site.url,
    )
    (frame,) = other.frames[1:]
    assert not frame.url.startswith(site.url)
