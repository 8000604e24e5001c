"""Choosing and reading a signature in the header: ATTACKS.md, first section."""

from dataclasses import replace

import pytest

from counterseal.core.model import (
    Reason,
    Verified,
)
from tests.core.attacks.parts import (
    AUTH,
    CREDENTIAL,
    HEADER,
    SIGNATURE,
    VALUE,
    auth,
    field,
    key_id,
    sig,
    whole,
)
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import and_header, edit_target, verdict, with_header, without_header

MALFORMED, UNSUPPORTED, AMBIGUOUS = Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME, Reason.AMBIGUOUS

WHERE = (
    Attack("no-signature-at-all", lambda r: without_header(r, AUTH), Reason.UNSIGNED),
    Attack("empty-authorization", whole(b""), UNSUPPORTED),
    Attack("two-authorizations-good-first", lambda r: and_header(r, AUTH, b"Basic Zm9vOmJhcg=="), MALFORMED),
    Attack("two-authorizations-good-last", lambda r: replace(r, headers=((AUTH, b"Basic Zm9v"), *r.headers)), MALFORMED),
    Attack("the-same-authorization-twice", lambda r: and_header(r, AUTH, VALUE), MALFORMED),
    Attack("credential-in-the-query-beside-a-header", lambda r: edit_target(r, b"?", b"?X-Amz-Credential=x&"), AMBIGUOUS),
    Attack(
        "other-algorithm-in-the-query-beside-a-header",
        lambda r: edit_target(r, b"?", b"?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&"),
        AMBIGUOUS,
    ),
    Attack(
        "signature-in-the-query-beside-a-header",
        lambda r: edit_target(r, b"?", b"?X-Amz-Signature=" + SIGNATURE + b"&"),
        AMBIGUOUS,
    ),
    Attack("lower-case-credential-in-the-query", lambda r: edit_target(r, b"?", b"?x-amz-credential=x&"), AMBIGUOUS),
    Attack(
        "only-a-credential-in-the-query",
        lambda r: replace(without_header(r, AUTH), target=b"/?X-Amz-Credential=" + CREDENTIAL),
        MALFORMED,
    ),
    Attack(
        "only-a-signature-in-the-query",
        lambda r: replace(without_header(r, AUTH), target=b"/?X-Amz-Signature=" + SIGNATURE),
        MALFORMED,
    ),
    Attack(
        "multipart-form-without-policy",
        lambda r: replace(
            with_header(without_header(r, AUTH), b"content-type", b"multipart/form-data; boundary=x"), method=b"POST"
        ),
        Reason.UNSIGNED,
    ),
)

SCHEME = tuple(
    Attack(name, whole(value), reason)
    for name, value, reason in (
        ("algorithm-with-a-tail", VALUE.replace(b"SHA256 ", b"SHA256X "), UNSUPPORTED),
        ("algorithm-lower-case", VALUE.replace(b"AWS4-HMAC-SHA256", b"aws4-hmac-sha256"), UNSUPPORTED),
        ("algorithm-title-case", VALUE.replace(b"AWS4-HMAC-SHA256", b"Aws4-Hmac-Sha256"), UNSUPPORTED),
        ("algorithm-cut", VALUE.replace(b"AWS4-HMAC-SHA256", b"AWS4"), UNSUPPORTED),
        ("algorithm-AWSX", VALUE.replace(b"AWS4-HMAC-SHA256", b"AWSX"), UNSUPPORTED),
        ("algorithm-SHA1", VALUE.replace(b"SHA256 ", b"SHA1 "), UNSUPPORTED),
        ("algorithm-SigV4A", VALUE.replace(b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256"), MALFORMED),
        ("algorithm-without-space", VALUE.replace(b"SHA256 ", b"SHA256"), UNSUPPORTED),
        ("algorithm-and-a-comma", VALUE.replace(b"SHA256 ", b"SHA256,"), UNSUPPORTED),
        ("algorithm-and-a-tab", VALUE.replace(b"SHA256 ", b"SHA256\t"), UNSUPPORTED),
        ("algorithm-of-two-words", b"Bearer " + VALUE, UNSUPPORTED),
        ("algorithm-none", b"none", UNSUPPORTED),
        ("sigv2", b"AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", MALFORMED),
        ("algorithm-alone", b"AWS4-HMAC-SHA256 ", MALFORMED),
    )
)

FIELDS = (
    Attack("credential-twice", auth(b", Signature", b", " + field(b"Credential") + b", Signature"), MALFORMED),
    Attack("signed-headers-twice", auth(b", Signature", b", SignedHeaders=host, Signature"), MALFORMED),
    Attack("signature-twice-good-last", auth(b", Signature", b", Signature=" + b"0" * 64 + b", Signature"), MALFORMED),
    Attack("signature-twice-good-first", auth(SIGNATURE, SIGNATURE + b", Signature=" + b"0" * 64), MALFORMED),
    Attack("unknown-field", auth(b", Signature", b", Algorithm=none, Signature"), MALFORMED),
    Attack("credential-missing", auth(field(b"Credential") + b", ", b""), MALFORMED),
    Attack("signed-headers-missing", auth(b", " + field(b"SignedHeaders"), b""), MALFORMED),
    Attack("signature-missing", auth(b", " + field(b"Signature"), b""), MALFORMED),
    Attack("credential-empty", auth(CREDENTIAL, b""), MALFORMED),
    Attack("signed-headers-empty", auth(field(b"SignedHeaders"), b"SignedHeaders="), MALFORMED),
    Attack("signature-empty", sig(b""), MALFORMED),
    Attack("field-names-lower-case", auth(b"Credential=", b"credential="), MALFORMED),
    Attack("blank-before-equals", auth(b"Signature=", b"Signature ="), MALFORMED),
    Attack("blank-after-equals", auth(b"Signature=", b"Signature= "), MALFORMED),
    Attack("semicolons-for-commas", auth(b", Signature", b"; Signature"), MALFORMED),
    Attack("trailing-comma", auth(SIGNATURE, SIGNATURE + b","), MALFORMED),
    Attack("two-commas", auth(b", Signature", b",, Signature"), MALFORMED),
    Attack("values-quoted", auth(SIGNATURE, b'"' + SIGNATURE + b'"'), MALFORMED),
    Attack("no-commas-at-all", auth(b", Signature", b" Signature"), MALFORMED),
    Attack("ten-thousand-fields", auth(b", Signature", b", x=1" * 10_000 + b", Signature"), MALFORMED),
)

SCOPE = tuple(
    Attack(name, auth(CREDENTIAL, value), MALFORMED)
    for name, value in (
        ("scope-without-terminator", CREDENTIAL.removesuffix(b"/aws4_request")),
        ("scope-with-another-terminator", CREDENTIAL.replace(b"aws4_request", b"aws5_request")),
        ("scope-with-capital-terminator", CREDENTIAL.replace(b"aws4_request", b"AWS4_REQUEST")),
        ("scope-with-a-part-after", CREDENTIAL + b"/"),
        ("scope-with-an-empty-region", CREDENTIAL.replace(b"/eu-west-1/", b"//")),
        ("scope-with-an-empty-service", CREDENTIAL.replace(b"/s3/", b"//")),
        ("scope-with-an-empty-date", CREDENTIAL.replace(b"/20260921/", b"//")),
        ("scope-without-service", CREDENTIAL.replace(b"/s3/", b"/")),
        ("scope-with-one-more-part-than-it-has", CREDENTIAL.replace(b"/s3/", b"/s3/extra/")),
        ("scope-with-a-short-date", CREDENTIAL.replace(b"20260921", b"2026921")),
        ("scope-with-a-dashed-date", CREDENTIAL.replace(b"20260921", b"2026-09-21")),
        ("scope-with-a-region-of-odd-letters", CREDENTIAL.replace(b"eu-west-1", b"eu west")),
        ("scope-with-a-region-of-utf8", CREDENTIAL.replace(b"eu-west-1", "eü".encode())),
        ("scope-with-a-huge-service", CREDENTIAL.replace(b"/s3/", b"/" + b"s" * 65 + b"/")),
        ("scope-encoded", CREDENTIAL.replace(b"/", b"%2F")),
        ("scope-alone", b"20260921/eu-west-1/s3/aws4_request"),
        ("slashes-alone", b"////"),
    )
)

KEY_IDS = tuple(
    Attack(f"key-id-{name}", key_id(value), MALFORMED)
    for name, value in (
        ("empty", b""),
        ("too-short", b"AK"),
        ("of-10-kB", b"A" * 10_000),
        ("of-129", b"A" * 129),
        ("with-a-quote", b"AKID'OR'1"),
        ("with-a-double-quote", b'AKID"'),
        ("with-a-wildcard", b"AKID*"),
        ("with-an-sql-wildcard", b"AKID%"),
        ("with-ldap-parentheses", b"AKID)(uid=*"),
        ("with-a-blank", b"AKID EXAMPLE"),
        ("with-a-tab", b"AKID\tEXAMPLE"),
        ("with-utf8", "AKIDEXÄMPLE".encode()),
        ("with-unicode-digits", "AKID٣".encode()),
        ("with-a-backslash", b"AKID\\EXAMPLE"),
        ("with-a-dollar", b"${jndi:ldap}"),
        ("starting-with-a-slash", b"/AKIDEXAMPLE"),
        ("starting-with-a-dot", b"../AKIDEXAMPLE"),
    )
) + tuple(
    Attack(f"key-id-with-{name}", key_id(b"AKID" + value), MALFORMED)
    for name, value in (
        ("nul", b"\x00"),
        ("line-feed", b"\n"),
        ("carriage-return", b"\r"),
        ("escape", b"\x1b[31m"),
        ("delete", b"\x7f"),
    )
)

SIGNATURES = (
    *tuple(
        Attack(f"signature-{name}", sig(value), MALFORMED)
        for name, value in (
            ("in-upper-case", SIGNATURE.upper()),
            ("with-one-capital", SIGNATURE[:-1] + b"F"),
            ("of-odd-length", SIGNATURE[:-1]),
            ("too-long", SIGNATURE + b"00"),
            ("with-spaces", SIGNATURE[:32] + b" " + SIGNATURE[32:]),
            ("with-a-space-at-the-end-of-63", SIGNATURE[:-1] + b" "),
            ("in-base64", b"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="),
            ("with-0x", b"0x" + SIGNATURE[2:]),
            ("with-unicode-digits", b"\xd9\xa0" * 32),
            ("with-full-width-digits", b"\xef\xbc\x90" * 64),
            ("with-nul", SIGNATURE[:-1] + b"\x00"),
            ("of-binary", bytes(range(128, 192))),
            ("of-letters-beyond-f", b"g" * 64),
        )
    ),
    Attack("signature-of-zeros", sig(b"0" * 64), Reason.MISMATCH),
    Attack("signature-reversed", sig(SIGNATURE[::-1]), Reason.MISMATCH),
    Attack("signature-of-another-region", auth(CREDENTIAL, CREDENTIAL.replace(b"eu-west-1", b"us-east-1")), Reason.MISMATCH),
)


@rows(WHERE + SCHEME + FIELDS + SCOPE + KEY_IDS + SIGNATURES)
def test_header_signature(row: Attack) -> None:
    refused(HEADER, row)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(VALUE.replace(b", ", b","), id="no-blanks-after-commas"),
        pytest.param(VALUE.replace(b", ", b",   \t "), id="many-blanks-after-commas"),
        pytest.param(VALUE.replace(b"SHA256 ", b"SHA256    "), id="many-blanks-after-the-algorithm"),
        pytest.param(b"  " + VALUE + b"\t", id="blanks-around"),
        pytest.param(b"AWS4-HMAC-SHA256 " + b", ".join(reversed(VALUE.partition(b" ")[2].split(b", "))), id="another-order"),
    ],
)
def test_fields_in_any_order_and_spacing_verify(value: bytes) -> None:
    """riak_cs#1166: clients differ here, and nothing signed is spelled in two ways by it."""
    assert isinstance(verdict(with_header(HEADER, AUTH, value)), Verified)
