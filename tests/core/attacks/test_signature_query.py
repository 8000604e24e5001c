"""Choosing and reading a signature in the query: ATTACKS.md, first section."""

from counterseal.core.model import Reason
from tests.core.attacks.parts import AUTH, QUERY, VALUE, parameter
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import and_header

MALFORMED, UNSUPPORTED, AMBIGUOUS = Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME, Reason.AMBIGUOUS

NAMES = (b"X-Amz-Algorithm", b"X-Amz-Credential", b"X-Amz-Date", b"X-Amz-Expires", b"X-Amz-SignedHeaders", b"X-Amz-Signature")
QUERY_FIELDS = (
    *tuple(
        Attack(f"{name.decode()}-{how}", parameter(name, change), MALFORMED)
        for name in NAMES
        for how, change in (
            ("missing", lambda item: b""),
            ("empty", lambda item: item.partition(b"=")[0] + b"="),
            ("without-equals", lambda item: item.partition(b"=")[0]),
            ("twice", lambda item: item + b"&" + item),
            ("in-lower-case", lambda item: item.partition(b"=")[0].lower() + b"=" + item.partition(b"=")[2]),
            ("again-in-lower-case", lambda item: item + b"&" + item.lower()),
            ("again-with-an-encoded-name", lambda item: item + b"&" + item.replace(b"-", b"%2D")),
            ("with-a-space-after", lambda item: item + b"%20"),
            ("with-nul-after", lambda item: item + b"%00"),
            ("with-utf8-after", lambda item: item + b"%C3%A9"),
        )
        if not (
            name == b"X-Amz-Algorithm"
            and how in {"with-a-space-after", "with-nul-after", "with-utf8-after", "empty", "without-equals"}
        )
    ),
    Attack("algorithm-missing-a-letter", parameter(NAMES[0], lambda item: item[:-1]), UNSUPPORTED),
    Attack("algorithm-empty", parameter(NAMES[0], lambda item: b"X-Amz-Algorithm="), UNSUPPORTED),
    Attack("algorithm-lower-case", parameter(NAMES[0], lambda item: b"X-Amz-Algorithm=aws4-hmac-sha256"), UNSUPPORTED),
    Attack("algorithm-SigV4A", parameter(NAMES[0], lambda item: b"X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"), MALFORMED),
    Attack("algorithm-both", parameter(NAMES[0], lambda item: item + b"&X-Amz-Algorithm=none"), MALFORMED),
    Attack("authorization-beside-the-query", lambda r: and_header(r, AUTH, b"Bearer x"), AMBIGUOUS),
    Attack("empty-authorization-beside-the-query", lambda r: and_header(r, AUTH, b""), AMBIGUOUS),
    Attack("both-signatures-good", lambda r: and_header(r, AUTH, VALUE), AMBIGUOUS),
    Attack("signature-upper-case", parameter(b"X-Amz-Signature", lambda item: item[:16] + item[16:].upper()), MALFORMED),
    Attack("signature-of-zeros", parameter(b"X-Amz-Signature", lambda item: item[:16] + b"0" * 64), Reason.MISMATCH),
)


@rows(QUERY_FIELDS)
def test_query_signature(row: Attack) -> None:
    refused(QUERY, row)
