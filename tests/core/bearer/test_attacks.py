"""One change in a request whose token verifies, or in who is asked about it: each row is refused, and for which reason."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, StringToSignSubject, Verified
from counterseal.core.policy import KeyPolicy
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.verify import DUMMY_KEY
from tests.core.attacks.table import rows
from tests.core.bearer.exchange import AUTH, BARE, KEY, KEY_ID, OTHER_TOKEN, SENT, TOKEN, reason, sent, verdict
from tests.core.bearer.making import key_id, rest, token
from tests.core.subjects import NOW
from tests.core.subjects import verdict as walk

MALFORMED, UNSUPPORTED, UNKNOWN, MISMATCH = Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME, Reason.UNKNOWN_KEY, Reason.MISMATCH
SHA256 = hashlib.sha256(TOKEN.encode()).digest()
FORGED = f"Bearer {OTHER_TOKEN}"


@dataclass(frozen=True)
class Situation:
    """A request, and all that its verdict depends on."""

    request: HttpRequest = SENT
    key: Key | None = KEY
    demand: Demand = field(default_factory=Demand)


def on_key(**changes: Any) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, key=replace(s.key, **changes) if s.key else None)


def on_demand(**changes: Any) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, demand=replace(s.demand, **changes))


def value(text: str | bytes) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, request=sent(text))


def target(text: str) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, request=replace(s.request, target=text.encode()))


def and_header(name: bytes, text: bytes) -> Callable[[Situation], Situation]:
    return lambda s: replace(s, request=replace(s.request, headers=(*s.request.headers, (name, text))))


ATTACKS: tuple[tuple[str, Callable[[Situation], Situation], Reason], ...] = (
    ("no-token", lambda s: replace(s, request=BARE), Reason.UNSIGNED),
    ("scheme-alone", value("Bearer"), UNSUPPORTED),
    ("scheme-and-a-blank", value("Bearer "), UNSUPPORTED),
    ("prefix-alone", value("Bearer cstk_"), MALFORMED),
    ("token-alone", value(TOKEN), UNSUPPORTED),
    ("tab-for-blank", value(f"Bearer\t{TOKEN}"), UNSUPPORTED),
    ("no-blank", value(f"Bearer{TOKEN}"), UNSUPPORTED),
    ("comma-and-another-token", value(f"Bearer {TOKEN}, Bearer {OTHER_TOKEN}"), MALFORMED),
    ("comma-and-a-parameter", value(f"Bearer {TOKEN}, realm=api"), MALFORMED),
    ("quoted", value(f'Bearer "{TOKEN}"'), UNSUPPORTED),
    ("as-a-parameter", value(f"Bearer token={TOKEN}"), UNSUPPORTED),
    ("padded", value(f"Bearer {TOKEN}="), MALFORMED),
    ("nul-behind", value(f"Bearer {TOKEN}\x00".encode()), MALFORMED),
    ("line-end-behind", value(f"Bearer {TOKEN}\r\n".encode()), MALFORMED),
    ("not-ascii-digits", value(f"Bearer {TOKEN[:-1]}\u0663".encode()), MALFORMED),
    ("percent-encoded", value(f"Bearer {TOKEN.replace('_', '%5F')}"), UNSUPPORTED),
    ("huge", value("Bearer cstk_" + "A" * 100_000), MALFORMED),
    ("jwt", value("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZG1pbiJ9."), UNSUPPORTED),
    ("jwt-with-the-key-id", value(f"Bearer eyJhbGciOiJub25lIn0.{KEY_ID}."), UNSUPPORTED),
    ("basic", value(f"Basic {TOKEN}"), UNSUPPORTED),
    ("two-fields-the-same", and_header(AUTH, f"Bearer {TOKEN}".encode()), MALFORMED),
    ("two-fields-another-token", and_header(AUTH, f"Bearer {OTHER_TOKEN}".encode()), MALFORMED),
    ("two-fields-basic", and_header(AUTH, b"Basic eDp5"), MALFORMED),
    ("two-fields-empty", and_header(AUTH, b""), MALFORMED),
    ("query-beside", target(f"/orders?access_token={TOKEN}"), MALFORMED),
    ("query-in-capitals", target(f"/orders?Access_Token={TOKEN}"), MALFORMED),
    ("query-name-escaped", target(f"/orders?%61ccess%5ftoken={TOKEN}"), MALFORMED),
    ("query-value-escaped", target(f"/orders?access_token=%63stk%5F{TOKEN[5:]}"), MALFORMED),
    ("query-of-another-token", target(f"/orders?a=1&access_token={OTHER_TOKEN}&b=2"), MALFORMED),
    ("query-cut", target("/orders?access_token=cstk_"), MALFORMED),
    ("signature-beside", and_header(b"signature-input", b'sig1=();created=1;keyid="k"'), Reason.AMBIGUOUS),
    ("connection-names-it", and_header(b"connection", b"authorization"), MALFORMED),
    ("key-of-another", value(f"Bearer {token(key_id(7), rest(7))}"), UNKNOWN),
    ("id-of-another-key", value(f"Bearer {token(key_id(7), rest(1))}"), UNKNOWN),
    ("random-part-of-another", value(FORGED), MISMATCH),
    ("unknown-key", lambda s: replace(s, key=None), UNKNOWN),
    ("found-under-another-id", on_key(key_id=KEY_ID.lower()), UNKNOWN),
    ("another-tenant", on_demand(tenants=frozenset({"else"})), UNKNOWN),
    ("no-tenant-at-all", on_demand(tenants=frozenset()), UNKNOWN),
    ("hash-of-another", on_key(bearer_sha256=hashlib.sha256(b"x").digest()), MISMATCH),
    ("hash-empty", on_key(bearer_sha256=b""), MISMATCH),
    ("hash-cut", on_key(bearer_sha256=SHA256[:16]), MISMATCH),
    ("hash-longer", on_key(bearer_sha256=SHA256 + b"\x00"), MISMATCH),
    ("hash-of-the-hash", on_key(bearer_sha256=hashlib.sha256(SHA256).digest()), MISMATCH),
    ("token-stored-in-the-clear", on_key(bearer_sha256=TOKEN.encode()), MISMATCH),
    ("hash-and-a-secret", on_key(secret=b"a secret of enough bytes"), MISMATCH),
    ("security-token-required", on_key(security_token_sha256=hashlib.sha256(b"x").digest()), MISMATCH),
    ("scheme-not-the-keys", on_key(allowed_schemes=frozenset({"rfc9421"})), UNSUPPORTED),
    ("no-scheme-allowed", on_key(allowed_schemes=frozenset()), UNSUPPORTED),
    ("scheme-not-demanded", on_demand(allowed_schemes=frozenset({"rfc9421", "aws-sigv4"})), UNSUPPORTED),
    ("disabled", on_key(state=KeyState.DISABLED), Reason.KEY_DISABLED),
    ("revoked", on_key(state=KeyState.REVOKED), Reason.KEY_REVOKED),
    ("expired", on_key(expires=float(NOW)), Reason.KEY_EXPIRED),
    ("not-yet", on_key(not_before=NOW + 0.5), Reason.KEY_EXPIRED),
    ("header-demanded", on_demand(required_headers=frozenset({b"host"})), Reason.NOT_COVERED),
    ("authorization-demanded", on_demand(required_headers=frozenset({AUTH})), Reason.NOT_COVERED),
    ("component-demanded", on_demand(required_components=('"@method"',)), Reason.NOT_COVERED),
    ("label-demanded", on_demand(label="sig1"), Reason.NOT_COVERED),
    ("region-demanded", on_demand(regions=frozenset({"eu-west-1"})), Reason.OUT_OF_SCOPE),
    ("service-demanded", on_demand(services=frozenset({"s3"})), Reason.OUT_OF_SCOPE),
    ("other-key-demanded", on_demand(key_id=key_id(7)), Reason.OUT_OF_SCOPE),
    ("policy-methods", on_key(policy=KeyPolicy(methods=frozenset({"POST"}))), Reason.OUT_OF_SCOPE),
    ("policy-paths", on_key(policy=KeyPolicy(path_prefixes=("/",))), Reason.OUT_OF_SCOPE),
    ("policy-networks", on_key(policy=KeyPolicy(source_networks=("192.0.2.0/24",))), Reason.OUT_OF_SCOPE),
)


@rows(ATTACKS)
def test_refused(row: tuple[str, Callable[[Situation], Situation], Reason]) -> None:
    _, change, expected = row
    assert reason() is None
    changed = change(Situation())
    assert changed != Situation(), "the change changes nothing"
    assert reason(changed.request, key=changed.key, demand=changed.demand) is expected


def test_the_holder_alone_learns_the_state_of_a_key() -> None:
    for changes in (
        {"state": KeyState.REVOKED},
        {"state": KeyState.DISABLED},
        {"expires": float(NOW)},
        {"not_before": NOW + 1.0},
    ):
        assert reason(sent(FORGED), key=replace(KEY, **changes)) is MISMATCH


def test_a_token_has_no_time() -> None:
    """Nothing bounds it but the key's own times: ten years on it is as good, and before it was made."""
    for now in (0.0, NOW - 1e6, NOW + 3.2e8):
        assert reason(now=now) is None
        assert reason(key=replace(KEY, expires=NOW + 10.0, not_before=NOW - 10.0), now=now) is Reason.KEY_EXPIRED


def test_the_token_is_good_for_every_request() -> None:
    """That is what it is to bear one: README.md says what it does not protect against."""
    for request in (
        replace(SENT, method=b"DELETE"),
        replace(SENT, target=b"/"),
        replace(SENT, content=b"another"),
        replace(SENT, content=None),
        replace(SENT, headers=SENT.headers[2:]),
    ):
        found = verdict(request)
        assert isinstance(found, Verified)
        assert found.verified_path == b""


def test_with_a_source_in_the_keys_networks_the_token_is_good() -> None:
    key = replace(KEY, policy=KeyPolicy(source_networks=("192.0.2.0/24",)))
    assert reason(replace(SENT, source_address="192.0.2.7"), key=key) is None
    assert reason(replace(SENT, source_address="192.0.3.7"), key=key) is Reason.OUT_OF_SCOPE


def test_the_token_before_ends_with_the_overlap() -> None:
    newer = replace(KEY, bearer_sha256=hashlib.sha256(OTHER_TOKEN.encode()).digest(), secret_version=2)
    older = replace(KEY, secret_end=NOW + 60.0)
    rotated = replace(newer, older=older)
    for text, now, expected in (
        (TOKEN, NOW + 59.9, None),
        (TOKEN, NOW + 60.0, MISMATCH),
        (OTHER_TOKEN, NOW + 60.0, None),
        (token(KEY_ID, rest(3)), NOW, MISMATCH),
    ):
        assert reason(sent(f"Bearer {text}"), key=rotated, now=now) is expected
    assert reason(key=replace(newer, older=replace(older, secret_end=None))) is MISMATCH
    revoked = replace(rotated, state=KeyState.REVOKED, older=replace(older, state=KeyState.REVOKED))
    assert reason(key=revoked) is Reason.KEY_REVOKED


def test_the_stand_in_for_an_unknown_key_lets_nobody_in() -> None:
    assert DUMMY_KEY.bearer_sha256 is None
    assert reason(key=replace(DUMMY_KEY, key_id=KEY_ID, allowed_schemes=frozenset({"bearer"}))) is UNSUPPORTED
    found = BUILT_IN["bearer"].matches(replace(_claim(), signature=b"\x00" * 32), DUMMY_KEY, lambda key, scope: b"")
    assert found is False


def _claim() -> Any:
    return BUILT_IN["bearer"].read(read_request(SENT), Demand())


def test_a_string_to_sign_is_no_token() -> None:
    subject = StringToSignSubject(scheme="bearer", credential=KEY_ID.encode(), string_to_sign=TOKEN.encode(), signature=SHA256)
    found = walk(subject, key=KEY)
    assert isinstance(found, Rejected)
    assert found.reason is UNSUPPORTED


@pytest.mark.parametrize("beside", ["eyJhbGciOiJub25lIn0.e30.", "opaque-token-of-the-application", ""])
def test_a_foreign_token_beside_a_signature_is_the_applications_business(beside: str) -> None:
    """A gateway that verifies signatures must not begin to refuse them because an application has tokens of its own."""
    scheme = BUILT_IN["rfc9421"]
    secret = b"a secret of more than sixteen bytes"
    key = Key(key_id="client-1", tenant="acme", secret=secret, allowed_schemes=frozenset({"rfc9421"}), state=KeyState.ACTIVE)
    signed = scheme.sign(sent(f"Bearer {beside}"), Credentials(key_id="client-1", secret=secret), Signing(now=NOW))
    found = walk(signed, key=key)
    assert isinstance(found, Verified)
    assert found.scheme == "rfc9421"


def test_a_token_of_ours_beside_a_signature_needs_a_demand_that_chooses() -> None:
    scheme = BUILT_IN["rfc9421"]
    secret = b"a secret of more than sixteen bytes"
    key = Key(key_id="client-1", tenant="acme", secret=secret, allowed_schemes=frozenset({"rfc9421"}), state=KeyState.ACTIVE)
    both = scheme.sign(SENT, Credentials(key_id="client-1", secret=secret), Signing(now=NOW))
    assert reason(both) is Reason.AMBIGUOUS
    assert reason(both, demand=Demand(allowed_schemes=frozenset({"bearer"}))) is None
    assert reason(both, key=key, demand=Demand(allowed_schemes=frozenset({"rfc9421"}))) is None
