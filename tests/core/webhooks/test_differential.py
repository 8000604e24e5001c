"""Thousands of generated deliveries against the packages `standardwebhooks` and `stripe`, both ways, at a clock of our own.

Where they take what this verifier refuses, it is for one of the reasons in STRICTER, and by name: never for another.
"""

import base64
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
import stripe
from standardwebhooks import webhooks as oracle

from counterseal.core.model import HttpRequest, Key, Reason, Rejected, Verified, Window
from counterseal.core.schemes.base import Credentials
from counterseal.core.schemes.webhooks import STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme
from tests.core.webhooks.exchange import KEY_ID, NOW, PLAIN, header_of, put_header, signed, verdict, with_secret

ROUNDS = 2400
ID, TIME, SIGNATURE = b"webhook-id", b"webhook-timestamp", b"webhook-signature"
STRICTLY = "refused here alone"
STRICTER = {
    "broken entry": "an entry of a known version that is no signature: the packages pass it over, or raise",
    "padded number": "a time with leading zeros, blanks or a fraction: a second spelling of a number",
    "two times": "stripe takes the first `t=` of several",
    "blank in a list": "an empty entry; stripe passes it over",
}


class Clock(dt.datetime):
    """The packages ask for the time themselves: it is NOW."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "Clock":
        return cls.fromtimestamp(NOW, tz)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "datetime", Clock)
    monkeypatch.setattr(time, "time", lambda: float(NOW))


def body_of(rng: random.Random) -> bytes:
    letters = '{}[]":, abcXYZ019.\n\\/éß漢🙂\x00'
    return "".join(rng.choices(letters, k=rng.choice((0, 1, 2, 20, 300)))).encode()


def secret_of(rng: random.Random) -> str:
    text = base64.b64encode(rng.randbytes(rng.choice((24, 25, 26, 32, 64)))).decode()
    return rng.choice(("whsec_", "")) + rng.choice((text, text.rstrip("=")))


def standard_accepts(request: HttpRequest, secret: str) -> bool:
    headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
    try:
        oracle.Webhook(secret).verify(request.content or b"", headers, json_parse=False)
    except (oracle.WebhookVerificationError, ValueError):  # the package lets a broken entry raise a ValueError
        return False
    return True


def stripe_accepts(request: HttpRequest, secret: str) -> bool:
    header = header_of(request, b"stripe-signature").decode("latin-1")
    try:
        return bool(stripe.WebhookSignature.verify_header((request.content or b"").decode(), header, secret, 300))
    except stripe.SignatureVerificationError:
        return False


Change = Callable[[HttpRequest, random.Random], HttpRequest]


def _edit(name: bytes, edit: Callable[[bytes, random.Random], bytes]) -> Change:
    return lambda request, rng: put_header(request, name, edit(header_of(request, name), rng))


def _in_body(request: HttpRequest, rng: random.Random) -> HttpRequest:
    body = (request.content or b"").decode()
    place = rng.randint(0, len(body))
    return replace(request, content=(body[:place] + rng.choice(("x", " ", "é", "\n")) + body[place:]).encode())


def _flip(value: bytes, rng: random.Random) -> bytes:
    """Change one letter of the signature for another of the same alphabet."""
    place = rng.randrange(len(value) - 43, len(value) - 2)
    return value[:place] + (b"a" if value[place : place + 1] != b"a" else b"b") + value[place + 1 :]


NOTHING = b"v1," + base64.b64encode(bytes(32))
STANDARD_CHANGES: dict[str, Change] = {
    "none": lambda request, rng: request,
    "body": _in_body,
    "signature": _edit(SIGNATURE, _flip),
    "id": _edit(ID, lambda value, rng: value + rng.choice((b"x", b"0", b"_"))),
    "another time": _edit(TIME, lambda value, rng: b"%d" % (int(value) + rng.choice((-1, 1, 100)))),
    "others first": _edit(SIGNATURE, lambda value, rng: b" ".join([NOTHING] * rng.randint(1, 5) + [value])),
    "others after": _edit(SIGNATURE, lambda value, rng: b" ".join([value, NOTHING])),
    "other version first": _edit(SIGNATURE, lambda value, rng: b"v2," + value[3:] + b" " + value),
    "other version only": _edit(SIGNATURE, lambda value, rng: rng.choice((b"v2,", b"v1b,", b"V1,")) + value[3:]),
    "no signature header": lambda request, rng: put_header(request, SIGNATURE),
    "no id": lambda request, rng: put_header(request, ID),
    "no time": lambda request, rng: put_header(request, TIME),
    "empty signature": _edit(SIGNATURE, lambda value, rng: rng.choice((b"", b"v1,", b"v1"))),
    "cut": _edit(SIGNATURE, lambda value, rng: value[: -rng.randint(1, 40)]),
    "broken entry": _edit(SIGNATURE, lambda value, rng: value + b" v1," + rng.choice((b"AAAA", b"AA==", value[3:-4]))),
    "padded number": _edit(TIME, lambda value, rng: rng.choice((b"0" + value, value + b".0", b"+" + value))),
}
HEX_NOTHING = b"v1=" + b"0" * 64
SIG = b"stripe-signature"
STRIPE_CHANGES: dict[str, Change] = {
    "none": lambda request, rng: request,
    "body": _in_body,
    "signature": _edit(SIG, _flip),
    "another time": _edit(SIG, lambda value, rng: value.replace(b"t=1", b"t=2", 1)),
    "others": _edit(SIG, lambda value, rng: b",".join([value, *[HEX_NOTHING] * rng.randint(1, 5)])),
    "v0 too": _edit(SIG, lambda value, rng: value + b",v0=" + rng.randbytes(32).hex().encode()),
    "v0 only": _edit(SIG, lambda value, rng: value.replace(b"v1=", b"v0=")),
    "reordered": _edit(SIG, lambda value, rng: b",".join(reversed(value.split(b",")))),
    "no time": _edit(SIG, lambda value, rng: value.partition(b",")[2]),
    "no signature": _edit(SIG, lambda value, rng: value.partition(b",")[0]),
    "empty": _edit(SIG, lambda value, rng: b""),
    "upper case": _edit(
        SIG, lambda value, rng: value.replace(b"v1=", b"V1=").upper().replace(b"T=", b"t=").replace(b"V1=", b"v1=")
    ),
    "two times": _edit(SIG, lambda value, rng: value + b",t=1"),
    "padded number": _edit(SIG, lambda value, rng: value.replace(b"t=", rng.choice((b"t=0", b"t= ", b"t=+")), 1)),
    "blank in a list": _edit(SIG, lambda value, rng: value + b",,v0=1"),
    "broken entry": _edit(SIG, lambda value, rng: value + b",v1=" + rng.choice((b"", b"00", b"zz" * 32))),
}


def compared(scheme: WebhookScheme, request: HttpRequest, key: Key, accepted: bool, change: str, counts: Counter[str]) -> None:
    found = verdict(request, key=key)
    agree = isinstance(found, Verified) is accepted
    counts[f"{change}: {'accepted' if accepted else 'refused'}"] += 1
    if not agree:
        # Only ever stricter, and only for a reason that is written down.
        counts[f"{change}: {STRICTLY}"] += 1
        assert change in STRICTER, (change, request, found)
        assert accepted
        assert isinstance(found, Rejected)
        assert found.reason is Reason.MALFORMED


def report(what: str, counts: Counter[str], changes: dict[str, Change]) -> None:
    assert {name.split(": ")[0] for name in counts} == set(changes)
    assert any(name.endswith(": accepted") for name in counts)
    stricter = {name.split(": ")[0]: count for name, count in counts.items() if name.endswith(STRICTLY)}
    compared_in_all = counts.total() - sum(stricter.values())
    differs = f"0 disagreements but what is stricter here on purpose: {stricter}"
    print(f"{what}: {compared_in_all} deliveries, {differs}; {dict(sorted(counts.items()))}")
    assert set(stricter) == set(STRICTER) & set(changes)
    assert compared_in_all == ROUNDS


def test_what_standardwebhooks_signs() -> None:
    rng, counts = random.Random(61), Counter[str]()
    for i in range(ROUNDS):
        secret, body = secret_of(rng), body_of(rng)
        name = "msg_" + rng.randbytes(8).hex()
        at = NOW + rng.choice((0, 0, 0, -300, 300, -301, 301, -150))
        moment = dt.datetime.fromtimestamp(at, dt.UTC)
        signature = oracle.Webhook(secret).sign(name, moment, body.decode())
        headers = ((ID, name.encode()), (TIME, b"%d" % at), (SIGNATURE, signature.encode()))
        change = list(STANDARD_CHANGES)[i % len(STANDARD_CHANGES)]
        request = STANDARD_CHANGES[change](replace(PLAIN, headers=(*PLAIN.headers, *headers), content=body), rng)
        accepted = standard_accepts(request, secret)
        compared(STANDARD_WEBHOOKS, request, with_secret(secret.encode()), accepted, change, counts)
    report("standardwebhooks signs", counts, STANDARD_CHANGES)


def test_what_is_signed_here_standardwebhooks_takes() -> None:
    rng = random.Random(62)
    for _ in range(ROUNDS):
        secret, body = secret_of(rng), body_of(rng)
        credentials = Credentials(key_id=KEY_ID, secret=secret.encode())
        request = signed(STANDARD_WEBHOOKS, replace(PLAIN, content=body), credentials)
        assert standard_accepts(request, secret)
        svix = signed(SVIX, replace(PLAIN, content=body), credentials)
        renamed = replace(svix, headers=tuple((n.replace(b"svix-", b"webhook-"), v) for n, v in svix.headers))
        assert renamed == request
    print(f"signed here: {ROUNDS} deliveries, 0 disagreements")


def test_what_stripe_signs() -> None:
    rng, counts = random.Random(63), Counter[str]()
    for i in range(ROUNDS):
        secret, body = "whsec_" + rng.randbytes(16).hex(), body_of(rng)
        # The package does not bound the future at all; this verifier does, and a test of its own shows it.
        at = NOW - rng.choice((0, 0, 0, 299, 300, 301, -300))
        header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
        change = list(STRIPE_CHANGES)[i % len(STRIPE_CHANGES)]
        request = STRIPE_CHANGES[change](put_header(replace(PLAIN, content=body), SIG, header.encode()), rng)
        compared(STRIPE, request, with_secret(secret.encode()), stripe_accepts(request, secret), change, counts)
    report("stripe signs", counts, STRIPE_CHANGES)


def test_what_is_signed_here_stripe_takes() -> None:
    rng = random.Random(64)
    for _ in range(ROUNDS):
        secret, body = "whsec_" + rng.randbytes(16).hex(), body_of(rng)
        request = signed(STRIPE, replace(PLAIN, content=body), Credentials(key_id=KEY_ID, secret=secret.encode()))
        assert stripe_accepts(request, secret)
        assert header_of(request, SIG).decode() == stripe.WebhookSignature.generate_signature_header(body.decode(), secret, NOW)
    print(f"signed here: {ROUNDS} deliveries, 0 disagreements")


def test_a_stripe_event_from_the_future_is_refused_here_alone() -> None:
    request = signed(STRIPE, now=NOW + 301)
    assert stripe_accepts(request, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = verdict(request, window=Window(skew=300))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TOO_NEW
