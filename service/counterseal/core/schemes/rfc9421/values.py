"""The values of components (RFC 9421 sections 2.1 and 2.2), out of a request as it arrived."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from counterseal.core import structured_fields as sf
from counterseal.core.encoding import percent_decode
from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.components import Component

# RFC 3986 section 3.2.2, without user information: a name or address, or an address in brackets; then a port.
_AUTHORITY: Final = re.compile(rb"([A-Za-z0-9\-._~!$&'()*+,;=%]++|\[[0-9A-Fa-f:.]++\])(?::([0-9]{0,5}))?")
_PARSERS: Final[Mapping[str, Callable[..., Any]]] = {
    "dictionary": sf.parse_dictionary,
    "list": sf.parse_list,
    "item": sf.parse_item,
}
_SERIALISERS: Final[Mapping[str, Callable[..., bytes]]] = {
    "dictionary": sf.serialise_dictionary,
    "list": sf.serialise_list,
    "item": sf.serialise_item,
}
_DEFAULT_PORTS: Final = {"http": b"80", "https": b"443"}
# The percent-encode set of application/x-www-form-urlencoded leaves these alone (WHATWG URL, section 1.3).
_NOT_PLAIN: Final = re.compile(rb"[^A-Za-z0-9*\-._]")


class Values:
    """The values of one request's components. What has to be parsed for them is parsed once, however many ask for it."""

    __slots__ = ("_left", "_parameters", "_parsed", "_request", "_structured")

    def __init__(self, request: ReadRequest, structured: Mapping[str, str]) -> None:
        self._request = request
        self._structured = structured  # which fields are structured, by name, and how
        self._parsed: dict[tuple[str, str, bool], Any] = {}  # by name, type, and whether it is a trailer
        self._left = facts.MAX_PARSED
        self._parameters: dict[bytes, list[bytes]] | None = None

    def of(self, component: Component) -> bytes:
        """Return the component's value for the signature base.

        Raises:
            Refusal: MALFORMED: the request does not have it, or has it in a form that cannot be signed; UNSUPPORTED_SCHEME:
                the type of the field, or the scheme of the request, is not known here; BODY_REQUIRED: a trailer field, and
                the body was not read yet.
        """
        derive = _DERIVED.get(component.name)
        if derive is not None:
            return derive(self._request)
        return self._query_parameter(component) if component.name == "@query-param" else self._field(component)

    def _field(self, component: Component) -> bytes:
        shown = component.name[:64]
        lines = (self._trailers() if component.in_trailer else self._request.headers).get(component.name.encode("ascii"))
        if lines is None:
            place = "among the trailers" if component.in_trailer else "in the request"
            raise Refusal(Reason.MALFORMED, f"component {shown}: covered, and not {place}")
        # Section 2.1: each line without blanks around it; lines of one name in their order, with ", " between them.
        values = [line.strip(b" \t") for line in lines]
        if "bs" in component.parameters:
            return b", ".join([b":%s:" % base64.b64encode(value) for value in values])
        value = sf.join(values)
        if not value.isascii():
            # Section 2.5: the signature base is ASCII. Only bs may carry other bytes.
            raise Refusal(Reason.MALFORMED, f"component {shown}: holds bytes outside ASCII, which only bs can sign")
        try:
            if "key" in component.parameters:
                return self._member(component, value)
            return self._strictly(component, value) if "sf" in component.parameters else value
        except sf.StructuredFieldError as error:
            raise Refusal(Reason.MALFORMED, f"component {shown}: {error}") from None

    def _trailers(self) -> dict[bytes, list[bytes]]:
        """Return the trailers, which nobody knows before the body has been read (section 2.1.4)."""
        sent = self._request.request
        if not sent.trailers and sent.content is None and sent.content_sha256 is None:
            raise Refusal(
                Reason.BODY_REQUIRED, "a trailer field is covered: send the trailers along, and the body or its SHA-256"
            )
        return self._request.trailers

    def _member(self, component: Component, value: bytes) -> bytes:
        """Return the member of a dictionary (section 2.1.2)."""
        member = self._parse(component, "dictionary", value).get(str(component.parameters["key"]))
        if member is None:
            raise Refusal(Reason.MALFORMED, f"component {component.name[:64]}: has no member of the covered key")
        return sf.serialise_member(member)

    def _strictly(self, component: Component, value: bytes) -> bytes:
        """Return a structured field in its one spelling (section 2.1.1)."""
        name = component.name
        kind = self._structured.get(name)
        if kind is None:
            raise Refusal(Reason.UNSUPPORTED_SCHEME, f"component {name[:64]}: covered with sf, and not known to be structured")
        return _SERIALISERS[kind](self._parse(component, kind, value))

    def _parse(self, component: Component, kind: str, value: bytes) -> Any:
        """Parse a field, once. This is done for strangers, and costs a microsecond a byte: so it has a bound."""
        place = (component.name, kind, component.in_trailer)
        if place not in self._parsed:
            self._left -= len(value)
            if self._left < 0:
                raise Refusal(
                    Reason.MALFORMED,
                    f"component {component.name[:64]}: fields covered with sf or key are longer than {facts.MAX_PARSED} bytes",
                )
            # A key given twice has two readings: the last one counts to RFC 9651, the first one to others.
            self._parsed[place] = _PARSERS[kind](value, unique=True)
        return self._parsed[place]

    def _query_parameter(self, component: Component) -> bytes:
        """Return one parameter, decoded and encoded again as section 2.2.8 says."""
        if self._parameters is None:
            self._parameters = _read_query(self._request)
        values = self._parameters.get(str(component.parameters["name"]).encode("ascii"), [])
        # "If a parameter name occurs multiple times in a request, the named query parameter MUST NOT be included."
        if len(values) != 1:
            raise Refusal(
                Reason.MALFORMED, "component @query-param: the parameter must be in the query once, under its encoded name"
            )
        return values[0]


def _authority(request: ReadRequest) -> bytes:
    """Return the authority in lower case, without the scheme's default port (section 2.2.3)."""
    host = request.header(b"host")
    match = None if host is None else _AUTHORITY.fullmatch(host)
    if match is None:
        raise Refusal(Reason.MALFORMED, "component @authority: host is missing, or no name or address with or without a port")
    # Without the request's scheme no port is a default one. An empty port is no port (RFC 3986 section 6.2.3).
    name, port = match[1].lower(), match[2]
    return b"%s:%s" % (name, port) if port and port != _DEFAULT_PORTS.get(_scheme_name(request)) else name


def _scheme_name(request: ReadRequest) -> str:
    return request.request.scheme.lower()


def _scheme(request: ReadRequest) -> bytes:
    scheme = _scheme_name(request)
    if scheme not in _DEFAULT_PORTS:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "component @scheme or @target-uri: http or https, which was used is not known")
    return scheme.encode("ascii")


def _target_uri(request: ReadRequest) -> bytes:
    # Section 2.2.2, put together as RFC 9110 section 7.1 says: host and target as they arrived.
    _authority(request)
    return b"%s://%s%s" % (_scheme(request), request.header(b"host") or b"", request.request.target)


def _query(request: ReadRequest) -> bytes:
    # Section 2.2.7: "?" alone where there is no query.
    return b"?" + request.request.target.partition(b"?")[2]


def _read_query(request: ReadRequest) -> dict[bytes, list[bytes]]:
    parameters: dict[bytes, list[bytes]] = {}
    for part in _query(request)[1:].split(b"&"):
        name, _, value = part.partition(b"=")
        parameters.setdefault(_form_encoded(name), []).append(_form_encoded(value))
    parameters.pop(b"", None)  # An empty query: no parameter at all.
    return parameters


def _form_encoded(raw: bytes) -> bytes:
    decoded = percent_decode(raw.replace(b"+", b" "))
    try:
        decoded.decode("utf-8")
    except UnicodeDecodeError:
        # WHATWG's decoder puts U+FFFD for what is not UTF-8: many queries, one signature.
        raise Refusal(Reason.MALFORMED, "component @query-param: the query holds names or values that are not UTF-8") from None
    return _NOT_PLAIN.sub(lambda match: b"%%%02X" % match[0][0], decoded)


_DERIVED: Final[dict[str, Callable[[ReadRequest], bytes]]] = {
    "@method": lambda request: request.request.method,
    "@target-uri": _target_uri,
    "@authority": _authority,
    "@scheme": _scheme,
    "@request-target": lambda request: request.request.target,
    # Section 2.2.6: as sent; an empty path does not get here.
    "@path": lambda request: request.path,
    "@query": _query,
}
