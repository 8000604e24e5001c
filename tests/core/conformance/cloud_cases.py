"""The cases of Alibaba's and Tencent's members of the Signature Version 4 family."""

from dataclasses import replace

from counterseal.conformance import Sample, SchemeCase, symmetric_signer
from counterseal.core.model import HttpRequest
from counterseal.core.schemes.oss4 import Oss4
from counterseal.core.schemes.tc3 import Tc3
from tests.core.conformance.requests import NOW, READ, UPLOAD
from tests.core.conformance.sigv4_cases import string_subject, temporary

_BUCKET = (b"host", b"photos.oss-cn-hangzhou.aliyuncs.com")
_OBJECT = replace(UPLOAD, headers=(_BUCKET, (b"content-type", b"image/jpeg"), (b"x-oss-object-acl", b"private")))
_ACTION = HttpRequest(
    method=b"POST",
    target=b"/",
    headers=((b"host", b"cvm.tencentcloudapi.com"), (b"content-type", b"application/json"), (b"x-tc-action", b"DescribeZones")),
    content=b'{"Limit":1}',
)


def _same_but_for_case(first: HttpRequest, second: HttpRequest) -> bool:
    # Tencent signs values of headers in lower case.
    lowered = [replace(request, headers=tuple((n, v.lower()) for n, v in request.headers)) for request in (first, second)]
    return lowered[0] == lowered[1]


def cloud_cases() -> tuple[SchemeCase, ...]:
    oss, tc = Oss4(), Tc3()
    alibaba, tencent = symmetric_signer(oss.name), symmetric_signer(tc.name)
    return (
        SchemeCase(
            scheme=oss,
            samples=(
                Sample(name="object", request=_OBJECT, signer=alibaba),
                Sample(name="other host", request=READ, signer=alibaba),
                Sample(name="unsigned", request=_OBJECT, signer=alibaba, options={"payload": "UNSIGNED-PAYLOAD"}),
                Sample(name="temporary", request=_OBJECT, signer=temporary(alibaba)),
                Sample(name="presigned", request=_OBJECT, signer=alibaba, options={"expires": "3600"}),
                Sample(name="presigned, temporary", request=READ, signer=temporary(alibaba), options={"expires": "60"}),
            ),
            now=NOW,
            string_subject=string_subject,
        ),
        SchemeCase(
            scheme=tc,
            samples=(
                Sample(name="action", request=_ACTION, signer=tencent),
                Sample(name="unsigned", request=_ACTION, signer=tencent, options={"payload": "UNSIGNED-PAYLOAD"}),
                Sample(
                    name="query", request=replace(_ACTION, method=b"GET", target=b"/?b=2&a=%7E+", content=b""), signer=tencent
                ),
                Sample(name="temporary", request=_ACTION, signer=temporary(tencent)),
            ),
            now=NOW,
            same=_same_but_for_case,
            string_subject=string_subject,
        ),
    )
