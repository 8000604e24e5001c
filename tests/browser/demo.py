"""The demonstration's page, used as somebody does who sees it: by its labels and buttons, and by what it says."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.support.chromium import PATIENCE
from tests.support.sign_in import PASSWORD

expect.set_options(timeout=PATIENCE)


@dataclass
class Demo:
    page: Page

    def open(self, url: str) -> "Demo":
        self.page.goto(url)
        return self

    def sign_in(self, name: str = "alice", password: str = PASSWORD, *, token: bool = True) -> None:
        """Fill in the form and send it; whether it worked is for `expect_signed_in` to say. `token` is how the page begins."""
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        if not token:
            self.page.get_by_label("Also ask for a bearer token").uncheck()
        self.page.get_by_role("button", name="Sign in").click()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out", exact=True).click()

    def expect_signed_in(self, name: str = "alice") -> str:
        """Wait until the page says so; return the id of the session that it shows."""
        shown = self.page.locator("#session")
        expect(shown).to_contain_text(name)
        expect(self.page.get_by_label("Password")).to_be_hidden()
        return self._facts("#session")["Session"]

    def expect_signed_out(self) -> None:
        expect(self.page.get_by_label("Password")).to_be_visible()
        for button in self.page.locator("[data-needs-session]").all():
            expect(button).to_be_disabled()

    def expect_note(self, text: str | re.Pattern[str]) -> None:
        """Wait for what is said below the sign-in."""
        expect(self.page.locator("#sign-in-note")).to_contain_text(text)

    def choose(self, way: str) -> None:
        """`signed` or `bearer`."""
        self.page.locator(f"input[name=way][value={way}]").check(force=True)

    def add_note(self, text: str) -> dict[str, str]:
        """Send a note; return what the gateway was told."""
        self.page.get_by_label("A note").fill(text)
        return self._told("Add the note", "POST")

    def list_notes(self) -> dict[str, str]:
        return self._told("List my notes", "GET")

    @property
    def notes(self) -> Locator:
        return self.page.get_by_label("My notes").get_by_role("listitem")

    def attack(self, name: str) -> Locator:
        """Press one of the attacks; return where its outcome will stand."""
        self.page.locator(f"[data-attack={name}]").click()
        return self.page.locator(f"li:has([data-attack={name}]) output")

    def _told(self, button: str, method: str) -> dict[str, str]:
        """Press and wait until the page has shown this very exchange: what it showed before is taken away first."""
        self.page.evaluate("""() => {
            for (const shown of ["told", "sent", "verdict-badge"]) document.getElementById(shown).replaceChildren();
        }""")
        self.page.get_by_role("button", name=button).click()
        expect(self.page.locator("#sent")).to_contain_text(f"{method} /api/notes")
        expect(self.page.locator("#verdict-badge")).not_to_be_empty()
        return {"verdict": self.page.locator("#verdict-badge").inner_text(), **self._facts("#told")}

    def _facts(self, where: str) -> dict[str, str]:
        entries = self.page.locator(f"{where} dt, {where} dd").all_inner_texts()
        return dict(zip(entries[::2], entries[1::2], strict=True))
