"""The module for browsers, called in a page as the page's own scripts call it, and what leaves the browser meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, Request, Route

from tests.browser.world import Captured
from tests.support.sign_in import PASSWORD

MODULE = "/counterseal.js"
_LOAD = "async (module) => { const {Counterseal} = await import(module); globalThis.mine = new Counterseal(); }"
# Errors come back as values: Playwright would show an assertion of ours only their text.
_CALL = """async ([method, parameters]) => {
    try {
        return {value: await globalThis.mine[method](...parameters)};
    } catch (error) {
        return {error: error.name, retryAfter: error.retryAfter ?? null};
    }
}"""
_FETCH = """async ([target, init]) => {
    try {
        const response = await globalThis.mine.fetch(target, init);
        return {state: response.status, text: await response.text()};
    } catch (error) {
        return {error: error.name};
    }
}"""


class Refused(Exception):
    """An error that the module threw, by its name."""

    def __init__(self, name: str, retry_after: float | None = None) -> None:
        super().__init__(name)
        self.name, self.retry_after = name, retry_after


@dataclass(frozen=True)
class Answer:
    state: int
    text: str


@dataclass
class Mine:
    """The session of one page, through an object of the module of its own: to the others it is like one more tab."""

    page: Page

    def load(self, url: str) -> "Mine":
        self.page.goto(url)
        self.page.evaluate(_LOAD, MODULE)
        return self

    def call(self, method: str, *parameters: Any) -> Any:
        done = self.page.evaluate(_CALL, [method, list(parameters)])
        if "error" in done:
            raise Refused(done["error"], done["retryAfter"])
        return done.get("value")

    def sign_in(self, name: str = "alice", password: str = PASSWORD, *, token: bool = False) -> dict[str, Any]:
        return dict(self.call("signIn", name, password, {"accessToken": token}))

    def sign_out(self) -> bool:
        return bool(self.call("signOut"))

    def current(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.call("current")
        return found

    def fetch(self, target: str, **init: Any) -> Answer:
        done = self.page.evaluate(_FETCH, [target, init])
        if "error" in done:
            raise Refused(done["error"])
        return Answer(done["state"], done["text"])

    def hold_back(self, target: str, **init: Any) -> Captured:
        """Sign a request and catch it in the browser's network stack: nobody has seen it. The page is told 200."""
        return self._catch(target, init, lambda route: route.fulfill(status=200, body="held back"))

    def listen_in(self, target: str, **init: Any) -> Captured:
        """Sign a request, let it pass, and keep what an eavesdropper saw. It was accepted."""
        answered: list[Answer] = []
        captured = self._catch(target, init, lambda route: route.continue_(), answered)
        assert [answer.state for answer in answered] == [200]
        return captured

    def _catch(
        self, target: str, init: dict[str, Any], pass_on: Callable[[Route], None], answered: list[Answer] | None = None
    ) -> Captured:
        seen: list[Captured] = []

        def handle(route: Route) -> None:
            seen.append(capture(route.request))
            pass_on(route)

        self.page.route(f"**{target}", handle)
        try:
            answer = self.fetch(target, **init)
        finally:
            self.page.unroute(f"**{target}")
        if answered is not None:
            answered.append(answer)
        (captured,) = seen
        return captured


def capture(request: Request) -> Captured:
    """Return a request as the page made it. What the network stack adds (cookies, `host`) is not among its fields."""
    scheme, _, rest = request.url.partition("://")
    authority, slash, target = rest.partition("/")
    return Captured(
        request.method,
        f"{scheme}://{authority}",
        slash + target,
        tuple(request.headers.items()),
        request.post_data_buffer or b"",
    )
