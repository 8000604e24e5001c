"""Debian's Chromium, headless, driven by Playwright's core: no browser is downloaded, and no test waits for a fixed time.

Playwright's synchronous interface keeps an event loop in the thread that started it, so that `asyncio.run` fails there
meanwhile: give browsers to fixtures of a module's scope, never of the whole run.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.support.require import require_program

# What each wait of Playwright may take, in milliseconds. Far more than needed: machines that run all tests at once are slow.
PATIENCE = 60_000
_START = 150_000
# Nothing leaves the machine: neither through a proxy nor for the browser's own updates and lists.
_ARGUMENTS = ("--no-proxy-server", "--disable-component-update", "--disable-dev-shm-usage", "--disable-gpu")


def _options(home: Path) -> dict[str, Any]:
    """Return how to start it. The sandbox needs a user other than root, or namespaces that containers do not give."""
    return {
        "executable_path": require_program("chromium"),
        "chromium_sandbox": False,
        "timeout": _START,
        "args": list(_ARGUMENTS),
        "env": {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    }


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start a browser. Each of its contexts is like a profile of its own that was never used before."""
    with tempfile.TemporaryDirectory(prefix="counterseal-chromium-", ignore_cleanup_errors=True) as home:
        options = _options(Path(home))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**options)
            try:
                yield browser
            finally:
                browser.close()


@contextlib.contextmanager
def running_profile(profile: Path, browser: Browser | None = None) -> Iterator[BrowserContext]:
    """Start a browser of its own with a profile on disk, which is kept: the next start there finds what this one left.

    `browser`: one that runs already in this thread, where Playwright cannot be started twice.
    """
    with contextlib.ExitStack() as stack:
        kind = browser.browser_type if browser else stack.enter_context(sync_playwright()).chromium
        profile.mkdir(parents=True, exist_ok=True)
        context = kind.launch_persistent_context(str(profile), **_options(profile))
        context.set_default_timeout(PATIENCE)
        try:
            yield context
        finally:
            context.close()


@contextlib.contextmanager
def new_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Open a profile that nobody used before, gone at the end."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()
