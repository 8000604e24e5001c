from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.chromium import new_context, running_chromium


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
