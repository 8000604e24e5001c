"""VerifyRequest -> what verification works on. Step 1 of the walk: what the caller itself got wrong is found here.

What its client got wrong is not: that is a verdict, MALFORMED, and the core's grammars are the only ones (docs/decisions/0012).
Runs on every call, so it makes no object that it does not need.
"""

import re
import socket
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from counterseal.core.http import MAX_HEADERS
from counterseal.core.model import Demand, HttpRequest, StringToSignSubject, Subject
from counterseal.core.schemes.rfc9421.components import parse_component
from counterseal.server.errors import InvalidField
from counterseal.server.keys.limits import check_key_id, check_request_id
from counterseal.v1 import verification_pb2 as pb

MAX_HEADER_NAME: Final = 256
MAX_STRING_TO_SIGN_BYTES: Final = 4096
MAX_VALID_FOR_SECONDS: Final = 604_800
MAX_DEMANDED: Final = 1024
MAX_COMPONENTS: Final = 64
MAX_COMPONENT: Final = 512
MAX_TAG: Final = 256

# RFC 9110 section 5.6.2.
_WORD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
# An RFC 8941 key (section 3.1.2), as labels of signatures are.
_LABEL: Final = re.compile(r"[a-z*][a-z0-9_.*-]{0,63}", re.ASCII)
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]*", re.ASCII)
_ANY: Final = Demand()


def read_subject(message: pb.VerifyRequest) -> Subject:
    """Return what was signed.

    Raises:
        InvalidField: it is unset, or breaks a limit.
    """
    which = message.WhichOneof("subject")
    if which == "http_request":
        return _http_request(message.http_request)
    if which == "string_to_sign":
        return _string_to_sign(message.string_to_sign)
    raise InvalidField("subject", "must be set")


def read_request_id(request_id: str) -> str:
    """Return the request id; it appears in logs, hence its narrow grammar. Raises InvalidField."""
    if request_id:
        check_request_id("request_id", request_id)
    return request_id


def read_demand(message: pb.VerifyRequest) -> Demand:
    """Return what the caller demands; nothing when the field is absent. Raises InvalidField."""
    if not message.HasField("demand"):
        return _ANY
    demand = message.demand
    for name in ("allowed_schemes", "regions", "services", "required_headers", "tenants"):
        values = getattr(demand, name)
        if len(values) > MAX_DEMANDED:
            raise InvalidField(f"demand.{name}", f"must have at most {MAX_DEMANDED} entries")
        if "" in values:
            raise InvalidField(f"demand.{name}", "must not have empty entries")
    return Demand(
        allowed_schemes=frozenset(demand.allowed_schemes),
        regions=frozenset(demand.regions),
        services=frozenset(demand.services),
        required_headers=frozenset([_name("demand.required_headers", name) for name in demand.required_headers]),
        tenants=frozenset(demand.tenants) if demand.tenants else None,
        key_id=_key_id(demand.key_id),
        label=_label(demand.label),
        tag=_tag(demand.tag),
        required_components=_components(demand.required_components),
    )


def _key_id(key_id: str) -> str:
    if key_id:
        check_key_id("demand.key_id", key_id)
    return key_id


def _label(label: str) -> str:
    if label and not _LABEL.fullmatch(label):
        raise InvalidField("demand.label", "must be at most 64 characters, [a-z*][a-z0-9_.*-]*")
    return label


def _tag(tag: str) -> str:
    if len(tag) > MAX_TAG or not _PRINTABLE.fullmatch(tag):
        raise InvalidField("demand.tag", f"must be at most {MAX_TAG} printable ASCII characters")
    return tag


def _components(components: Sequence[str]) -> tuple[str, ...]:
    if len(components) > MAX_COMPONENTS:
        raise InvalidField("demand.required_components", f"must have at most {MAX_COMPONENTS} entries")
    return tuple([_component(component) for component in components])


@lru_cache(maxsize=1024)  # a gateway demands the same ones on every call
def _component(text: str) -> str:
    if len(text) > MAX_COMPONENT:
        raise InvalidField("demand.required_components", f"must be at most {MAX_COMPONENT} characters each")
    try:
        parse_component(text)
    except ValueError as error:
        raise InvalidField("demand.required_components", f"must be components of a request: {error}") from None
    return text


def _http_request(message: pb.HttpRequest) -> HttpRequest:
    # Method, target and headers are the client's: what breaks a grammar or a limit there is a verdict, for `core` to give.
    scheme = message.scheme
    if scheme not in {"", "http", "https"}:
        raise InvalidField("http_request.scheme", "must be http, https or empty")
    content = content_sha256 = None
    body = message.WhichOneof("body")
    if body == "content":
        content = message.content
    elif body == "content_sha256":
        content_sha256 = message.content_sha256
        if len(content_sha256) != 32:
            raise InvalidField("http_request.content_sha256", "must have 32 bytes")
    return HttpRequest(
        method=message.method.encode(),
        target=message.target,
        # Lower-cased as bytes: `str.lower` would make an ASCII k of a Kelvin sign. One field too many is enough for `core` to
        # refuse the request; a message has room for two million empty ones, each an object.
        headers=tuple([(field.name.encode().lower(), field.value) for field in message.headers[: MAX_HEADERS + 1]]),
        trailers=tuple([(field.name.encode().lower(), field.value) for field in message.trailers[: MAX_HEADERS + 1]]),
        content=content,
        content_sha256=content_sha256,
        scheme=scheme,
        source_address=_address("http_request.source_address", message.source_address),
    )


def _string_to_sign(message: pb.StringToSign) -> StringToSignSubject:
    for name in ("scheme", "credential", "string_to_sign", "signature"):
        if not getattr(message, name):
            raise InvalidField(f"string_to_sign.{name}", "must be set")
    if len(message.string_to_sign) > MAX_STRING_TO_SIGN_BYTES:
        raise InvalidField("string_to_sign.string_to_sign", f"must have at most {MAX_STRING_TO_SIGN_BYTES} bytes")
    return StringToSignSubject(
        scheme=message.scheme,
        credential=message.credential.encode(),
        string_to_sign=message.string_to_sign,
        signature=message.signature.encode(),
        security_token=message.security_token.encode() or None,
        valid_for=_valid_for(message) if message.HasField("valid_for") else None,
        source_address=_address("string_to_sign.source_address", message.source_address),
    )


def _valid_for(message: pb.StringToSign) -> int:
    duration = message.valid_for
    if duration.nanos or not 1 <= duration.seconds <= MAX_VALID_FOR_SECONDS:
        raise InvalidField("string_to_sign.valid_for", f"must be 1 to {MAX_VALID_FOR_SECONDS} whole seconds")
    return duration.seconds


def _name(field: str, name: str) -> bytes:
    if len(name) > MAX_HEADER_NAME or not _WORD.fullmatch(name):
        raise InvalidField(field, f"must be an RFC 9110 token of at most {MAX_HEADER_NAME} characters")
    return name.lower().encode("ascii")


def _address(field: str, text: str) -> str:
    """Return an IP address as it came. inet_pton takes no port, no zone, no short form; it is quick, and this runs always."""
    if not text:
        return text
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        raise InvalidField(field, "must be an IPv4 or IPv6 address without a port") from None
    return text
