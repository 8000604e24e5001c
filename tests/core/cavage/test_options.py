"""Configured dialects: every option changes what it says, and a wrong one is named."""

from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Claim, Coverage, Demand, KeyKind, Reason, Rejected, StringToSignSubject, Verified
from counterseal.core.schemes.cavage import APISIX, CAVAGE, DRAFT_12, KONG, Dialect, from_options
from tests.core.cavage import world
from tests.core.cavage.world import judge, sign


def test_without_options_it_is_the_draft() -> None:
    scheme = from_options("acme", {})
    assert scheme.name == "acme"
    assert scheme.dialect == DRAFT_12
    assert scheme.title == CAVAGE.title
    assert scheme.key_kinds == {KeyKind.SYMMETRIC, KeyKind.PUBLIC}
    assert not scheme.timeless
    assert scheme.names_key


@pytest.mark.parametrize(("name", "dialect"), [("draft-12", DRAFT_12), ("kong", KONG), ("apisix", APISIX)])
def test_dialects(name: str, dialect: Dialect) -> None:
    scheme = from_options("acme", {"dialect": name, "title": "Acme's"})
    assert scheme.dialect == replace(dialect, title="Acme's")
    assert isinstance(judge(sign(scheme, world.POST), scheme=scheme), Verified)


def test_word_and_key_parameter() -> None:
    scheme = from_options("acme", {"dialect": "kong", "word": "ApiSign", "key_parameter": "app"})
    signed = sign(scheme, world.POST)
    assert world.field(signed, b"authorization").startswith(b'ApiSign app="client-1",algorithm=')
    assert isinstance(judge(signed, scheme=scheme), Verified)
    assert judge(signed) == Rejected(
        reason=Reason.UNSUPPORTED_SCHEME, detail="the request is signed in a way that is unknown or not enabled"
    )
    # The draft's own field would be the built-in scheme's as well.
    with pytest.raises(ValueError, match="option field"):
        sign(from_options("acme", {"word": "ApiSign"}), world.POST, field="signature")


def test_algorithms() -> None:
    scheme = from_options("acme", {"algorithms": ["ed25519"]})
    assert scheme.key_kinds == {KeyKind.PUBLIC}
    signed = sign(scheme, world.POST, world.credentials("ed25519"), algorithm="ed25519")
    assert isinstance(judge(signed, world.public_key("ed25519"), scheme=scheme), Verified)
    with pytest.raises(ValueError, match="option algorithm: not among the accepted ones"):
        sign(scheme, world.POST)
    # A secret is refused before anything is computed, and a request without a name means hs2019.
    found = judge(sign(CAVAGE, world.POST), scheme=scheme)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME
    assert from_options("acme", {"algorithms": ["hmac-sha256"]}).key_kinds == {KeyKind.SYMMETRIC}


def test_sha1_only_where_it_is_configured() -> None:
    scheme = from_options("acme", {"dialect": "kong", "algorithms": ["hmac-sha1", "hmac-sha256"]})
    signed = sign(scheme, world.POST, algorithm="hmac-sha1")
    assert isinstance(judge(signed, scheme=scheme), Verified)
    assert isinstance(judge(signed), Rejected)
    with pytest.raises(ValueError, match="option algorithms: must be some of"):
        from_options("acme", {"algorithms": ["hmac-sha1"]})


def test_required_headers() -> None:
    more = from_options("acme", {"required_headers": ["host", "content-type"]})
    assert b" content-type host " in world.field(sign(more, world.POST), b"authorization")
    found = judge(sign(CAVAGE, world.POST), scheme=more)
    assert found == Rejected(reason=Reason.NOT_COVERED, detail="header content-type: not signed")
    # What APISIX's own documentation signs: target and date.
    plain = from_options("acme", {"dialect": "apisix", "required_headers": []})
    signed = sign(plain, world.GET, headers="@request-target date")
    assert isinstance(judge(signed, scheme=plain), Verified)
    assert isinstance(judge(signed), Rejected)


def test_time_headers() -> None:
    scheme = from_options("acme", {"time_headers": ["x-sent"]})
    listed = "(request-target) host x-sent digest"
    signed = sign(scheme, world.POST, algorithm="hmac-sha256", headers=listed)
    found = judge(signed, scheme=scheme)
    assert isinstance(found, Verified)
    assert found.signed_time == world.NOW
    # Only the draft has a time of another kind.
    only = from_options("acme", {"time_headers": []})
    assert isinstance(judge(sign(only, world.POST), scheme=only), Verified)
    dated = sign(CAVAGE, world.POST, algorithm="hmac-sha256")
    assert isinstance(judge(dated, scheme=only), Rejected)
    with pytest.raises(ValueError, match="option time_headers: must name a field"):
        from_options("acme", {"dialect": "kong", "time_headers": []})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": "high"}, "option speed: not known; there are algorithms, dialect"),
        ({"dialect": "draft-11"}, "option dialect: must be one of draft-12, kong, apisix"),
        ({"dialect": 12}, "option dialect: must be a text"),
        ({"title": None}, "option title: must be a text"),
        ({"word": ""}, "option word: must be"),
        ({"word": "two words"}, "option word: must be"),
        ({"word": "x" * 65}, "option word: must be"),
        ({"word": 1}, "option word: must be a text"),
        ({"key_parameter": ""}, "option key_parameter: must be"),
        ({"key_parameter": "key-id"}, "option key_parameter: must be"),
        ({"key_parameter": "signature"}, "option key_parameter: must be"),
        ({"algorithms": []}, "option algorithms: must be some of"),
        ({"algorithms": ["none"]}, "option algorithms: must be some of"),
        ({"algorithms": "hmac-sha256"}, "option algorithms: must be a list of texts"),
        ({"algorithms": [1]}, "option algorithms: must be a list of texts"),
        ({"required_headers": ["Host"]}, "option required_headers: must be lower-case names"),
        ({"required_headers": ["(request-target)"]}, "option required_headers: must be lower-case names"),
        ({"required_headers": "host"}, "option required_headers: must be a list of texts"),
        ({"time_headers": [""]}, "option time_headers: must be lower-case names"),
        ({"time_headers": None}, "option time_headers: must be a list of texts"),
        ({"unsigned_body": "yes"}, "option unsigned_body: must be true or false"),
        ({"unsigned_body": 1}, "option unsigned_body: must be true or false"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_options("acme", options)


@pytest.mark.parametrize("name", ["", "Acme", "-acme", "acme one", "a" * 64])
def test_names(name: str) -> None:
    with pytest.raises(ValueError, match="name: must be"):
        from_options(name, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "x"}, "option region: not known"),
        ({"algorithm": "rsa-sha1"}, "option algorithm: not among"),
        ({"algorithm": "rsa-sha256"}, "option algorithm: needs a private key"),
        ({"field": "cookie"}, "option field: not known"),
        ({"field": ""}, "option field: not known"),
        ({"expires": "soon"}, "option expires: must be a number"),
        ({"headers": "(request-target) host (created) x-absent digest"}, "x-absent is not in the request"),
        ({"headers": "(request-target) Host (created) digest"}, "is not in the request"),
        ({"headers": "(request-target) host (created)"}, "header digest: there is a body"),
        ({"headers": "host (created) digest"}, "not signed"),
        ({"headers": "(request-target) (created) (expires) host digest"}, "the parameter is missing"),
        ({"headers": "(request-target) (created) host host digest"}, "given more than once"),
    ],
)
def test_signing_refuses_what_a_verifier_would(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        sign(CAVAGE, world.POST, **options)


def test_signing_needs_the_right_credentials() -> None:
    private = world.credentials("ed25519")
    for wrong in (replace(private, secret=b"x" * 32), replace(private, private_key=b"")):
        with pytest.raises(ValueError, match="credentials: must hold a secret or a private key"):
            sign(CAVAGE, world.POST, wrong)
    with pytest.raises(ValueError, match="option algorithm: needs a secret"):
        sign(CAVAGE, world.POST, private, algorithm="hmac-sha256")
    with pytest.raises(ValueError, match="option algorithm: not among"):
        sign(from_options("acme", {"dialect": "kong"}), world.POST, private)
    with pytest.raises(ValueError, match="key id: must be"):
        sign(CAVAGE, world.POST, replace(world.credentials(), key_id="a"))
    with pytest.raises(ValueError, match="private key: must be"):
        sign(CAVAGE, world.POST, replace(private, private_key=b"no key"))


def test_signing_leaves_nothing_out_and_adds_nothing_twice() -> None:
    with pytest.raises(ValueError, match="carries a header that signing would add"):
        sign(CAVAGE, sign(CAVAGE, world.POST))
    with pytest.raises(ValueError, match="the body is not known"):
        sign(CAVAGE, replace(world.POST, content=None), headers="(request-target) (created) host digest")
    with pytest.raises(ValueError, match="the path must begin with"):
        sign(CAVAGE, replace(world.POST, target=b"foo"))
    by_hash = replace(world.POST, content=None, content_sha256=b"\x01" * 32)
    assert isinstance(judge(sign(CAVAGE, by_hash)), Verified)
    dated = world.added(world.POST, (b"date", world.DATE))
    assert len(sign(CAVAGE, dated, algorithm="hmac-sha256").headers) == len(dated.headers) + 2


def test_claims_and_subjects_of_others_are_bugs() -> None:
    claim = CAVAGE.read(read_request(sign(CAVAGE, world.POST)), Demand())
    other = Claim(scheme="x", key_id="x", scope=None, signed_time=None, valid_for=None, coverage=Coverage(), signature=b"")
    with pytest.raises(TypeError):
        CAVAGE.verified_path(other)
    subject = StringToSignSubject(scheme="cavage", credential=b"", string_to_sign=b"", signature=b"")
    with pytest.raises(TypeError):
        CAVAGE.payload_duty(claim, subject)
    found = judge(subject)  # type: ignore[arg-type]
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME
