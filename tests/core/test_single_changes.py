"""Any single change in any signed request is refused: requests as hypothesis makes them, signed by us and by botocore.

`meaning` holds the equivalences. Whatever it tells apart has to be refused, whatever the request looked like before.
"""

import re
import urllib.parse
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterseal.core.model import HttpRequest, Key, Rejected, Verified
from tests.core import strategies as some
from tests.core.botocore_client import SIGNERS, send
from tests.core.meaning import meaning
from tests.core.subjects import CREDENTIALS, KEY, NOW, SECURITY_TOKEN, TEMPORARY_KEY, presigned, signed, verdict
from tests.core.test_properties import client_headers, key_for, one_change, signable, url_text

_SIGNATURE = re.compile(rb"(?<=Signature=)[0-9a-f]{64}")


@st.composite
def change_of_signature(draw: st.DrawFn, request: HttpRequest) -> HttpRequest:
    """Put another digit into the signature, wherever it stands: it is still read, and only the comparison refuses it."""
    place, step = draw(st.integers(0, 63)), draw(st.integers(1, 15))

    def other(found: re.Match[bytes]) -> bytes:
        digit = b"%x" % (int(found[0][place : place + 1], 16) ^ step)
        return found[0][:place] + digit + found[0][place + 1 :]

    def edit(text: bytes) -> bytes:
        return _SIGNATURE.sub(other, text)

    fields = tuple((name, edit(value) if name == b"authorization" else value) for name, value in request.headers)
    return replace(request, target=edit(request.target), headers=fields)


def refuse_a_change(request: HttpRequest, service: str, key: Key, data: st.DataObject) -> None:
    """Apply one drawn change to a request that verifies."""
    found = verdict(request, key=key)
    assert isinstance(found, Verified), (found, request)  # else a refusal afterwards would show nothing
    changed = data.draw(one_change(request) | change_of_signature(request), label="changed")
    assume(meaning(changed, service) != meaning(request, service))
    assert isinstance(verdict(changed, key=key), Rejected), (request, changed)


@pytest.mark.parametrize("in_query", [False, True], ids=["header", "query"])
@given(request_=some.requests.filter(signable), service=some.services, security_token=some.security_tokens, data=st.data())
@settings(max_examples=200)
def test_of_what_our_signer_signs(
    in_query: bool, request_: HttpRequest, service: str, security_token: str | None, data: st.DataObject
) -> None:
    credentials = replace(CREDENTIALS, security_token=security_token)
    sign = presigned if in_query else signed
    refuse_a_change(sign(request_, credentials, service=service), service, key_for(security_token), data)


@st.composite
def sent_by_botocore(draw: st.DrawFn, signer: str, service: str, security_token: str | None) -> HttpRequest:
    """Return what botocore sends, for a URL with any text in its path and query."""
    segments = draw(st.lists(url_text, min_size=1, max_size=4))
    parameters = draw(st.lists(st.tuples(url_text.filter(bool), url_text), max_size=4))
    path = "/".join(urllib.parse.quote(part, safe="~") for part in segments)
    query = "&".join("=".join(urllib.parse.quote(text, safe="-_.~") for text in pair) for pair in parameters)
    return send(
        signer,
        method=draw(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])),
        url=f"https://example.com/{path}" + (f"?{query}" if query else ""),
        headers=draw(client_headers),
        body=b"" if "Query" in signer else draw(st.binary(max_size=32)),
        secret=KEY.secret.decode(),
        now=NOW,
        service=service,
        security_token=security_token,
    ).request


@pytest.mark.parametrize("signer", SIGNERS)
@given(data=st.data())
@settings(max_examples=200)
def test_of_what_botocore_signs(signer: str, data: st.DataObject) -> None:
    service = "s3" if "S3" in signer else "sqs"
    security_token = data.draw(st.sampled_from([None, SECURITY_TOKEN]))
    request = data.draw(sent_by_botocore(signer, service, security_token), label="request")
    refuse_a_change(request, service, TEMPORARY_KEY if security_token else KEY, data)
