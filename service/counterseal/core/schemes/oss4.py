"""`oss4`: Alibaba Cloud OSS's V4 signatures, `OSS4-HMAC-SHA256`, in a header or presigned.

Of Alibaba's own: `content-type`, `content-md5` and every `x-oss-*` header are always signed, `AdditionalHeaders` lists only
what is signed beside them; header values keep their inner blanks; a query parameter without a value is signed without `=`; and
the path that is signed begins with the bucket, also where the host names it (`photos.oss-cn-hangzhou.aliyuncs.com`).

Clients mostly leave `host` unsigned. Then the bucket alone is bound, through the path, and only where it is known from the
host: at an endpoint (path `/bucket/key`), below one, or at a host that was configured for a bucket. At any other host, `host`
has to be among the AdditionalHeaders. Vendors' documentation knows only `UNSIGNED-PAYLOAD`; a stated hash is checked as well.
"""

import re
from collections.abc import Mapping
from typing import Final

from counterseal.core import encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, Demand, Reason, Refusal
from counterseal.core.sigv4 import aws, canonical, parts
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import PATH_AS_SENT, Family, QueryNames, ServiceRules, with_underscores
from counterseal.core.sigv4.kinds import HmacSha256
from counterseal.core.sigv4.scheme import FamilyScheme

KIND: Final = "oss4"
_ALWAYS: Final = frozenset({b"content-type", b"content-md5"})
_PREFIX: Final = b"x-oss-"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
MAX_HOSTS: Final = 1000
# Alibaba's public endpoints; {region} is that of the scope.
ENDPOINTS: Final = (
    "oss-{region}.aliyuncs.com",
    "oss-{region}-internal.aliyuncs.com",
    "oss-accelerate.aliyuncs.com",
    "oss-accelerate-overseas.aliyuncs.com",
)
_QUERY: Final = QueryNames(
    algorithm=b"x-oss-signature-version",
    credential=b"x-oss-credential",
    date=b"x-oss-date",
    expires=b"x-oss-expires",
    signed_headers=b"x-oss-additional-headers",
    signature=b"x-oss-signature",
    security_token=b"x-oss-security-token",
    signed_headers_optional=True,
)


def _is_always_signed(name: bytes) -> bool:
    return name in _ALWAYS or name.startswith(_PREFIX)


def read_names(text: bytes, request: ReadRequest) -> tuple[bytes, ...]:
    """Return all names that are signed, sorted: those that always are, and those that `text` lists beside them.

    Raises:
        Refusal: MALFORMED, also for a signed header that is repeated: how it would be signed is documented nowhere.
    """
    listed = parts.read_signed_headers(text, request) if text else ()
    if any(_is_always_signed(name) for name in listed):
        raise Refusal(Reason.MALFORMED, "AdditionalHeaders: lists a header that is always signed")
    names = sorted({name for name in request.headers if _is_always_signed(name)}.union(listed))
    for name in names:
        if len(request.headers[name]) != 1:
            raise Refusal(Reason.MALFORMED, f"header {name.decode()[:64]}: is signed, and given more than once")
    return tuple(names)


def write_names(names: tuple[bytes, ...]) -> bytes:
    """Return the text of AdditionalHeaders for these signed names."""
    return b";".join(name for name in names if not _is_always_signed(name))


def canonical_query(parameters: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Sort by name and value; a parameter without a value stands alone, whether it was sent with `=` or without."""
    kept = sorted(parameter for parameter in parameters if parameter[0] != _QUERY.signature)
    return b"&".join([b"%s=%s" % parameter if parameter[1] else parameter[0] for parameter in kept])


class Buckets:
    """Which bucket a host stands for."""

    def __init__(self, endpoints: tuple[str, ...], hosts: Mapping[str, str]) -> None:
        self._endpoints = endpoints
        self._hosts = dict(hosts)

    def of(self, claim: SigV4Claim) -> str | None:
        """Return the bucket that the host names; empty: the path names it; None: nobody knows.

        Raises:
            Refusal: MALFORMED, for a host below an endpoint that is no bucket's.
        """
        if claim.read is None:
            return None
        value = claim.read.header(b"host") or b""
        host = re.sub(r":[0-9]{1,5}\Z", "", value.decode("latin-1").lower())
        if host in self._hosts:
            return self._hosts[host]
        for endpoint in self._endpoints:
            known = endpoint.replace("{region}", canonical.scope_of(claim).region.lower())
            if host == known:
                return ""
            if host.endswith(f".{known}"):
                bucket = host.removesuffix(f".{known}")
                if not _BUCKET.fullmatch(bucket):
                    raise Refusal(Reason.MALFORMED, "header host: below an endpoint, and not the name of a bucket")
                return bucket
        return None

    def canonical_request(self, claim: SigV4Claim) -> bytes:
        """Return method, path with bucket, query, headers, AdditionalHeaders, payload.

        Raises:
            ValueError: the claim is of a string to sign, or of a request whose body is needed and was not sent along.
        """
        if claim.read is None:
            raise ValueError("a string to sign has no canonical request")
        request, bucket = claim.read, self.of(claim)
        path = encoding.recode_path(request.path)
        headers = [b"%s:%s\n" % (name, request.headers[name][0].strip(b" \t")) for name in claim.coverage.headers]
        return b"\n".join(
            (
                request.request.method,
                b"/" + bucket.encode("ascii") + path if bucket else path,
                canonical_query(request.parameters),
                b"".join(headers),
                claim.signed_headers,
                claim.payload or canonical.body_sha256(request),
            )
        )


class Oss4(FamilyScheme):
    """Alibaba Cloud OSS's V4 signatures.

    `endpoints` are hosts below which buckets stand, `{region}` being the scope's; `hosts` are buckets by the host that names
    them, such as a custom domain. All in lower case, without ports.
    """

    def __init__(
        self,
        name: str = "oss4",
        title: str = "Alibaba Cloud OSS V4 signatures, in a header or presigned",
        endpoints: tuple[str, ...] = ENDPOINTS,
        hosts: Mapping[str, str] | None = None,
    ) -> None:
        self._buckets = Buckets(endpoints, hosts or {})
        super().__init__(_family(name, title, self._buckets))

    def read(self, request: ReadRequest, demand: Demand) -> SigV4Claim:
        """Read the claim. Raises Refusal: MALFORMED or AMBIGUOUS."""
        claim = super().read(request, demand)
        self._buckets.of(claim)  # So that a host that is malformed is known before anybody looks for a key.
        return claim

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        """Check as every family does, and that `host` is signed where it does not tell the bucket."""
        super().check_coverage(claim, demand)
        if not isinstance(claim, SigV4Claim) or claim.read is None or b"host" in claim.coverage.headers:
            return
        if self._buckets.of(claim) is None:
            raise Refusal(Reason.NOT_COVERED, "header host: not signed, and no endpoint or bucket that is configured")


def _family(name: str, title: str, buckets: Buckets) -> Family:
    return Family(
        name=name,
        title=title,
        algorithm=b"OSS4-HMAC-SHA256",
        terminator="aliyun_v4_request",
        kind=HmacSha256(prefix=b"aliyun_v4"),
        date_header=b"x-oss-date",
        content_sha256_header=b"x-oss-content-sha256",
        security_token_header=b"x-oss-security-token",
        must_sign=(*with_underscores(_PREFIX), b"content_type", b"content_md5"),
        required_headers=(),
        query=_QUERY,
        list_field=b"AdditionalHeaders",
        list_optional=True,
        general=ServiceRules(path=PATH_AS_SENT, states_payload=True, presigned_unsigned=True),
        foreign_words=aws.WORDS,
        sign_region="cn-hangzhou",
        sign_service="oss",
        read_names=read_names,
        write_names=write_names,
        canonical_request=buckets.canonical_request,
    )


def from_options(name: str, options: Mapping[str, object]) -> Oss4:
    """Return the scheme for hosts of one's own.

    Options: `endpoints`, a list of hosts below which buckets stand (default: Alibaba's), and `buckets`, a table of host and
    bucket; `title`.

    Raises:
        ValueError: the name or an option is unknown or of a wrong form; the text names it.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("name: must be 1 to 63 characters of [a-z0-9._-], a letter or a digit first")
    unknown = sorted(options.keys() - {"endpoints", "buckets", "title"})
    if unknown:
        raise ValueError(f"option {unknown[0][:64]}: not known; there are: endpoints, buckets, title")
    title = options.get("title", "Alibaba Cloud OSS V4 signatures, for hosts as configured")
    if not isinstance(title, str) or not 1 <= len(title) <= 200 or not title.isprintable():
        raise ValueError("option title: must be 1 to 200 printable characters")
    return Oss4(name, title, _endpoints(options.get("endpoints", ENDPOINTS)), _hosts(options.get("buckets", {})))


def _endpoints(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_HOSTS:
        raise ValueError(f"option endpoints: must be a list of at most {MAX_HOSTS} hosts")
    for host in value:
        if not isinstance(host, str) or not _HOST.fullmatch(host.replace("{region}", "r", 1)):
            raise ValueError("option endpoints: each must be a host in lower case, in which {region} may stand once")
    return tuple(value)


def _hosts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > MAX_HOSTS:
        raise ValueError(f"option buckets: must be a table of at most {MAX_HOSTS} hosts")
    for host, bucket in value.items():
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise ValueError("option buckets: each name must be a host in lower case, without a port")
        if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
            raise ValueError("option buckets: each bucket must be 3 to 63 characters of [a-z0-9-]")
    return dict(value)
