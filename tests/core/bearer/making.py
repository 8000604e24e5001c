"""Bearer tokens made by hand, and the vectors made of them: nothing here imports what it is to test.

`python -m tests.core.bearer.making` writes tests/vectors/bearer.json. The form is docs/keys.md's: `cstk_`, key id, `_`, 43
characters, and the CRC-32 of all of that (ISO 3309, as zlib and PNG have it) in base 62, most significant digit first. The CRC
is computed bit by bit here, from its polynomial.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FILE = Path(__file__).parents[2] / "vectors" / "bearer.json"
SOURCE = {"doc": "docs/keys.md of this repository", "license": "Apache-2.0", "derived": "tests/core/bearer/making.py"}


def crc32(data: bytes) -> int:
    """Return the CRC-32 of ISO 3309: polynomial 0x04C11DB7, reflected, begun and ended with ones."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def base62(number: int) -> str:
    """Return six digits."""
    return "".join(DIGITS[number // 62**place % 62] for place in (5, 4, 3, 2, 1, 0))


def token(key_id: str, rest: str) -> str:
    body = f"cstk_{key_id}_{rest}"
    return body + base62(crc32(body.encode()))


def key_id(number: int) -> str:
    """Return an id of the generated form, one for each number."""
    return "CSBT" + "".join(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32] for byte in hashlib.sha256(b"%d" % number).digest()[:20]
    )


def rest(number: int) -> str:
    """Return 43 characters, others for each number. Not random: for tests alone."""
    return "".join(DIGITS[byte % 62] for byte in hashlib.sha512(b"%d" % number).digest()[:43])


def _case(name: str, headers: list[list[str]], reason: str | None, held: str, target: str = "/orders?a=1") -> dict[str, Any]:
    expected = {"verdict": "valid"} if reason is None else {"verdict": "invalid", "reason": reason}
    return {
        "id": f"bearer/{name}",
        "scheme": "bearer",
        "source": SOURCE,
        "request": {"method": "GET", "target": target, "headers": [["Host", "api.example.com"], *headers]},
        "key": {"id": held.split("_")[1], "token_sha256": hashlib.sha256(held.encode()).hexdigest()},
        "context": {"now_unix": 1_790_000_000},
        "expected": expected,
    }


def _sent(name: str, value: str, reason: str | None, held: str) -> dict[str, Any]:
    return _case(name, [["Authorization", value]], reason, held)


def cases() -> list[dict[str, Any]]:
    """Return every case: tokens that are good, and each way in which one is not."""
    good = [token(key_id(number), rest(number)) for number in range(8)]
    low = "0" * 43
    edges = [token("CSBT" + "A" * 20, low), token("CSBT" + "7" * 20, "z" * 43), token("CSBT" + "2" * 20, "Z" * 43)]
    found = [_sent(f"token-{number}", f"Bearer {text}", None, text) for number, text in enumerate([*good, *edges])]
    one, other = good[0], token(key_id(0), rest(99))
    spelled = {"lower-case": f"bearer {one}", "upper-case": f"BEARER {one}", "two-blanks": f"Bearer  {one}"}
    found += [_sent(f"scheme-{name}", value, None, one) for name, value in spelled.items()]
    wrong = {
        "checksum-of-another": one[:-6] + good[1][-6:],
        "last-character": one[:-1] + ("0" if one[-1] != "0" else "1"),
        "cut": one[:-1],
        "longer": one + "0",
        "two-tokens": f"{one}, {one}",
        "padded": one + "=",
        "other-id-form": token("CSAK" + "A" * 20, rest(1)),
        "short-id": token("CSBT" + "A" * 19, rest(1)),
        "lower-case-id": token("CSBT" + "a" * 20, rest(1)),
        "short-rest": token(key_id(0), rest(0)[:42]),
        "dash-in-rest": token(key_id(0), "-" + rest(0)[1:]),
    }
    found += [_sent(f"malformed-{name}", f"Bearer {text}", "MALFORMED", one) for name, text in wrong.items()]
    foreign = {"jwt": "Bearer eyJhbGciOiJub25lIn0.e30.", "no-token": "Bearer", "no-blank": f"Bearer{one}", "bare": one}
    foreign |= {"tab": f"Bearer\t{one}", "other-scheme": f"Token {one}", "upper-case-prefix": "Bearer CSTK" + one[4:]}
    found += [_sent(f"foreign-{name}", value, "UNSUPPORTED_SCHEME", one) for name, value in foreign.items()]
    found += [
        _sent("another-token-of-the-key", f"Bearer {other}", "MISMATCH", one),
        _sent("another-key", f"Bearer {good[1]}", "UNKNOWN_KEY", one),
        _case("in-two-fields", [["Authorization", f"Bearer {one}"]] * 2, "MALFORMED", one),
        _case("in-the-query", [], "MALFORMED", one, f"/orders?access_token={one}"),
        _case("in-the-query-escaped", [], "MALFORMED", one, f"/orders?%61ccess_token=cstk%5F{one[5:]}"),
        _case("in-the-query-in-capitals", [], "MALFORMED", one, f"/orders?ACCESS_TOKEN={one}"),
        _case("in-both", [["Authorization", f"Bearer {one}"]], "MALFORMED", one, f"/orders?access_token={one}"),
        _case("nowhere", [], "UNSIGNED", one),
    ]
    return found


def content() -> str:
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases())
    suite = "Bearer tokens of this service, made by a few independent lines of Python"
    return f'{{"suite":"{suite}","count":{len(cases())},"cases":[\n{lines}\n]}}\n'


if __name__ == "__main__":
    FILE.write_text(content())
