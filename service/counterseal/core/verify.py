"""The order of checks. It is the order of reasons, written once, here; a test pins it.

 2 find the scheme, read the claim      UNSIGNED, MALFORMED, AMBIGUOUS, UNSUPPORTED_SCHEME
 3 the stated time inside the window    TOO_OLD, TOO_NEW
 4 all that must be covered is covered  NOT_COVERED, BODY_REQUIRED
 5 (the caller looks up the key)        THROTTLED, UNKNOWN_KEY
 6 the key allows the scheme; compare   UNSUPPORTED_SCHEME, MISMATCH
 7 key state and times                  KEY_DISABLED, KEY_REVOKED, KEY_EXPIRED
 8 demand, and the key's policy         OUT_OF_SCOPE
 9 payload                              PAYLOAD_MISMATCH
10 (the caller looks for a replay)      REPLAYED

`examine` does 2 to 4 and needs no key; `conclude` does 6 to 9. Steps 0, 1 and 11 belong to the transport.
"""

from collections.abc import Collection, Mapping
from typing import Final

from counterseal.core import http
from counterseal.core.finding import find_scheme
from counterseal.core.model import (
    Claim,
    Demand,
    Derive,
    HttpRequest,
    Key,
    KeyKind,
    KeyState,
    Reason,
    Refusal,
    Rejected,
    Subject,
    Verified,
    Window,
    is_enough_secret,
)
from counterseal.core.policy import NO_POLICY
from counterseal.core.policy_check import check_policy, check_scope_policy
from counterseal.core.schemes.base import Scheme
from counterseal.core.scope import is_in_region_set
from counterseal.core.secret_choice import older_secret, secret_of
from counterseal.core.window import check_window, valid_until

# Computed with when there is no key, so that an unknown key costs what a known one does. The result is thrown away.
# Version 0 is no secret's, so what remembers by version keeps it apart.
DUMMY_KEY: Final = Key(
    key_id="unknown",
    tenant="",
    secret=b"\x00" * 32,
    allowed_schemes=frozenset(),
    state=KeyState.DISABLED,
    secret_version=0,
)
# What `Connection` says nearly always.
_HARMLESS: Final = frozenset({b"close", b"keep-alive", b"Keep-Alive", b"Upgrade", b"TE"})
# What carries a signature, or ties the body to one, whatever is covered.
_NEVER_TAKEN: Final = frozenset(
    {b"authorization", b"content-digest", b"content-length", b"digest", b"host", b"repr-digest"}
    | {b"signature", b"signature-input"}
)
# Kinds of key that may have a secret, or a token, before the newest one.
_ROTATED: Final = frozenset({KeyKind.SYMMETRIC, KeyKind.BEARER})
_STATE_REASONS: Final = {
    KeyState.DISABLED: (Reason.KEY_DISABLED, "the key is disabled"),
    KeyState.REVOKED: (Reason.KEY_REVOKED, "the key is revoked"),
}


def examine(subject: Subject, demand: Demand, *, schemes: Mapping[str, Scheme], window: Window, now: float) -> Claim | Rejected:
    """Do everything that needs no key. `now` is in Unix seconds; `schemes` are the enabled ones by name."""
    try:
        claim = _read_claim(subject, demand, schemes)  # 2
        _check_time_is_stated(claim, schemes[claim.scheme])  # 2
        check_window(claim, window, now)  # 3
        schemes[claim.scheme].check_coverage(claim, demand)  # 4
        _check_required_headers(claim, demand)  # 4
        _check_connection(claim, subject)  # 4
        _check_components_are_known(claim, demand)  # 4
    except Refusal as refusal:
        return Rejected(reason=refusal.reason, detail=refusal.detail)
    return claim


def conclude(
    claim: Claim,
    subject: Subject,
    key: Key | None,
    demand: Demand,
    *,
    schemes: Mapping[str, Scheme],
    window: Window,
    now: float,
    derive: Derive | None = None,
) -> Verified | Rejected:
    """Decide about a claim that `examine` returned. `key` None: there is no such key.

    `derive` may remember what it derived; None: the scheme's plain derivation. The key in the verdict is the one whose secret
    signed: `key.older` while a rotation lets it verify.
    """
    scheme = schemes[claim.scheme]
    try:
        known = _check_signature(claim, key, demand, schemes, derive or scheme.derive, now)  # 5, 6
        _check_key(known, now)  # 7
        _check_demand(claim, demand)  # 8
        if known.policy is not NO_POLICY:
            check_policy(claim, subject, known.policy, demand, scheme.verified_path(claim))  # 8
        duty = scheme.payload_duty(claim, subject)  # 9
    except Refusal as refusal:
        return Rejected(reason=refusal.reason, detail=refusal.detail)
    return Verified(
        key=known,
        scheme=claim.scheme,
        scope=claim.scope,
        signed_time=claim.signed_time,
        valid_until=valid_until(claim, window),
        coverage=claim.coverage,
        payload_duty=duty,
        verified_path=scheme.verified_path(claim),
    )


def recheck(
    claim: Claim,
    key: Key | None,
    demand: Demand,
    *,
    schemes: Mapping[str, Scheme],
    now: float,
    secret_version: int | None = None,
) -> Key | Rejected:
    """Check again, of a claim that was verified earlier, whatever may have changed since: all but the signature and the window.

    For whoever goes on from a verified request, such as with the chunks of its body. Returns the key with the secret that
    signed, which may be used on: `secret_version`, None for the newest. Of the key's policy, what lies in the scope is checked
    here: the claim knows neither source nor path any more.
    """
    try:
        _check_demanded_scheme(claim.scheme, demand)  # 2
        scheme = schemes.get(claim.scheme)
        if scheme is None:
            raise Refusal(Reason.UNSUPPORTED_SCHEME, f"{claim.scheme}: not enabled any more")
        known = secret_of(_check_known(claim, key, demand, schemes), secret_version, now)  # 5, 6
        _check_key(known, now)  # 7
        _check_demand(claim, demand)  # 8
        check_scope_policy(claim, known.policy, demand)  # 8
    except Refusal as refusal:
        return Rejected(reason=refusal.reason, detail=refusal.detail)
    return known


def _read_claim(subject: Subject, demand: Demand, schemes: Mapping[str, Scheme]) -> Claim:
    if isinstance(subject, HttpRequest):
        read = http.read_request(subject)
        scheme = find_scheme(read, schemes, demand)
        if not scheme.names_key and not demand.key_id:
            raise Refusal(Reason.UNSUPPORTED_SCHEME, f"{scheme.name}: names no key, and the caller demanded none")
        return scheme.read(read, demand)
    found = schemes.get(subject.scheme)
    if found is None:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "no such scheme, or not enabled")
    _check_demanded_scheme(found.name, demand)
    return found.read_string_to_sign(subject)


def _check_demanded_scheme(name: str, demand: Demand) -> None:
    if demand.allowed_schemes and name not in demand.allowed_schemes:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, f"{name}: not among the demanded schemes")


def _check_time_is_stated(claim: Claim, scheme: Scheme) -> None:
    # Keystone CVE-2020-12692 and lakeFS CVE-2025-68671 went without a timestamp.
    if claim.signed_time is None and not scheme.timeless:
        raise Refusal(Reason.MALFORMED, "the signature states no time")


def _check_required_headers(claim: Claim, demand: Demand) -> None:
    missing = demand.required_headers.difference(claim.coverage.headers)
    if missing:
        raise Refusal(Reason.NOT_COVERED, f"header {min(missing).decode('ascii', 'replace')[:64]}: demanded, and not signed")


def _check_connection(claim: Claim, subject: Subject) -> None:
    """Refuse a request whose `Connection` field names one that is signed.

    RFC 9110 section 7.6.1: an intermediary "MUST parse a received Connection header field" and "remove any header or trailer
    field(s) from the message" that it names. Anybody on the way could so take away what is covered: a signed copy becomes an
    empty upload (compare CVE-2022-31813).
    """
    if not isinstance(subject, HttpRequest):
        return
    for name, value in subject.headers:
        if name != b"connection" or value in _HARMLESS:
            continue
        named = {part.strip(b" \t").lower() for part in value.split(b",")}
        taken = named & _NEVER_TAKEN or named.intersection(claim.coverage.headers)
        if taken:
            raise Refusal(Reason.MALFORMED, f"header connection: names {min(taken).decode('ascii')[:64]}, which is signed")


def _check_components_are_known(claim: Claim, demand: Demand) -> None:
    # What only some schemes have, the others do not meet: a demand that nobody looks at would read as met.
    if (demand.required_components or demand.label or demand.tag) and not claim.coverage.components:
        raise Refusal(Reason.NOT_COVERED, f"{claim.scheme}: has no components, labels or tags, and the caller demands some")


def _check_signature(
    claim: Claim, key: Key | None, demand: Demand, schemes: Mapping[str, Scheme], derive: Derive, now: float
) -> Key:
    scheme = schemes[claim.scheme]
    # The computation is done in every case, so that time tells nothing. `derive` may remember by scope for one key alone: it
    # is given the key that it came with, and the dummy only where there is none.
    usable = key if key is not None and key.kind in scheme.key_kinds else None
    matches = scheme.matches(claim, usable or DUMMY_KEY, derive)
    if not matches and not _ROTATED.isdisjoint(scheme.key_kinds):
        # The secret before, and the dummy where there is none: nobody learns from the time that a key is being rotated.
        older = None if usable is None else older_secret(usable, now)
        if scheme.matches(claim, older or DUMMY_KEY, derive) and older is not None:
            key, matches = older, True
    key = _check_known(claim, key, demand, schemes)
    enough = is_enough_secret(key.secret) if key.kind is KeyKind.SYMMETRIC else not key.secret
    # A temporary key is good only together with its security token, also in schemes that have no place for one.
    temporary, presented = key.security_token_sha256 is not None, claim.security_token is not None
    if not enough or not matches or temporary is not presented:
        raise Refusal(Reason.MISMATCH, "the signature or the security token does not match")
    return key


def _check_known(claim: Claim, key: Key | None, demand: Demand, schemes: Mapping[str, Scheme]) -> Key:
    scheme = schemes[claim.scheme]
    # A key outside the demanded tenants reads as unknown, in text and in time. So does one that the caller found under another
    # id: MySQL's default collations take "akid" for "AKID".
    if key is None or key.key_id != claim.key_id or (demand.tenants is not None and key.tenant not in demand.tenants):
        raise Refusal(Reason.UNKNOWN_KEY, "no such key")
    # Kinds never cross, whatever the record allows: a public key is no HMAC secret.
    if scheme.name not in key.allowed_schemes or key.kind not in scheme.key_kinds:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, f"{scheme.name}: not allowed for this key")
    if shared_with_webhooks(key.allowed_schemes, schemes):
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "a key for webhooks is for one scheme alone, and this one is for more")
    return key


def shared_with_webhooks(names: Collection[str], schemes: Mapping[str, Scheme]) -> bool:
    """Say whether these schemes are several, and one of them signs text that strangers choose.

    A sender of webhooks signs bodies that hold what other people wrote. GitHub's is nothing but the body: one that spells a
    signature base, or another vendor's text, would be a signature for that as well. So such a key is for one scheme alone.
    """
    return len(names) > 1 and any(name in schemes and not schemes[name].names_key for name in names)


def _check_key(key: Key, now: float) -> None:
    if key.state is not KeyState.ACTIVE:
        raise Refusal(*_STATE_REASONS[key.state])
    if key.not_before is not None and now < key.not_before:
        raise Refusal(Reason.KEY_EXPIRED, "the key is not valid yet")
    if key.expires is not None and now >= key.expires:
        raise Refusal(Reason.KEY_EXPIRED, "the key has expired")


def _check_demand(claim: Claim, demand: Demand) -> None:
    if demand.key_id and claim.key_id != demand.key_id:
        raise Refusal(Reason.OUT_OF_SCOPE, "the key is not the demanded one")
    if demand.regions and not _in_regions(claim, demand.regions):
        raise Refusal(Reason.OUT_OF_SCOPE, "region: not among the demanded ones")
    if demand.services and (claim.scope is None or claim.scope.service not in demand.services):
        raise Refusal(Reason.OUT_OF_SCOPE, "service: not among the demanded ones")


def _in_regions(claim: Claim, demanded: frozenset[str]) -> bool:
    # A scope names one region, which must be demanded. A set of regions is good for each of them, so one that is demanded is
    # enough: the same request verifies in all others that the signer named.
    if claim.region_set:
        return any(is_in_region_set(region, claim.region_set) for region in demanded)
    return claim.scope is not None and claim.scope.region in demanded
