"""Signing, from the same strings: for the command line and for clients. The verifier never uses this."""

import base64
import calendar
import datetime as dt
import hmac
from dataclasses import replace
from typing import Final

from counterseal.core import asymmetric, digest, encoding, http
from counterseal.core.model import HttpRequest, Refusal
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.cavage import facts
from counterseal.core.schemes.cavage.facts import Dialect
from counterseal.core.schemes.cavage.strings import strings_to_sign

_DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS: Final = tuple(name.encode("ascii") for name in calendar.month_abbr)


def sign(request: HttpRequest, credentials: Credentials, signing: Signing, dialect: Dialect) -> HttpRequest:
    """Return the signed request.

    Options: `algorithm`; `headers` (what to cover, separated by spaces); `field` (`authorization` or, for the draft,
    `signature`); `expires` (seconds from now, for the draft with an algorithm that allows it). Fields for the time and the
    digest are added where they are covered and absent.

    Raises:
        ValueError: the request cannot be signed so, the credentials are of the wrong kind, or an option is unknown.
    """
    chosen = signing.take(algorithm="", headers="", field="authorization", expires="")
    algorithm = (chosen["algorithm"] or _algorithm(credentials, dialect)).encode()
    if algorithm not in dialect.algorithms:
        raise ValueError("option algorithm: not among the accepted ones")
    given = {dialect.key_parameter: credentials.key_id.encode(), b"algorithm": algorithm}
    if chosen["expires"]:
        given[b"expires"] = b"%d" % (signing.now + _seconds(chosen["expires"]))
    listed = tuple(chosen["headers"].encode().split()) or _list(request, dialect, given)
    if facts.CREATED in listed:
        given[b"created"] = b"%d" % signing.now
    request = _completed(request, listed, signing.now, dialect)
    try:
        string = strings_to_sign(http.read_request(request), dialect, listed, given)[0]
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    given[b"headers"] = b" ".join(listed)
    given[b"signature"] = base64.b64encode(_signature(string, algorithm, credentials))
    return _with_field(request, given, chosen["field"].encode(), dialect)


def _algorithm(credentials: Credentials, dialect: Dialect) -> str:
    if facts.HS2019 in dialect.algorithms:
        return "hs2019"
    return "hmac-sha256" if credentials.secret else ""


def _seconds(text: str) -> int:
    seconds = encoding.read_digits(text.encode())
    if seconds is None:
        raise ValueError("option expires: must be a number of seconds")
    return seconds


def _list(request: HttpRequest, dialect: Dialect, given: dict[bytes, bytes]) -> tuple[bytes, ...]:
    # The draft lets the time stand in the parameters only with algorithms whose names do not say what they are.
    timed = dialect.times and given[b"algorithm"] in {facts.HS2019, b"ed25519", b"ed25519-sha512"}
    listed = [next(iter(dialect.targets)), facts.CREATED if timed else b"date"]
    if b"expires" in given:
        listed.append(facts.EXPIRES)
    listed += sorted(dialect.required_headers)
    if request.content or request.content_sha256 is not None:
        listed.append(b"digest")
    return tuple(dict.fromkeys(listed))


def _completed(request: HttpRequest, listed: tuple[bytes, ...], now: int, dialect: Dialect) -> HttpRequest:
    present = {name for name, _ in request.headers}
    added = [(name, _imf_fixdate(now)) for name in dialect.time_headers if name in listed and name not in present]
    if b"digest" in listed and b"digest" not in present:
        added.append((b"digest", _digest(request)))
    return replace(request, headers=(*request.headers, *added))


def _digest(request: HttpRequest) -> bytes:
    if request.content is not None:
        return digest.write_digest(request.content)
    if request.content_sha256 is not None:
        return b"SHA-256=" + base64.b64encode(request.content_sha256)
    raise ValueError("header digest: to be signed, and the body is not known")


def _imf_fixdate(seconds: int) -> bytes:
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    date = b"%s, %02d %s %04d" % (_DAYS[moment.weekday()], moment.day, _MONTHS[moment.month], moment.year)
    return b"%s %02d:%02d:%02d GMT" % (date, moment.hour, moment.minute, moment.second)


def _signature(string: bytes, algorithm: bytes, credentials: Credentials) -> bytes:
    if bool(credentials.secret) is bool(credentials.private_key):
        raise ValueError("credentials: must hold a secret or a private key, and not both")
    if credentials.secret:
        if algorithm in facts.PUBLIC:
            raise ValueError("option algorithm: needs a private key")
        return hmac.digest(credentials.secret, string, facts.HMACS.get(algorithm, facts.HS2019_HMAC))
    if algorithm in facts.HMACS:
        raise ValueError("option algorithm: needs a secret")
    name = facts.PUBLIC.get(algorithm) or _of_key(credentials.private_key)
    return asymmetric.sign(credentials.private_key, name, string, form="der")


def _of_key(private_key: bytes) -> str:
    # hs2019 with RSA means RSASSA-PSS (appendix E.2); every other key has one algorithm.
    try:
        return asymmetric.public_of(private_key).algorithm
    except ValueError:
        return "rsa-pss-sha512"


def _with_field(request: HttpRequest, given: dict[bytes, bytes], name: bytes, dialect: Dialect) -> HttpRequest:
    numbers = (b"created", b"expires")
    text = b",".join(b"%s=%s" % (n, v) if n in numbers else b'%s="%s"' % (n, v) for n, v in given.items())
    if name in dialect.fields:
        text = b"%s %s" % (dialect.word, text)
    elif not name or name != dialect.bare_field:
        raise ValueError("option field: not known to this scheme")
    if any(present == name for present, _ in request.headers):
        raise ValueError("the request carries a header that signing would add")
    return replace(request, headers=(*request.headers, (name, text)))
