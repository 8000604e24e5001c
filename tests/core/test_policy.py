"""A key's policy, limit by limit: what each lets through, and what one change makes of it."""

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.model import (
    Claim,
    Coverage,
    Demand,
    HttpRequest,
    Key,
    Reason,
    Refusal,
    Rejected,
    Scope,
    StringToSignSubject,
    Verified,
)
from counterseal.core.policy import NO_POLICY, KeyPolicy
from counterseal.core.policy_check import check_policy, is_below, is_in_networks
from counterseal.core.schemes import BUILT_IN
from counterseal.core.verify import recheck
from tests.core.subjects import DAY, KEY, NOW, PLAIN, REGION, SECRET, presigned, signed, verdict

SOURCE = "192.0.2.7"


def limited(**limits: Any) -> Key:
    return replace(KEY, policy=KeyPolicy(**limits))


def outcome(request: HttpRequest, demand: Demand | None = None, **limits: Any) -> str:
    """Return `verified`, or the field of the policy that refused."""
    found = verdict(request, key=limited(**limits), demand=demand or Demand())
    if isinstance(found, Verified):
        return "verified"
    assert found.reason is Reason.OUT_OF_SCOPE
    field, colon, _ = found.detail.partition(": ")
    assert colon
    return field.removeprefix("policy.")


def at(path: bytes, method: bytes = b"PUT", source: str = SOURCE) -> HttpRequest:
    return signed(replace(PLAIN, target=path, method=method, source_address=source))


def test_without_a_policy_nothing_is_limited() -> None:
    assert outcome(at(b"//a/../%2f%00")) == "verified"
    found = verdict(at(b"/a"), key=KEY)
    assert isinstance(found, Verified)
    assert found.key.policy is NO_POLICY


# --- source networks


@pytest.mark.parametrize(
    ("source", "networks", "expected"),
    [
        (SOURCE, ["192.0.2.0/24"], True),
        (SOURCE, ["198.51.100.0/24", "192.0.2.7/32"], True),
        (SOURCE, ["192.0.2.8/29"], False),
        ("192.0.3.0", ["192.0.2.0/24"], False),
        (SOURCE, ["0.0.0.0/0"], True),
        (SOURCE, ["::/0"], False),
        ("2001:db8::1", ["::/0"], True),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("2001:DB8:0::0:1", ["2001:db8::/32"], True),
        ("2001:db9::1", ["2001:db8::/32"], False),
        ("2001:db8::1", ["0.0.0.0/0"], False),
        ("::ffff:192.0.2.7", ["192.0.2.0/24"], True),
        ("::ffff:c000:207", ["192.0.2.0/24"], True),
        ("::ffff:198.51.100.1", ["192.0.2.0/24"], False),
        ("::ffff:192.0.2.7", ["::/0"], False),
        ("::192.0.2.7", ["192.0.2.0/24"], False),
        ("64:ff9b::c000:207", ["192.0.2.0/24"], False),
        ("", ["0.0.0.0/0", "::/0"], False),
        ("localhost", ["0.0.0.0/0", "::/0"], False),
        ("192.0.2.7:443", ["0.0.0.0/0", "::/0"], False),
        ("192.0.2.7 ", ["0.0.0.0/0"], False),
        ("0300.0.2.7", ["0.0.0.0/0"], False),
        ("3221225991", ["0.0.0.0/0"], False),
        ("fe80::1%eth0", ["::/0"], False),
        ("192.0.2.0/24", ["192.0.2.0/24"], False),
        ("1\uff1192.0.2.7", ["0.0.0.0/0"], False),
    ],
)
def test_sources(source: str, networks: list[str], expected: bool) -> None:
    assert is_in_networks(source, tuple(networks)) is expected
    found = outcome(at(b"/a", source=source), source_networks=tuple(networks))
    assert found == ("verified" if expected else "source_networks")


@given(st.ip_addresses(), st.integers(0, 128))
def test_an_address_lies_in_every_network_around_it_and_in_no_other(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int
) -> None:
    bits = min(bits, address.max_prefixlen)
    around = ipaddress.ip_network((address, bits), strict=False)
    mapped = address.version == 6 and address.ipv4_mapped is not None
    assert is_in_networks(str(address), (str(around),)) is not mapped
    if bits > 0:
        flipped = type(address)(int(address) ^ (1 << (address.max_prefixlen - bits)))
        assert not is_in_networks(str(flipped), (str(around),))


def test_a_string_to_sign_has_a_source_too() -> None:
    assert sign_string(source_networks=("192.0.2.0/24",)) == "verified"
    assert sign_string(source="198.51.100.1", source_networks=("192.0.2.0/24",)) == "source_networks"
    assert sign_string(source="", source_networks=("192.0.2.0/24",)) == "source_networks"


def sign_string(source: str = SOURCE, demand: Demand | None = None, **limits: Any) -> str:
    import hashlib
    import hmac

    scope = Scope(date=DAY.decode(), region=REGION, service="s3")
    text = b"AWS4-HMAC-SHA256\n20260921T141320Z\n%s\n%s" % (scope.text().encode(), b"0" * 64)
    derived = BUILT_IN["aws-sigv4"].derive(KEY, scope)
    subject = StringToSignSubject(
        scheme="aws-sigv4",
        credential=b"AKIDEXAMPLE/" + scope.text().encode(),
        string_to_sign=text,
        signature=hmac.new(derived, text, hashlib.sha256).hexdigest().encode(),
        source_address=source,
    )
    found = verdict(subject, key=limited(**limits), demand=demand or Demand())
    return "verified" if isinstance(found, Verified) else found.detail.partition(": ")[0].removeprefix("policy.")


# --- regions and services


def test_regions_and_services() -> None:
    assert outcome(at(b"/a"), regions=frozenset({REGION, "us-1"})) == "verified"
    assert outcome(at(b"/a"), regions=frozenset({"us-1"})) == "regions"
    assert outcome(at(b"/a"), regions=frozenset({REGION.upper()})) == "regions"
    assert outcome(at(b"/a"), services=frozenset({"s3", "sqs"})) == "verified"
    assert outcome(at(b"/a"), services=frozenset({"sqs"})) == "services"
    assert outcome(at(b"/a"), regions=frozenset({REGION}), services=frozenset({"sqs"})) == "services"
    assert outcome(presigned(PLAIN), regions=frozenset({"us-1"})) == "regions"


def claim(**changes: Any) -> Claim:
    plain = Claim(
        scheme="aws-sigv4a",
        key_id=KEY.key_id,
        scope=Scope(date="20260921", region="", service="s3"),
        signed_time=NOW,
        valid_for=None,
        coverage=Coverage(method=True, path=True),
        signature=b"",
    )
    return replace(plain, **changes)


def regions_allowed(entries: tuple[str, ...], demanded: frozenset[str], *regions: str) -> bool:
    return not refused(claim(region_set=entries), KeyPolicy(regions=frozenset(regions)), demand=Demand(regions=demanded))


ANY: frozenset[str] = frozenset()
EU: frozenset[str] = frozenset({"eu-1"})


@pytest.mark.parametrize(
    ("entries", "demanded", "regions", "expected"),
    [
        (("eu-1",), ANY, ("eu-1",), True),
        (("eu-1", "eu-2"), ANY, ("eu-1", "eu-2"), True),
        # Good elsewhere too: only if the caller says that this is not elsewhere.
        (("eu-1", "us-1"), ANY, ("eu-1",), False),
        (("eu-1", "us-1"), EU, ("eu-1",), True),
        (("*",), ANY, ("eu-1",), False),
        (("*",), EU, ("eu-1",), True),
        (("eu-*",), EU, ("eu-1", "eu-2"), True),
        (("*",), EU, ("us-1",), False),
        # Two demanded, one the key's, and the set names only the other.
        (("us-1",), frozenset({"eu-1", "us-1"}), ("eu-1",), False),
        (("us-1",), EU, ("eu-1",), False),
    ],
)
def test_sets_of_regions(entries: tuple[str, ...], demanded: frozenset[str], regions: tuple[str, ...], expected: bool) -> None:
    assert regions_allowed(entries, demanded, *regions) is expected


def test_a_signature_without_a_scope_is_in_no_region_and_no_service() -> None:
    for policy in (KeyPolicy(regions=EU), KeyPolicy(services=frozenset({"s3"}))):
        with pytest.raises(Refusal) as error:
            check_policy(claim(scope=None), PLAIN, policy, Demand(), b"/")
        assert error.value.reason is Reason.OUT_OF_SCOPE


def test_a_demand_never_widens_a_policy() -> None:
    for demand in (Demand(regions=frozenset({REGION})), Demand(services=frozenset({"s3"})), Demand()):
        assert outcome(at(b"/a"), demand, regions=frozenset({"us-1"})) == "regions"


# --- methods


@pytest.mark.parametrize(
    ("method", "methods", "expected"),
    [(b"GET", {"GET"}, True), (b"GET", {"PUT", "HEAD"}, False), (b"get", {"GET"}, False), (b"GET", {"get"}, False)],
)
def test_methods(method: bytes, methods: set[str], expected: bool) -> None:
    found = outcome(at(b"/a", method=method), methods=frozenset(methods))
    assert found == ("verified" if expected else "methods")


# --- paths


@pytest.mark.parametrize(
    "path",
    [
        b"/letters", b"/letters/", b"/letters/a", b"/letters/a/b/", b"/letters?x=/../", b"/%6cetters/a", b"/letters/%41",
        b"/letters/..a", b"/letters/a..", b"/letters/...", b"/letters/a%20b", b"/letters/a%25b", b"/letters/a;b=c",
        b"/letters/%3Fx", b"/letters/%E2%82%AC",
        b"/letters/%E0%A0%80", b"/letters/%F0%9F%90%88", b"/letters/...%20", b"/letters/a..%3f", b"/letters/a%253b",
    ],
)  # fmt: skip
def test_paths_below_the_prefix(path: bytes) -> None:
    assert outcome(at(path), path_prefixes=("/letters",)) == "verified"
    assert outcome(at(path), path_prefixes=("/other", "/letters")) == "verified"
    assert outcome(at(path), path_prefixes=("/",)) == "verified"


@pytest.mark.parametrize(
    "path",
    [
        b"/", b"/letter", b"/lettersx", b"/letters-2/a", b"/Letters/a", b"/x/letters", b"/other",
        # Dot segments, in every spelling.
        b"/letters/../other", b"/letters/..", b"/letters/./a", b"/letters/.", b"/letters/%2e%2e/other", b"/letters/.%2E/other",
        b"/letters/..;/other", b"/letters/..;a=b/other", b"/letters/%2e%2e%3b/other", b"/other/../letters/a",
        b"/./letters", b"/../letters",
        # Empty segments.
        b"//letters/a", b"/letters//a", b"/letters//",
        # Separators that only some see.
        b"/letters/a%2fb", b"/letters/..%2fother", b"/letters%2Fa", b"/letters/a%5Cb", b"/letters/..%5cother",
        b"/letters/a%00b", b"/letters%00/a",
        # Decoded twice by somebody.
        b"/letters/%252e%252e/other", b"/letters/%252fother", b"/letters/%255cother", b"/letters/a%2500",
        b"/letters/..%253b/other", b"/letters/..%253Fa/other",
        # Read anew once it is decoded: what ends a path ends a dot segment, tabs and line ends are dropped.
        b"/letters/..%3f/other", b"/letters/..%23/other", b"/letters/.%09./other", b"/letters/.%0a./other", b"/letters/a%0d",
        # Blanks behind dots that some file systems drop, and dots in more bytes than UTF-8 gives them.
        b"/letters/..%20/other", b"/letters/%c0%ae%c0%ae/other", b"/letters/..%c0%afother",
        b"/letters/%e0%80%ae%e0%80%ae/other", b"/letters/%f0%80%80%ae%f0%80%80%ae/other",
    ],
)  # fmt: skip
def test_paths_that_are_not_let_through(path: bytes) -> None:
    assert outcome(at(path), path_prefixes=("/letters",)) == "path_prefixes"


def test_what_is_ambiguous_is_refused_under_every_prefix() -> None:
    for path in (b"/a/../b", b"/a//b", b"/a%2fb", b"/a%5cb", b"/a%00"):
        assert outcome(at(path), path_prefixes=("/",)) == "path_prefixes"


def test_prefixes_are_compared_decoded_and_at_borders() -> None:
    assert outcome(at(b"/br%C3%BCcke/a"), path_prefixes=("/brücke",)) == "verified"
    assert outcome(at(b"/a%20b"), path_prefixes=("/a b",)) == "verified"
    assert outcome(at(b"/letters"), path_prefixes=("/letters/",)) == "path_prefixes"
    assert outcome(at(b"/letters/a"), path_prefixes=("/letters/",)) == "verified"


def test_a_path_that_a_scheme_normalises_is_refused_as_it_arrived() -> None:
    """Outside S3, Version 4 signs the path without its dot segments: who forwards what arrived would reach another place."""
    arrived = signed(replace(PLAIN, target=b"/other/../letters/a"), service="sqs")
    assert outcome(arrived) == "verified"
    assert outcome(arrived, path_prefixes=("/letters",)) == "path_prefixes"
    assert outcome(signed(replace(PLAIN, target=b"/letters/a"), service="sqs"), path_prefixes=("/letters",)) == "verified"


@given(st.lists(st.sampled_from([b"letters", b"..", b".", b"", b"a", b"%2e", b"%2f", b"x%5c", b"%252e", b"..;"]), max_size=6))
def test_no_path_escapes_its_prefix(segments: list[bytes]) -> None:
    """Whatever is let through stays below the prefix for software that resolves dot segments after decoding, however often."""
    import posixpath
    from urllib.parse import unquote

    path = b"/" + b"/".join(segments)
    if outcome(at(path), path_prefixes=("/letters",)) != "verified":
        return
    once = unquote(path.decode())
    for seen in (path.decode(), once, unquote(once)):
        place = posixpath.normpath(seen.replace("\\", "/"))
        assert is_below(place.encode(), b"/letters")


# --- what is not covered, or not known


def test_a_string_to_sign_has_no_method_and_no_path() -> None:
    assert sign_string(methods=frozenset({"GET"})) == "methods"
    assert sign_string(path_prefixes=("/",)) == "path_prefixes"
    assert sign_string(regions=frozenset({REGION}), services=frozenset({"s3"})) == "verified"


def refused(found_claim: Claim, policy: KeyPolicy, path: bytes = b"/letters/a", demand: Demand | None = None) -> str:
    try:
        check_policy(found_claim, replace(PLAIN, target=b"/letters/a"), policy, demand or Demand(), path)
    except Refusal as refusal:
        return refusal.detail.partition(": ")[0].removeprefix("policy.")
    return ""


def test_what_the_signature_does_not_cover_meets_no_limit() -> None:
    methods, paths = KeyPolicy(methods=frozenset({"PUT"})), KeyPolicy(path_prefixes=("/letters",))
    assert refused(claim(), methods) == refused(claim(), paths) == ""
    assert refused(claim(coverage=Coverage(path=True)), methods) == "methods"
    assert refused(claim(coverage=Coverage(method=True)), paths) == "path_prefixes"
    assert refused(claim(), paths, path=b"") == "path_prefixes"
    # A posted form: neither host nor path is signed, only a policy of its own.
    assert refused(claim(in_form=True), methods) == "methods"
    assert refused(claim(in_form=True), paths) == "path_prefixes"


def test_details_quote_nothing() -> None:
    found = verdict(at(b"/x-path", source="198.51.100.99"), key=limited(source_networks=("192.0.2.0/24",)))
    assert isinstance(found, Rejected)
    assert "198.51" not in found.detail
    assert "192.0" not in found.detail


def test_the_policy_comes_after_the_key_and_the_demand() -> None:
    key = replace(limited(regions=frozenset({"us-1"})), expires=float(NOW))
    found = verdict(at(b"/a"), key=key)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.KEY_EXPIRED
    wrong = replace(limited(regions=frozenset({"us-1"})), secret=SECRET + b"x")
    found = verdict(at(b"/a"), key=wrong)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH  # only the holder learns of limits


def test_what_goes_on_is_held_to_the_scope_of_the_policy() -> None:
    plain = claim(scheme="aws-sigv4", scope=Scope(date="20260921", region=REGION, service="s3"))
    for limits, expected in (
        ({"regions": frozenset({REGION})}, None),
        ({"regions": frozenset({"us-1"})}, Reason.OUT_OF_SCOPE),
        ({"services": frozenset({"sqs"})}, Reason.OUT_OF_SCOPE),
        ({"methods": frozenset({"GET"}), "path_prefixes": ("/x",), "source_networks": ("192.0.2.0/24",)}, None),
    ):
        found = recheck(plain, limited(**limits), Demand(), schemes=BUILT_IN, now=NOW)
        assert (found.reason if isinstance(found, Rejected) else None) is expected
