"""Policies below the transport: their limits, how they are stored and sealed, and what releases without them make of it."""

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterseal.core.policy import NO_POLICY, KeyPolicy, ReplayPolicy
from counterseal.server.errors import EtagMismatch, InvalidField, RequestIdReused, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.policy_limits import check_policy
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.sealed_secrets import RotationMark, Secrets
from counterseal.server.keys.stored import open_key
from counterseal.server.store.policy_text import policy_parts, policy_text, read_policy_text
from counterseal.server.store.records import (
    Encoding,
    KeyChange,
    KeyDraft,
    KeyRecord,
    OfferedPublicKey,
    PreviousSecret,
    RotateOrder,
)
from tests.store import samples
from tests.store.rig import Rig

WHOLE = KeyPolicy(
    source_networks=("192.0.2.0/24", "2001:db8::/32"),
    regions=frozenset({"eu-1", "us-1"}),
    services=frozenset({"s3"}),
    methods=frozenset({"GET", "PUT"}),
    path_prefixes=("/letters", "/brücke"),
    replay=ReplayPolicy.SINGLE_USE,
)
ED25519 = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def change(rig: Rig, key_id: str, policy: KeyPolicy, etag: str = "") -> KeyRecord:
    wanted = KeyChange(key_id=key_id, etag=etag, mask=frozenset({"policy"}), policy=policy)
    return rig.issuer.update(wanted, actor="me")


def test_a_policy_is_kept_and_comes_back(rig: Rig) -> None:
    for material in (None, OfferedPublicKey(text=ED25519, encoding=Encoding.RAW)):
        record = rig.issuer.issue(KeyDraft(policy=WHOLE, material=material), actor="me").record
        assert record.policy == WHOLE
        assert rig.issuer.get(record.key_id).policy == WHOLE
        found = rig.ring.find(record.key_id)
        assert found is not None
        assert found.key.policy == WHOLE


def test_a_change_replaces_the_whole_policy(rig: Rig) -> None:
    first = rig.issuer.issue(KeyDraft(policy=WHOLE, principal="p"), actor="me").record
    narrow = KeyPolicy(methods=frozenset({"HEAD"}))
    after = change(rig, first.key_id, narrow, first.etag)
    assert (after.policy, after.principal) == (narrow, "p")
    found = rig.ring.find(first.key_id)
    assert found is not None
    assert found.key.policy == narrow
    with pytest.raises(EtagMismatch):
        change(rig, first.key_id, WHOLE, first.etag)
    assert change(rig, first.key_id, NO_POLICY).policy == NO_POLICY
    assert change(rig, first.key_id, NO_POLICY).updated == rig.issuer.get(first.key_id).updated  # nothing changed
    _, *updates = [entry for _, entry in rig.store.read_audit(first.key_id)]
    assert [entry.detail for entry in updates] == [
        {"policy": {"from": policy_parts(WHOLE), "to": {"methods": ["HEAD"]}}},
        {"policy": {"from": {"methods": ["HEAD"]}, "to": {}}},
    ]


def test_the_trail_holds_the_policy_of_a_new_key(rig: Rig) -> None:
    key_id = rig.issuer.issue(KeyDraft(policy=WHOLE), actor="me").record.key_id
    ((_, entry),) = rig.store.read_audit(key_id)
    assert entry.detail["policy"] == policy_parts(WHOLE)
    plain = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    ((_, entry),) = rig.store.read_audit(plain)
    assert "policy" not in entry.detail


def test_a_retried_issue_must_have_the_same_policy(rig: Rig) -> None:
    draft = KeyDraft(policy=WHOLE, request_id="r-1")
    first = rig.issuer.issue(draft, actor="me")
    assert rig.issuer.issue(draft, actor="me") == first
    with pytest.raises(RequestIdReused):
        rig.issuer.issue(dataclasses.replace(draft, policy=NO_POLICY), actor="me")


# --- limits


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_networks_have_one_spelling(given: str, stored: str) -> None:
    policy = check_policy("policy", KeyPolicy(source_networks=(given, stored)))
    assert policy.source_networks == (stored,)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        *(
            ("source_networks", (text,))
            for text in (
                "", "x", "192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129", "192.0.2", "192.0.2.0/ 24", "fe80::%1/64",
                "192.0.2.0/24/8", "0192.0.2.0/24", "1" * 65, "192.0.2.0/-1", "*", "\u0661.0.0.0/8",
            )
        ),
        ("source_networks", tuple(f"192.0.2.{number}" for number in range(65))),
        *(("regions", frozenset({text})) for text in ("", "eu-*", "eu 1", "-eu", "e" * 65, "eü", "eu\n")),
        ("regions", frozenset(f"r{number}" for number in range(65))),
        *(("services", frozenset({text})) for text in ("", "s3/x", "s" * 65)),
        ("services", frozenset(f"s{number}" for number in range(65))),
        *(("methods", frozenset({text})) for text in ("", "GET POST", "GET,PUT", "G" * 33, "GÉT", "GET\n")),
        ("methods", frozenset(f"M{number}" for number in range(17))),
        *(
            ("path_prefixes", (text,))
            for text in (
                "", "letters", "a/b", "/a%20b", "/a\\b", "/a//b",
                "//", "/a/../b", "/..", "/.", "/a/./", "/..;x/a", "/a\nb", "/a\0",
                "/" + "a" * 1024, "/" + "ü" * 512, "/\ud800",
            )
        ),
        ("path_prefixes", tuple(f"/{number}" for number in range(65))),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused_by_name(field: str, values: Any) -> None:
    with pytest.raises(InvalidField) as error:
        check_policy("key.policy", KeyPolicy(**{field: values}))
    assert error.value.field == f"key.policy.{field}"


def test_what_just_keeps_to_the_limits_is_taken() -> None:
    policy = KeyPolicy(
        source_networks=tuple(f"192.0.2.{number}/32" for number in range(64)),
        regions=frozenset(f"r{number}" for number in range(64)),
        services=frozenset({"s" * 64}),
        methods=frozenset({*(f"M{number}" for number in range(15)), "M" * 32}),
        path_prefixes=("/", "/" + "a" * 1023, "/letters/", "/a;b", "/..a", "/a b"),
    )
    assert check_policy("policy", policy) == policy


def test_limits_hold_at_issue_and_at_update(rig: Rig) -> None:
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    with pytest.raises(InvalidField, match=r"^policy\.methods"):
        rig.issuer.issue(KeyDraft(policy=KeyPolicy(methods=frozenset({""}))), actor="me")
    with pytest.raises(InvalidField, match=r"^key\.policy\.methods"):
        change(rig, key_id, KeyPolicy(methods=frozenset({""})))
    assert change(rig, key_id, KeyPolicy(source_networks=("192.0.2.7",))).policy.source_networks == ("192.0.2.7/32",)


# --- at rest

UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
NAMES = st.text("abcdefghij", min_size=1, max_size=5)
POLICIES = st.builds(
    KeyPolicy,
    source_networks=st.lists(st.ip_addresses().map(str), max_size=3, unique=True).map(tuple),
    regions=st.frozensets(NAMES, max_size=3),
    services=st.frozensets(NAMES, max_size=3),
    methods=st.frozensets(NAMES, max_size=3),
    path_prefixes=st.lists(NAMES.map("/".__add__), max_size=3, unique=True).map(tuple),
    replay=st.sampled_from(ReplayPolicy),
)


@UNHURRIED
@given(POLICIES)
def test_a_policy_as_text_is_the_same_policy(policy: KeyPolicy) -> None:
    text = policy_text(policy)
    assert read_policy_text(text) == policy
    assert (text is None) is (policy == NO_POLICY)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '"x"', "1", '{"methods":null}', '{"methods":[]}', '{"methods":[""]}', '{"methods":[1]}',
        '{"methods":{"GET":1}}', '{"methods":["GET","GET"]}', '{"methods":["GET"],"hosts":["a"]}', '{"replay":"NEVER"}',
        '{"replay":null}', '{"path_prefixes":["/a","/a"],"x":1}',
    ],
)  # fmt: skip
def test_a_text_that_is_no_policy_is_never_no_limit(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_policy_text(text)


CIPHER = SecretCipher(MasterKeys(active="m", keys={"m": b"m" * 32}))
TIMES = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1)).map(lambda time: time.replace(tzinfo=dt.UTC))
MARKS = st.builds(
    RotationMark,
    actor=st.text(max_size=20),
    request_id=NAMES,
    fingerprint=st.binary(min_size=32, max_size=32),
    version=st.integers(1, 1000),
    time=TIMES,
    previous_end=TIMES,
)
SECRETS = st.binary(min_size=16, max_size=256)


@st.composite
def rotated_keys(draw: st.DrawFn) -> tuple[Any, Secrets]:
    previous = draw(st.none() | st.builds(PreviousSecret, version=st.integers(1, 1000), until=TIMES))
    record = samples.record(policy=draw(POLICIES), secret_created=draw(TIMES), previous=previous)
    stored = dataclasses.replace(samples.stored(), record=record, secret_version=draw(st.integers(1, 1000)))
    older = draw(SECRETS) if previous else None
    return stored, Secrets(current=draw(SECRETS), previous=older, marks=tuple(draw(st.lists(MARKS, max_size=3))))


@UNHURRIED
@given(rotated_keys())
def test_what_is_sealed_comes_back(made: tuple[Any, Secrets]) -> None:
    stored, secrets = made
    sealed = seal_key(secrets, stored, CIPHER)
    assert open_secret(sealed, CIPHER) == secrets
    for secret in (secrets.current, secrets.previous):
        assert secret is None or secret not in sealed.sealed_secret
    other = dataclasses.replace(sealed, record=dataclasses.replace(sealed.record, policy=KeyPolicy(regions=frozenset({"Z"}))))
    with pytest.raises(SealBroken):
        open_secret(other, CIPHER)


def test_a_seal_and_its_record_name_the_same_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody without a master key can make another; a bug of ours could."""
    plain = samples.stored()
    with pytest.raises(ValueError, match="must name"):
        seal_key(Secrets(current=b"s" * 16, previous=b"t" * 16), plain, CIPHER)
    rotated = dataclasses.replace(plain, record=samples.record(secret_created=samples.NOON))
    sealed = seal_key(b"s" * 16, rotated, CIPHER)
    both = Secrets(current=b"s" * 16, previous=b"t" * 16).to_bytes()
    monkeypatch.setattr(SecretCipher, "unseal", lambda *_, **__: both)
    with pytest.raises(SealBroken, match="other secrets"):
        open_secret(sealed, CIPHER)


def test_a_short_secret_before_does_not_open() -> None:
    record = samples.record(secret_created=samples.NOON, previous=PreviousSecret(version=1, until=samples.NOON))
    stored = dataclasses.replace(samples.stored(), record=record, secret_version=2)
    sealed = seal_key(Secrets(current=b"s" * 16, previous=b"short"), stored, CIPHER)
    with pytest.raises(SealBroken, match="too short"):
        open_key(sealed, CIPHER)


def test_the_release_before_opens_what_uses_nothing_new_and_nothing_else(rig: Rig) -> None:
    """It reads the envelopes 1 and 2. What it does not open, it verifies with for nobody: it fails closed."""

    def envelope(key_id: str) -> int:
        stored = rig.store.read_key(key_id)
        assert stored is not None
        return stored.sealed_secret[0]

    plain = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    public = rig.issuer.issue(
        KeyDraft(material=OfferedPublicKey(text=ED25519, encoding=Encoding.RAW)), actor="me"
    ).record.key_id
    assert (envelope(plain), envelope(public)) == (1, 2)
    for key_id in (plain, public):
        change(rig, key_id, WHOLE)
    assert (envelope(plain), envelope(public)) == (3, 4)
    for key_id in (plain, public):
        change(rig, key_id, NO_POLICY)
    assert (envelope(plain), envelope(public)) == (1, 2)
    rig.issuer.rotate(RotateOrder(key_id=plain, overlap=dt.timedelta(0)), actor="me")
    assert envelope(plain) == 3


def test_what_is_sealed_in_later_stays_the_same() -> None:
    """Seals outlive releases: a change here makes every rotated or limited key unreadable."""
    from counterseal.server.keys.seal import _sealed_in

    record = samples.record(
        policy=KeyPolicy(methods=frozenset({"GET"})), secret_created=samples.NOON,
        previous=PreviousSecret(version=1, until=samples.NOON),
    )  # fmt: skip
    parts = json.loads(_sealed_in(dataclasses.replace(samples.stored(), record=record)))
    plain = json.loads(_sealed_in(samples.stored()))
    assert {name: parts[name] for name in parts.keys() - plain.keys()} == {
        "policy": '{"methods":["GET"]}',
        "previous_until": 1793534400123456,
        "previous_version": 1,
        "secret_created": 1793534400123456,
    }
