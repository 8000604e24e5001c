"""A signature of one family is none of another, whatever words are changed; more in tests/core/family."""

import itertools
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Key, KeyState, Rejected, Scope, Verified
from counterseal.core.schemes import BUILT_IN, deriving
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.sigv4.scheme import FamilyScheme
from tests.core.oss4.exchange import NOW, verdict

SECRET = b"one secret for every family of all"
FAMILIES = {name: scheme for name, scheme in BUILT_IN.items() if isinstance(scheme, FamilyScheme)}
KEY = Key(key_id="AKIDEXAMPLE", tenant="acme", secret=SECRET, allowed_schemes=frozenset(FAMILIES), state=KeyState.ACTIVE)
PLAIN = HttpRequest(
    method=b"POST",
    target=b"/",
    headers=((b"host", b"oss-cn-hangzhou.aliyuncs.com"), (b"content-type", b"text/plain")),
    content=b"{}",
)
CREDENTIALS = Credentials(key_id="AKIDEXAMPLE", secret=SECRET)


def signed(name: str) -> HttpRequest:
    return FAMILIES[name].sign(PLAIN, CREDENTIALS, Signing(now=NOW, options={"service": "same", "region": "same"}))


@pytest.mark.parametrize(("own", "other"), [p for p in itertools.permutations(FAMILIES, 2) if {"oss4", "tc3"} & set(p)])
def test_the_others_words_around_a_signature(own: str, other: str) -> None:
    mine, theirs = FAMILIES[own].family, FAMILIES[other].family
    assert isinstance(verdict(signed(own), KEY), Verified)
    # All that the other family asks for, from a request that it signed itself; the signature alone is the first one's.
    theirs_signed = signed(other)
    (good,) = [value for name, value in theirs_signed.headers if name == b"authorization"]
    (bad,) = [value for name, value in signed(own).headers if name == b"authorization"]
    forged = good.rpartition(b"Signature=")[0] + b"Signature=" + bad.rpartition(b"Signature=")[2]
    headers = tuple((name, forged if name == b"authorization" else value) for name, value in theirs_signed.headers)
    assert isinstance(verdict(replace(theirs_signed, headers=headers), KEY), Rejected)
    # And the first one's request with the other's algorithm and terminator.
    dressed = bad.replace(mine.algorithm, theirs.algorithm).replace(mine.terminator.encode(), theirs.terminator.encode())
    headers = tuple((name, dressed if name == b"authorization" else value) for name, value in signed(own).headers)
    assert isinstance(verdict(replace(signed(own), headers=headers), KEY), Rejected)


def test_one_secret_derives_another_key_in_every_family() -> None:
    derive = deriving(BUILT_IN)
    keys = set()
    for name, scheme in FAMILIES.items():
        scope = Scope(date="20260921", region="same", service="same", terminator="one_request", scheme=name)
        keys.add(derive(KEY, scheme.family.key_scope or scope))
    assert len(keys) == len(FAMILIES)
