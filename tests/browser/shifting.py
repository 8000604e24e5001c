"""A browser whose clock is off: what scripts of its pages read as the time. Timers run as ever."""

from playwright.sync_api import BrowserContext, Page

_SHIFTED = """(() => {
    const Plain = Date;
    globalThis.shift = %d;
    globalThis.Date = class Date extends Plain {
        constructor(...given) {
            super(...(given.length ? given : [Plain.now() + globalThis.shift]));
        }
        static now() {
            return Plain.now() + globalThis.shift;
        }
    };
})();"""


def shift_clock(context: BrowserContext, seconds: int) -> None:
    """Have every page that is opened from now on believe that it is so much later."""
    context.add_init_script(_SHIFTED % (seconds * 1000))


def move_clock(page: Page, seconds: int) -> None:
    """Move the clock of a page that was opened with a shifted one."""
    page.evaluate("(shift) => { globalThis.shift = shift; }", seconds * 1000)
