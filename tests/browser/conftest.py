import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.module import Mine
from tests.browser.world import Site, running_front
from tests.support.chromium import new_context, running_chromium
from tests.support.replicas import running_replicas
from tests.support.sign_in import add_front, add_principal, open_front

# Seconds for one test with what it is the first to need: a browser, two servers and their database, on a busy machine.
SECONDS = 900


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    with new_context(chromium) as context:
        yield context


@pytest.fixture
def page(profile: BrowserContext) -> Page:
    return profile.new_page()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A narrow window, so that a clock that is ten minutes off is far outside of it, and a guard that sees replays."""
    folder = tmp_path_factory.mktemp("site")
    with contextlib.ExitStack() as parts:
        servers = parts.enter_context(running_replicas(folder, REPLAY="sql", SKEW="60"))
        token = add_front(servers[0])
        for name in ("alice", "mallory"):
            add_principal(servers[0], name)
        logs = [folder / f"front-{number}.log" for number in range(2)]
        origins = [parts.enter_context(running_front(server, token, log)) for server, log in zip(servers, logs, strict=True)]
        front = parts.enter_context(open_front(servers[0], token))
        yield Site(servers, tuple(origins), tuple(logs), front)


@pytest.fixture
def mine(page: Page, site: Site) -> Mine:
    """A page of the demonstration where nobody is signed in yet."""
    return Mine(page).load(site.url)
