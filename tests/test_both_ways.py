"""The two places that tell people the difference between a bearer token and a signature: the README's table, and the page."""

import re
from html.parser import HTMLParser

from counterseal.server.config import load_config
from tests.test_readme import README, ROOT

SECTION = README[README.index("## Both ways to secure a web API") : README.index("## The order of checks")]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("|")]
THREATS = ("A stolen header", "A replay", "A changed body", "A stolen database", "A script injected in the page")


class Page(HTMLParser):
    """What people read on the page, by the heading that it stands under."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, str] = {}
        self._heading = False
        self._under = ""
        self.feed((ROOT / "examples" / "web" / "static" / "index.html").read_text())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in {"h1", "h2", "h3"}:
            self._heading, self._under = True, ""

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h1", "h2", "h3"}:
            self._heading = False

    def handle_data(self, data: str) -> None:
        if self._heading:
            self._under += data
        elif self._under:
            self.told[self._under] = self.told.get(self._under, "") + data


def test_the_page_tells_of_each_threat_what_either_way_does_about_it() -> None:
    told = Page().told
    for threat in THREATS:
        bearer, _, signed = told[threat].partition("Signed:")
        assert re.search(r"Bearer:\s+\S.{40}", bearer, re.DOTALL), threat
        assert re.search(r"\S.{40}", signed, re.DOTALL), threat


def test_the_table_has_both_ways_side_by_side() -> None:
    assert ROWS[0] == ["", "bearer token", "signed request"]
    assert {len(row) for row in ROWS} == {3}
    assert all(all(cells) for cells in ROWS[2:])
    subjects = [row[0] for row in ROWS[2:]]
    for part in (
        "header is stolen",
        "sent again",
        "body or the path is changed",
        "database is stolen",
        "script is injected",
        "costs",
    ):
        assert sum(part in subject for subject in subjects) == 1, part
    for advice in ("**Take bearer tokens**", "**Take signatures**"):
        assert advice in SECTION


def test_the_times_in_it_are_those_in_force() -> None:
    config = load_config({})
    (stolen,) = [row for row in ROWS if "header is stolen" in row[0]]
    assert f"{config.access_token_seconds / 60:.0f} minutes for a session's token" in stolen[1]
    (clock,) = [row for row in ROWS if row[0] == "the clock"]
    assert f"within {config.skew / 60:.0f} minutes" in clock[2]
    exempt = "{}, {} and {} are exempt".format(*config.replay_exempt_methods)
    assert any(exempt in row[2] for row in ROWS)


def test_the_cheaper_way_is_the_one_that_it_says() -> None:
    (costs,) = [row for row in ROWS if "costs the service" in row[0]]
    assert costs[1].startswith("less than a signature")
    micros = {name: int(value) for name, value in re.findall(r"\| (Verify[^|]*?) \| (\d+) \|", README)}
    assert micros["Verify of a bearer token, in the cache"] < micros["Verify, key in the cache"]
