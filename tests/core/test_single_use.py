"""What may be used once, scheme by scheme: requests captured and changed in every way that still verifies are the same use."""

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest

from counterseal.conformance import SchemeCase
from counterseal.conformance.case import Sample
from counterseal.conformance.walk import examined, verified
from counterseal.core.model import Claim, Coverage, Demand, HttpRequest, StringToSignSubject
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Signing
from counterseal.core.sigv4.der import ORDER
from tests.core.conformance.cases import CASES
from tests.core.conformance.keys import key_pair
from tests.core.conformance.requests import NOW, UPLOAD

_BY_NAME = {case.scheme.name: case for case in CASES}
_P384 = int("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16)


def once(case: SchemeCase, sample: Sample, subject: HttpRequest | StringToSignSubject) -> bytes:
    """Return what the request may be used once by; it has to verify."""
    verified(case, sample, subject)
    return case.scheme.single_use(examined(case, sample, subject))


def swapped(request: HttpRequest, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with a text in it replaced, wherever it stands."""
    assert old != new
    headers = tuple((name, value.replace(old, new)) for name, value in request.headers)
    changed = replace(request, target=request.target.replace(old, new), headers=headers)
    assert changed != request
    return changed


def twin(raw: bytes, order: int) -> bytes:
    """Return (r, n - s) for (r, s), side by side."""
    half = len(raw) // 2
    return raw[:half] + (order - int.from_bytes(raw[half:], "big")).to_bytes(half, "big")


def der_twin(der: bytes) -> bytes:
    end = 4 + der[3]
    body = der[2:end] + _integer(ORDER - int.from_bytes(der[end + 2 :], "big"))
    return bytes((0x30, len(body))) + body


def _integer(number: int) -> bytes:
    raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes((2, len(raw))) + raw


def test_sigv4a_has_two_signatures_for_each_one() -> None:
    case = _BY_NAME["aws-sigv4a"]
    for sample in case.samples:
        request = case.sign(sample)
        claim = examined(case, sample, request)
        sent = claim.sent_signature  # type: ignore[attr-defined]
        other = der_twin(bytes.fromhex(sent.decode())).hex().encode()
        assert once(case, sample, request) == once(case, sample, swapped(request, sent, other)), sample.name


def test_a_string_to_sign_is_the_same_use_as_its_request() -> None:
    for case in CASES:
        if case.string_subject is None:
            continue
        for sample in case.samples:
            if sample.in_body or sample.demand != Demand():
                continue
            request = case.sign(sample)
            subject = case.string_subject(request, examined(case, sample, request))
            assert once(case, sample, subject) == once(case, sample, request), (case.scheme.name, sample.name)


@pytest.mark.parametrize(("algorithm", "order"), [("ecdsa-p256-sha256", ORDER), ("ecdsa-p384-sha384", _P384)])
def test_rfc9421_ecdsa(algorithm: str, order: int) -> None:
    case = _BY_NAME["rfc9421"]
    sample = Sample(name=algorithm, request=UPLOAD, signer=key_pair("rfc9421", algorithm))
    request = case.sign(sample)
    raw = examined(case, sample, request).signature
    other = swapped(request, base64.b64encode(raw), base64.b64encode(twin(raw, order)))
    assert once(case, sample, request) == once(case, sample, other)


def test_rfc9421_rsa_pss_draws_a_salt() -> None:
    case = _BY_NAME["rfc9421"]
    signer = key_pair("rfc9421", "rsa-pss-sha512")
    sample = Sample(name="pss", request=UPLOAD, signer=signer, options={"algorithm": "rsa-pss-sha512"})
    one, other = case.sign(sample), case.sign(sample)
    assert one != other
    assert once(case, sample, one) == once(case, sample, other)


def test_rfc9421_labels_and_blanks_are_not_signed() -> None:
    case = _BY_NAME["rfc9421"]
    sample = Sample(name="x", request=UPLOAD, signer=key_pair("rfc9421", "ed25519"), options={"label": "one"})
    request = case.sign(sample)
    use = once(case, sample, request)
    assert once(case, sample, swapped(request, b"one=", b"another=")) == use
    assert once(case, sample, swapped(request, b'" "', b'"  "')) == use
    # Two labels, one signature: the caller's demand chooses, and whichever it is, it is this one.
    lines = dict(request.headers)
    doubled = tuple(
        (name, lines[name] + b", " + lines[name].replace(b"one=", b"two=") if name.startswith(b"signature") else value)
        for name, value in request.headers
    )
    for label in ("one", "two"):
        chosen = replace(sample, demand=Demand(label=label))
        assert once(case, chosen, replace(request, headers=doubled)) == use


def test_rfc9421_goes_by_the_nonce_where_there_is_one() -> None:
    case = _BY_NAME["rfc9421"]

    def signed(at: int, **options: str) -> bytes:
        sample = Sample(name="nonce", request=UPLOAD, signer=key_pair("rfc9421", "ed25519"), options=options)
        request = case.scheme.sign(UPLOAD, sample.signer.credentials, Signing(now=at, options=options))
        return once(case, sample, request)

    assert signed(NOW, nonce="n-1") == signed(NOW + 5, nonce="n-1")
    assert signed(NOW, nonce="n-1") != signed(NOW, nonce="n-2")
    assert signed(NOW, nonce="n-1") != signed(NOW)
    assert signed(NOW) != signed(NOW + 5)


@pytest.mark.parametrize("name", ["cavage"])
def test_cavage_ecdsa(name: str) -> None:
    case = _BY_NAME[name]
    signer = key_pair(name, "ecdsa-p256-sha256")
    sample = Sample(name="ecdsa", request=UPLOAD, signer=signer, options={"algorithm": "ecdsa-sha256"})
    request = case.sign(sample)
    der = examined(case, sample, request).signature
    other = swapped(request, base64.b64encode(der), base64.b64encode(der_twin(der)))
    assert once(case, sample, request) == once(case, sample, other)


def test_cavage_parameters_in_another_order_under_another_name_of_the_algorithm() -> None:
    case = _BY_NAME["cavage"]
    for sample in case.samples:
        if sample.signer.key.public_key is None or sample.options.get("algorithm") == "hs2019":
            continue
        request = case.sign(sample)
        (value,) = [value for name, value in request.headers if name == b"authorization"]
        word, _, listed = value.partition(b" ")
        pieces = listed.split(b",")
        turned = word + b" " + b",".join(reversed(pieces))
        assert once(case, sample, swapped(request, value, turned)) == once(case, sample, request), sample.name


@pytest.mark.parametrize("name", ["aws-sigv4", "aws-sigv4a", "goog4", "oss4", "tc3"])
def test_authorization_in_another_order_and_spacing(name: str) -> None:
    case = _BY_NAME[name]
    for sample in case.samples:
        request = case.sign(sample)
        found = [value for field, value in request.headers if field == b"authorization"]
        if not found:
            continue
        word, _, listed = found[0].partition(b" ")
        pieces = [piece.strip() for piece in listed.split(b",")]
        for text in (b",".join(reversed(pieces)), b",   ".join(pieces), b", ".join(pieces[1:] + pieces[:1])):
            changed = swapped(request, found[0], word + b" " + text) if word + b" " + text != found[0] else request
            assert once(case, sample, changed) == once(case, sample, request), sample.name


def test_a_presigned_query_in_another_order_and_spelling() -> None:
    for name in ("aws-sigv4", "aws-sigv4a", "goog4", "aws-sigv2"):
        case = _BY_NAME[name]
        for sample in case.samples:
            request = case.sign(sample)
            path, _, query = request.target.partition(b"?")
            pairs = query.split(b"&")
            if len(pairs) < 3:
                continue
            use = once(case, sample, request)
            for turned in _orders(pairs):
                assert once(case, sample, replace(request, target=path + b"?" + b"&".join(turned))) == use, sample.name


def _orders(pairs: list[bytes]) -> Iterator[list[bytes]]:
    yield pairs[::-1]
    yield pairs[1:] + pairs[:1]


def test_a_bare_bucket_with_a_slash_behind_it() -> None:
    """The only resource of Version 2 that has two spellings."""
    case = _BY_NAME["aws-sigv2"]
    sample = replace(case.samples[0], request=replace(UPLOAD, target=b"/bucket", headers=UPLOAD.headers[:1]))
    request = case.sign(sample)
    assert once(case, sample, request) == once(case, sample, replace(request, target=b"/bucket/"))


def test_entries_of_a_webhook_taken_out_doubled_or_moved() -> None:
    for name in ("standard-webhooks", "svix"):
        case = _BY_NAME[name]
        for sample in case.samples:
            request = case.sign(sample)
            use = once(case, sample, request)
            header = case.scheme.layout.header  # type: ignore[attr-defined]
            (value,) = [value for field, value in request.headers if field == header]
            for other in (
                value + b" " + value,
                b"v9,unknown " + value,
                value + b" v1,c29tZWJvZHkgZWxzZSdzIHNpZ25hdHVyZSwgMzIgYi4=",
            ):
                assert once(case, sample, swapped(request, value, other)) == use, sample.name


def test_a_form_with_another_file_is_the_same_use() -> None:
    """The policy is what was signed; the file is anybody's choice."""
    for name in ("aws-sigv4", "aws-sigv2"):
        case = _BY_NAME[name]
        (sample, *_) = [sample for sample in case.samples if sample.in_body]
        request = case.sign(sample)
        assert request.content is not None
        other = replace(request, content=request.content.replace(b"a cat", b"a dog"))
        assert other != request
        assert once(case, sample, request) == once(case, sample, other)


REUSABLE = {"expires", "form"}


def test_what_is_made_to_be_used_more_than_once() -> None:
    """Presigned requests and forms, of every scheme that has them, bearer tokens, and nothing else.

    An RFC 9421 `expires` only shortens.
    """
    for case in CASES:
        for sample in case.samples:
            claim = examined(case, sample, case.sign(sample))
            is_one = not REUSABLE.isdisjoint(sample.options) and case.scheme.name.startswith(("aws", "goog", "oss", "acme4"))
            is_one = is_one or case.scheme.name == "bearer"
            assert case.scheme.is_reusable(claim) is is_one, (case.scheme.name, sample.name)


def test_no_scheme_leaves_its_answer_to_chance() -> None:
    """Schemes with public keys have signatures of which there are several; none of them goes by those."""
    claim = Claim(
        scheme="x", key_id="KEY1", scope=None, signed_time=NOW, valid_for=None, coverage=Coverage(), signature=b"signature"
    )
    for name, scheme in BUILT_IN.items():
        if any(kind.value == "PUBLIC" for kind in scheme.key_kinds) and name not in {"standard-webhooks", "svix"}:
            with pytest.raises(TypeError):
                scheme.single_use(claim)
