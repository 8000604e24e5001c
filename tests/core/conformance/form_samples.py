"""Forms as browsers post them to S3: the signature stands in the body."""

from counterseal.conformance import Sample, Signer
from counterseal.core.model import HttpRequest

_PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
_BODY = _PART % (b"key", b"", b"cat.jpg") + _PART % (b"file", b'; filename="cat.jpg"', b"a cat") + b"--b--\r\n"
_FORM = HttpRequest(
    method=b"POST",
    target=b"/photos",
    headers=((b"host", b"s3.example.com"), (b"content-type", b"multipart/form-data; boundary=b")),
    content=_BODY,
)


def form_sample(signer: Signer) -> Sample:
    return Sample(name="form", request=_FORM, signer=signer, options={"form": "3600"}, in_body=True)


def same_form(one: HttpRequest, other: HttpRequest) -> bool:
    """Say whether two requests post one form: a bucket has a slash behind it or none (docs/decisions), and a media type and
    its parameters' names have no case (RFC 9110 section 8.3.1).
    """

    def said(request: HttpRequest) -> tuple[object, ...]:
        headers = tuple((name, value.lower().replace(b" ", b"")) for name, value in request.headers)
        return request.method, request.target.removesuffix(b"/"), headers, request.content

    return any(name == b"content-type" and b"form-data" in value for name, value in one.headers) and said(one) == said(other)
