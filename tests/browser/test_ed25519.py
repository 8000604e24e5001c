"""The other kind of key that a session takes, made by the browser and asked about at the service."""

from dataclasses import replace

import pytest

from tests.browser.module import MODULE, Mine
from tests.browser.test_captured import NOTE, NOTES
from tests.browser.world import Site, ask, resend

_LOAD = """async (module) => {
    const {Counterseal} = await import(module);
    globalThis.mine = new Counterseal({algorithm: "ed25519", name: "ed25519"});
}"""
_EXPORT = """async (module) => {
    const {indexedDbStore} = await import(module);
    const {privateKey} = await indexedDbStore().read("counterseal:ed25519");
    const exported = await crypto.subtle.exportKey("jwk", privateKey).then(() => "exported", (error) => error.name);
    return [privateKey.algorithm.name, privateKey.extractable, exported];
}"""


@pytest.fixture
def edwards(mine: Mine) -> Mine:
    mine.page.evaluate(_LOAD, MODULE)
    mine.sign_in()
    return mine


def test_the_whole_way(edwards: Mine, site: Site) -> None:
    """Accepted, refused a second time, refused with another body, good after a reload, over with the session."""
    captured = edwards.listen_in(NOTES, **NOTE)
    assert 'alg="ed25519"' in captured.fields["signature-input"]
    assert resend(captured).status_code == 403
    sent = edwards.hold_back(NOTES, **NOTE)
    assert resend(replace(sent, body=sent.body.replace(b"two", b"ten"))).status_code == 400
    session = edwards.current()
    edwards.page.reload()
    edwards.page.evaluate(_LOAD, MODULE)
    assert edwards.current() == session
    before = edwards.hold_back(NOTES, **NOTE)
    assert edwards.fetch(NOTES, **NOTE).state == 200
    assert edwards.sign_out()
    assert ask(site.servers[0], before) == "KEY_REVOKED"


def test_the_private_key_is_not_exported(edwards: Mine) -> None:
    assert edwards.page.evaluate(_EXPORT, MODULE) == ["Ed25519", False, "InvalidAccessError"]
