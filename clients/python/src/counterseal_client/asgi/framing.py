"""How a request says where its body ends. One that says it twice is refused: two readers could find two requests in it."""

import re
from typing import Final

from counterseal_client.asgi.head import header_values
from counterseal_client.asgi.identity import normal_name
from counterseal_client.asgi.types import Scope
from counterseal_client.model import HttpRequest

_LENGTH: Final = re.compile(rb"[0-9]{1,19}")
_FIELDS: Final = frozenset({"content-length", "transfer-encoding"})


def framing_fault(scope: Scope, request: HttpRequest) -> str | None:
    """Return what is wrong with the fields that frame the body, for the log, or None.

    ASGI servers read the body by one of the fields and leave all of them in the scope (uvicorn with h11 does). An application
    that sends them on has its upstream read by another one, and take the rest of a verified body for a request of its own,
    signed by nobody, with whatever identity fields it brings. RFC 9112, 6.1 and 6.3 let a server refuse such requests, and ask
    it to close the connection. Whether the body has the announced length is for the ASGI server to see to.
    """
    if any(name.lower().decode("latin-1") not in _FIELDS and normal_name(name) in _FIELDS for name, _ in request.headers):
        return "a framing field in a spelling that CGI and WSGI take for the right one"
    lengths = header_values(request, b"content-length")
    codings = header_values(request, b"transfer-encoding")
    if lengths and codings:
        return "both content-length and transfer-encoding"
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(value) for value in lengths):
        return "more than one content-length, or one that is no number"
    if codings and str(scope.get("http_version", "1.1")) != "1.1":
        # RFC 9112, 6.1, for HTTP/1.0; RFC 9113, 8.2.2, for HTTP/2.
        return "a transfer-encoding in a version of HTTP that has none"
    if codings and codings != [b"chunked"]:
        return "a transfer-encoding other than chunked"
    return None
