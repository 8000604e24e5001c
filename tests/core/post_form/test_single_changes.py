"""Every change of one byte in a signed form: refused, or the form still says the same."""

import collections
from collections.abc import Iterator
from dataclasses import replace

import pytest

from counterseal.core import http
from counterseal.core.model import HttpRequest, Verified
from counterseal.core.post_form import read_posted
from tests.core.post_form.parts import FIELDS, HOSTS, form2, form4, verdict

EXACT = FIELDS | {"key": "user/user1/cat.jpg"}


def changed(raw: bytes) -> Iterator[bytes]:
    for at in range(len(raw)):
        byte = raw[at]
        for other in (bytes((byte ^ 1,)), bytes((byte ^ 0x20,)), b"", raw[at : at + 1] * 2, b"-", b"\n"):
            yield raw[:at] + other + raw[at + 1 :]


def requests(base: HttpRequest) -> Iterator[HttpRequest]:
    for content in changed(base.content or b""):
        yield replace(base, content=content)
    for at, (name, value) in enumerate(base.headers):
        for other in changed(value):
            yield replace(base, headers=(*base.headers[:at], (name, other), *base.headers[at + 1 :]))
    for target in changed(base.target):
        yield replace(base, target=target)
    for method in changed(base.method):
        yield replace(base, method=method)


@pytest.mark.parametrize("base", [form4([], EXACT), form2([], EXACT)], ids=["aws-sigv4", "aws-sigv2"])
def test_every_byte_counts_or_says_the_same(base: HttpRequest) -> None:
    """What may change is what nobody signed: the file and its name, the length, the host, and the spelling of names."""
    original = read_posted(http.read_request(base), HOSTS)
    counts: collections.Counter[str] = collections.Counter()
    for request in requests(base):
        if request == base:
            continue
        found = verdict(request)
        if not isinstance(found, Verified):
            counts["refused"] += 1
            continue
        posted = read_posted(http.read_request(request), HOSTS)
        assert posted.form.fields == original.form.fields
        assert (posted.policy_text, posted.bucket) == (original.policy_text, original.bucket)
        assert request.method == b"POST"
        assert request.target in {b"/photos", b"/photos/"}
        counts["the same"] += 1
    print(f"\n{dict(counts)}")
    assert counts["refused"] > 10 * counts["the same"] > 0
