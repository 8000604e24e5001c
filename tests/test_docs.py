"""Pages for people are right about what can be looked up: files, tests, settings, metrics and headings are there."""

import re
from pathlib import Path

import pytest

from counterseal.server.config import SETTINGS

ROOT = Path(__file__).parent.parent
FOLDERS = (".", "docs", "docs/decisions", "examples", "examples/web", "clients", "clients/web", "clients/python", "protos")
PAGES = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))
# What a decision names may be gone: it says what was decided then.
NAMED = [path for path in PAGES if path.parent.name != "decisions"]
_FILE = re.compile(r"`((?:tests|service|examples|deploy|clients|protos|docs)/[\w./-]+)(?:::(\w+))?`")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return the page's headings as links name them."""
    headings = re.findall(r"(?m)^#+ (.*)$", path.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#:\s]*)(#([^)\s]+))?\)", page.read_text()):
        found = page if not target else (page.parent / target)
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_tests_that_are_named_are_there(page: Path) -> None:
    for file, test in _FILE.findall(page.read_text()):
        assert (ROOT / file).exists(), file
        if test:
            assert re.search(rf"(?m)^(async )?def {test}\(", (ROOT / file).read_text()), f"{file}::{test}"


@pytest.fixture(scope="module")
def sources() -> str:
    """All that the service, its command line, the examples and the tests' programs are written in."""
    kinds = ("py", "sh", "go", "java", "rs", "mjs")
    parts = ("service", "examples", "clients/python", "tests")
    return "".join(path.read_text() for part in parts for kind in kinds for path in (ROOT / part).rglob(f"*.{kind}"))


@pytest.mark.parametrize("page", NAMED, ids=name)
def test_settings_that_are_named_exist(page: Path, sources: str) -> None:
    for setting in set(re.findall(r"COUNTERSEAL_[A-Z_]+[A-Z]", page.read_text())):
        assert setting.removeprefix("COUNTERSEAL_") in SETTINGS or f'"{setting}"' in sources, setting


@pytest.mark.parametrize("page", NAMED, ids=name)
def test_metrics_that_are_named_are_counted(page: Path, sources: str) -> None:
    for metric in set(re.findall(r"`(counterseal_[a-z_]+)", page.read_text())) - {"counterseal_client"}:
        assert f'"{metric}"' in sources or f'"{metric.removesuffix("_total")}"' in sources, metric
