"""ECDSA signatures on P-256 in DER, one spelling each: X.690 section 10, RFC 3279 section 2.2.3."""

from typing import Final

# SEC 2 section 2.4.2: the order of P-256.
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02


def low_s(der: bytes) -> bytes | None:
    """Read a signature (r, s) and return it with the lower of s and n - s; None for anything but exact DER.

    Both are right signatures of the same text, and anybody can make one of the other. Clients send either (OpenSSL and AWS-LC
    do not choose), so neither can be refused; but whoever remembers a signature, to tell a replay, has to remember one of them.
    """
    numbers = _read(der)
    if numbers is None:
        return None
    r, s = numbers
    body = _integer(r) + _integer(min(s, ORDER - s))
    return bytes((_SEQUENCE, len(body))) + body


def _read(der: bytes) -> tuple[int, int] | None:
    # Written again and compared, so that long lengths, padding, signs, and bytes after the end are all refused at once.
    if len(der) < 8 or der[0] != _SEQUENCE or der[2] != _INTEGER:
        return None
    end = 4 + der[3]
    r = int.from_bytes(der[4:end], "big")
    s = int.from_bytes(der[end + 2 :], "big")
    body = _integer(r) + _integer(s)
    if bytes((_SEQUENCE, len(body) & 0xFF)) + body != der:
        return None
    return (r, s) if 0 < r < ORDER and 0 < s < ORDER else None


def _integer(number: int) -> bytes:
    # A leading zero byte keeps numbers with the highest bit set from reading as negative; there is no other padding.
    raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes((_INTEGER, len(raw) & 0xFF)) + raw
