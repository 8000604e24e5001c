"""Every Version 2 vector, stage by stage: string to sign, signature, verdict. None deviates."""

import base64
from dataclasses import replace

import pytest

from counterseal.core import http
from counterseal.core.model import Verified
from counterseal.core.schemes.aws_sigv2 import SigV2Claim
from counterseal.core.schemes.aws_sigv2.canonical import signature
from tests.core.sigv2.parts import SCHEME, verdict
from tests.core.subjects import NO_DEMAND
from tests.core.vectors import Case, cases

SUITE = "aws-docs-sigv2"
ALL = [*cases(SUITE, "sigv2-s3"), *cases(SUITE, "sigv2-query")]


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)


def claim_of(case: Case) -> SigV2Claim:
    read = http.read_request(case.request())
    assert SCHEME.recognises(read)
    return SCHEME.read(read, NO_DEMAND)


def test_the_suite_is_whole() -> None:
    assert len(ALL) == 14
    assert all(case.expected["verdict"] == "valid" for case in ALL)


@each()
def test_string_to_sign(case: Case) -> None:
    assert claim_of(case).strings_to_sign[0].decode() == case.expected["string_to_sign"]


@each()
def test_signature(case: Case) -> None:
    claim = claim_of(case)
    found = signature(case.key().secret, case.expected["string_to_sign"].encode(), claim.hash)
    assert found.decode() == case.expected["signature"] == claim.signature.decode()
    assert base64.b64decode(claim.signature, validate=True)


@each()
def test_verdict(case: Case) -> None:
    key = replace(case.key(), allowed_schemes=frozenset({"aws-sigv2"}))
    found = verdict(case.request(), key=key, now=case.now)
    assert isinstance(found, Verified), found
    assert found.verified_path == case.request().target.partition(b"?")[0]
    assert found.coverage.query is (case.raw["scheme"] == "sigv2-query")
