"""The demonstration in a real browser, from the sign-in to the refusal after the sign-out."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.demo import Demo
from tests.browser.world import Site
from tests.support.chromium import running_profile
from tests.support.sign_in import PASSWORD, add_principal

COVERED = ["@method", "@authority", "@path", "@query"]
WRONG = "The name or the password is wrong."


@pytest.fixture
def demo(page: Page, site: Site) -> Demo:
    return Demo(page).open(site.url)


@pytest.fixture
def signed_in(demo: Demo) -> Demo:
    demo.sign_in()
    demo.expect_signed_in()
    return demo


def test_both_ways_and_what_the_gateway_is_told(demo: Demo) -> None:
    demo.expect_signed_out()
    demo.sign_in()
    session = demo.expect_signed_in()
    posted = demo.add_note("for the journey")
    assert posted["verdict"] == "verified"
    assert (posted["Who"], posted["How"], posted["Session"]) == ("alice", "rfc9421", session)
    assert [part for part in [*COVERED, "content-digest", "content-type"] if part not in posted["Covered"]] == []
    read = demo.list_notes()
    assert (read["verdict"], read["How"], read["Session"], read["Key"]) == ("verified", "rfc9421", session, posted["Key"])
    assert [part for part in COVERED if part not in read["Covered"]] == []
    assert "content-digest" not in read["Covered"]
    expect(demo.notes.last).to_have_text("for the journey signed")
    demo.choose("bearer")
    borne = demo.list_notes()
    assert (borne["verdict"], borne["Who"], borne["How"], borne["Session"]) == ("verified", "alice", "bearer", session)
    assert borne["Covered"] == "nothing of the request"
    assert borne["Key"] != posted["Key"]
    demo.sign_out()
    demo.expect_signed_out()
    demo.expect_note("Signed out")


def test_the_page_does_not_show_a_whole_token(signed_in: Demo) -> None:
    signed_in.choose("bearer")
    signed_in.list_notes()
    shown = signed_in.page.locator("body").inner_text()
    assert "authorization: Bearer cstk_" in shown
    assert re.search(r"cstk_\w{20}", shown) is None


def test_a_wrong_password_and_a_name_that_nobody_has(demo: Demo) -> None:
    for name, password in (("alice", PASSWORD + "!"), ("nobody", PASSWORD)):
        demo.sign_in(name, password)
        demo.expect_note(WRONG)
        demo.expect_signed_out()
    demo.sign_in()
    demo.expect_signed_in()


@pytest.mark.parametrize("known", [True, False])
def test_guessing_is_slowed_down(demo: Demo, site: Site, known: bool) -> None:
    """The sixth is not looked at, though it be right; and of a name that nobody has, the page says the same."""
    name = f"guessed-{known}".lower()
    if known:
        add_principal(site.servers[0], name)
    for number in range(5):
        with demo.page.expect_response("**/session/sign-in") as answer:
            demo.sign_in(name, f"guess number {number}")
        assert answer.value.status == 401
        demo.expect_note(WRONG)
    with demo.page.expect_response("**/session/sign-in") as answer:
        demo.sign_in(name)
    assert answer.value.status == 429
    demo.expect_note(re.compile(r"Too many attempts\. Try again in [1-9]\d* seconds\."))
    demo.expect_signed_out()


def test_a_reload(signed_in: Demo) -> None:
    """The key is where it was, and the token is asked for again: the page had it in memory alone."""
    session = signed_in.expect_signed_in()
    signed_in.page.reload()
    assert signed_in.expect_signed_in() == session
    assert signed_in.add_note("after a reload")["Session"] == session
    signed_in.choose("bearer")
    assert (told := signed_in.list_notes())["verdict"] == "verified"
    assert told["Session"] == session


def test_the_page_closed_and_opened_again(signed_in: Demo, profile: BrowserContext, site: Site) -> None:
    session = signed_in.expect_signed_in()
    signed_in.page.close()
    again = Demo(profile.new_page()).open(site.url)
    assert again.expect_signed_in() == session
    assert again.add_note("after closing the page")["Session"] == session


def test_the_browser_closed_and_started_again(chromium: Browser, site: Site, tmp_path: Path) -> None:
    with running_profile(tmp_path / "profile", chromium) as context:
        demo = Demo(context.new_page()).open(site.url)
        demo.sign_in()
        session = demo.expect_signed_in()
        key = demo.add_note("before the end")["Key"]
    with running_profile(tmp_path / "profile", chromium) as context:
        demo = Demo(context.new_page()).open(site.url)
        assert demo.expect_signed_in() == session
        told = demo.add_note("from a new process")
        assert (told["verdict"], told["Session"], told["Key"]) == ("verified", session, key)
        demo.choose("bearer")
        assert demo.list_notes()["Session"] == session


def test_two_windows_see_one_sign_in_and_one_sign_out(signed_in: Demo, profile: BrowserContext, site: Site) -> None:
    other = Demo(profile.new_page()).open(site.url)
    assert other.expect_signed_in() == signed_in.expect_signed_in()
    signed_in.sign_out()
    other.expect_signed_out()
    other.sign_in()
    assert other.expect_signed_in() == signed_in.expect_signed_in()


@pytest.mark.parametrize(
    ("attack", "held", "said"),
    [
        ("replay", True, "the second refused (REPLAYED)"),
        ("change", True, "was refused"),
        ("steal", False, "Whoever has the token is you"),
        ("export", True, "The browser refuses (InvalidAccessError)"),
        ("register", True, "Refused (409)"),
        ("leave", True, "Refused: the token after "),
    ],
)
def test_the_attacks_end_as_the_page_says(signed_in: Demo, attack: str, held: bool, said: str) -> None:
    outcome = signed_in.attack(attack)
    expect(outcome).to_contain_text(said)
    expect(outcome).to_have_class("good" if held else "bad")
    expect(signed_in.page.locator("#guard-off")).to_be_hidden()


def test_a_session_without_a_bearer_token(demo: Demo) -> None:
    """The tick is taken away: there is nothing to steal, the page says so, and all else goes on."""
    demo.sign_in(token=False)
    session = demo.expect_signed_in()
    assert demo.add_note("without a token")["Session"] == session
    demo.choose("bearer")
    demo.page.get_by_role("button", name="List my notes").click()
    demo.expect_note("There is no bearer token")
    for attack, said in (
        ("steal", "There is none"),
        ("register", "Refused (409)"),
        ("leave", "Refused: a request signed before"),
    ):
        outcome = demo.attack(attack)
        expect(outcome).to_contain_text(said)
        expect(outcome).to_have_class("good")
    demo.expect_signed_out()


def test_nothing_on_the_page_breaks_its_own_rules(page: Page, site: Site) -> None:
    """No script error, nothing that Content-Security-Policy had to stop, no file that is missing, and no other server."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(site.url) else complaints.append(request.url))
    page.on("response", lambda response: complaints.append(response.url) if response.status >= 400 else None)
    demo = Demo(page).open(site.url)
    demo.sign_in()
    demo.expect_signed_in()
    demo.add_note("in good order")
    demo.sign_out()
    demo.expect_signed_out()
    assert complaints == []
