"""Where the key is: a script in the page can use it while the page is open, and cannot carry it away."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.module import Mine
from tests.browser.world import Site, ask
from tests.support.sign_in import PASSWORD

# Everything that is kept, found by a script that knows nothing of the module: each key that is in there, however deep.
_FIND_KEYS = """async () => {
    const done = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const keys = [];
    const look = (value) => {
        if (value instanceof CryptoKey) keys.push(value);
        else if (value && typeof value === "object") Object.values(value).forEach(look);
    };
    for (const {name} of await indexedDB.databases()) {
        const database = await done(indexedDB.open(name));
        for (const table of database.objectStoreNames) {
            look(await done(database.transaction(table).objectStore(table).getAll()));
        }
        database.close();
    }
    globalThis.found = keys.filter((key) => key.type === "private");
    return [keys.map((key) => key.type).sort(), globalThis.found.map((key) => key.extractable)];
}"""
_EXPORT = """async (format) => {
    const [key] = globalThis.found;
    return crypto.subtle.exportKey(format, key).then(() => "exported", (error) => error.name);
}"""
_WRAP = """async () => {
    const [key] = globalThis.found;
    const mine = await crypto.subtle.generateKey({name: "AES-GCM", length: 256}, true, ["wrapKey"]);
    const how = {name: "AES-GCM", iv: new Uint8Array(12)};
    return crypto.subtle.wrapKey("pkcs8", key, mine, how).then(() => "wrapped", (error) => error.name);
}"""
# A copy, as IndexedDB, postMessage and workers make it, stays a key that cannot be exported; as text there is nothing in it.
_CLONE = """async () => {
    const copy = structuredClone(globalThis.found[0]);
    const exported = await crypto.subtle.exportKey("jwk", copy).then(() => "exported", (error) => error.name);
    return [copy.extractable, exported, JSON.stringify(copy), Object.keys(copy).length];
}"""
_SIGN = """async () => {
    const what = new TextEncoder().encode("whatever a thief likes");
    const signature = await crypto.subtle.sign({name: "ECDSA", hash: "SHA-256"}, globalThis.found[0], what);
    return signature.byteLength;
}"""
_READABLE = """() => JSON.stringify([
    {...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state, window.name,
    document.documentElement.outerHTML,
])"""


@pytest.fixture
def signed_in(mine: Mine) -> Mine:
    mine.sign_in(token=True)
    return mine


def find_keys(page: Page) -> Any:
    return page.evaluate(_FIND_KEYS)


@pytest.mark.parametrize("form", ["jwk", "pkcs8", "raw", "spki"])
def test_the_private_key_is_not_exported(signed_in: Mine, form: str) -> None:
    assert find_keys(signed_in.page) == [["private", "public"], [False]]
    assert signed_in.page.evaluate(_EXPORT, form) in {"InvalidAccessError", "NotSupportedError"}
    if form in {"jwk", "pkcs8"}:  # the formats that private keys have
        assert signed_in.page.evaluate(_EXPORT, form) == "InvalidAccessError"


def test_nor_wrapped_nor_copied_into_one_that_is(signed_in: Mine) -> None:
    find_keys(signed_in.page)
    assert signed_in.page.evaluate(_WRAP) == "InvalidAccessError"
    assert signed_in.page.evaluate(_CLONE) == [False, "InvalidAccessError", "{}", 0]


def test_nothing_that_scripts_read_holds_a_secret(signed_in: Mine, profile: BrowserContext, site: Site) -> None:
    """The refresh token is in a cookie that only the front is sent, and only at the session's own endpoints."""
    (cookie,) = profile.cookies(site.url + "session/refresh")
    assert cookie["value"].startswith("csrt_")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/session")
    assert profile.cookies(site.url) == []
    assert signed_in.page.evaluate("document.cookie") == ""
    assert signed_in.fetch("/api/notes", bearer=True).state == 200  # so there is a bearer token somewhere
    readable = signed_in.page.evaluate(_READABLE)
    for secret in ("csrt_", "cstk_", cookie["value"], PASSWORD):
        assert secret not in readable


def test_an_injected_script_uses_the_key_while_the_page_is_open(signed_in: Mine, site: Site) -> None:
    """One half: this is what no key in a browser helps against. Content-Security-Policy is there to keep scripts out."""
    find_keys(signed_in.page)
    assert signed_in.page.evaluate(_SIGN) == 64
    mischief = signed_in.hold_back("/api/notes", method="POST", headers={"content-type": "text/plain"}, body="mischief")
    assert ask(site.servers[0], mischief) == "verified"


def test_but_cannot_carry_it_away(signed_in: Mine, profile: BrowserContext) -> None:
    """The other half: all that it can send home, opened elsewhere, signs nothing; and with the page the use ends."""
    find_keys(signed_in.page)
    loot = signed_in.page.evaluate("JSON.stringify(globalThis.found[0])")
    assert loot == "{}"
    browser = profile.browser
    assert browser is not None
    stolen = browser.new_context(storage_state=profile.storage_state(indexed_db=True))
    try:
        page = stolen.new_page()
        page.goto(signed_in.page.url)
        found = page.evaluate(f"({_FIND_KEYS})().catch((error) => [[], []])")
        assert found == [[], []]
    finally:
        stolen.close()


def test_scripts_in_the_page_itself_do_not_run(signed_in: Mine) -> None:
    """Content-Security-Policy: what was injected as markup is not executed; nor is what another site offers, nor text."""
    page = signed_in.page
    page.evaluate("""() => {
        globalThis.refusals = [];
        document.addEventListener("securitypolicyviolation", (event) => globalThis.refusals.push(event.effectiveDirective));
        for (const set of [
            (script) => { script.textContent = "globalThis.injected = true"; },
            (script) => { script.src = "data:text/javascript,globalThis.injected = true"; },
            (script) => { script.src = "https://evil.example/x.js"; },
        ]) {
            const script = document.createElement("script");
            set(script);
            document.body.append(script);
        }
        const image = document.createElement("img");
        image.setAttribute("onerror", "globalThis.injected = true");
        image.src = "/there-is-none.png";
        document.body.append(image);
    }""")
    page.wait_for_function("globalThis.refusals.length >= 4")
    assert page.evaluate("globalThis.injected ?? null") is None
    assert {one.partition("-")[0] for one in page.evaluate("globalThis.refusals")} == {"script"}
