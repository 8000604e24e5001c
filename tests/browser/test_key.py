"""Where the key is: a script in the page can use it while the page is open, and cannot carry it away."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.module import Mine, Refused
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
# What a script does to be the user elsewhere, with the page closed: it asks the front as the page does, for a key of its own.
_TAKE_ALONG = """async ([mine, asked]) => {
    const body = {...asked};
    if (mine) {
        globalThis.loot = await crypto.subtle.generateKey({name: "ECDSA", namedCurve: "P-256"}, true, ["sign", "verify"]);
        body.publicKey = await crypto.subtle.exportKey("jwk", globalThis.loot.publicKey);
    }
    const headers = {"content-type": "application/json", "x-counterseal-csrf": "1"};
    const answer = await fetch("/session/refresh", {method: "POST", headers, body: JSON.stringify(body)});
    return [answer.status, await answer.json()];
}"""
# Beside the cookie of the front, or in its place. RFC 6265bis section 5.7: where an HttpOnly one has the name, domain and path,
# a script's is ignored.
_WRITE = """([name, value, path]) => { document.cookie = `${name}=${value}; path=${path}; SameSite=Strict`; }"""
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


@pytest.mark.parametrize("token", [True, False])
@pytest.mark.parametrize("asked", [{"accessToken": True}, {"accessToken": False}, {}])
def test_nor_have_a_key_of_its_own_registered(mine: Mine, site: Site, token: bool, asked: dict[str, Any]) -> None:
    """The cookie goes along with what it asks, and says which key the session was begun with."""
    session = mine.sign_in(token=token)
    site.newly_logged()
    for body in (asked, {**asked, "sessionId": session["sessionId"], "requestId": "made-up"}):
        assert mine.page.evaluate(_TAKE_ALONG, [True, body]) == [409, {"error": "not as begun"}]
    goes_on(mine, session)
    assert site.newly_logged().count("it brings another key than the sign-in did") == 2


def test_nor_a_bearer_token_where_the_session_was_begun_without(mine: Mine) -> None:
    session = mine.sign_in()
    assert mine.page.evaluate(_TAKE_ALONG, [False, {"accessToken": True}]) == [409, {"error": "not as begun"}]
    goes_on(mine, session)
    with pytest.raises(Refused, match="NotSignable"):
        mine.fetch("/api/notes", bearer=True)
    goes_on(mine, session)


def test_but_is_given_one_where_the_session_was_begun_with_it(signed_in: Mine) -> None:
    """Which is why the page asks for none unless it needs one; and so that the refusals above are for what they say."""
    state, told = signed_in.page.evaluate(_TAKE_ALONG, [False, {"accessToken": True}])
    assert (state, told["accessToken"][:5]) == (200, "cstk_")


def test_nor_write_another_key_into_the_cookie(mine: Mine, profile: BrowserContext, site: Site) -> None:
    """Of the same name and path the browser ignores it. With another path there are two, and neither is believed."""
    session = mine.sign_in()
    (cookie,) = profile.cookies(site.url + "session/refresh")
    forged = cookie["value"].rpartition(".")[0] + ".bearer"
    mine.page.evaluate(_WRITE, [cookie["name"], forged, "/session"])
    assert [each["value"] for each in profile.cookies(site.url + "session/refresh")] == [cookie["value"]]
    assert mine.page.evaluate(_TAKE_ALONG, [False, {"accessToken": True}])[0] == 409
    goes_on(mine, session)
    mine.page.evaluate(_WRITE, [cookie["name"], forged, "/session/refresh"])
    assert len(profile.cookies(site.url + "session/refresh")) == 2
    assert mine.page.evaluate(_TAKE_ALONG, [True, {"accessToken": True}]) == [401, {"error": "refused"}]


def goes_on(mine: Mine, session: dict[str, Any]) -> None:
    """The page's own refresh is taken, with the key that it had; and what it signs is verified."""
    refreshed = mine.call("refresh")
    assert [refreshed[name] for name in ("sessionId", "keyId")] == [session[name] for name in ("sessionId", "keyId")]
    assert mine.fetch("/api/notes").state == 200


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
