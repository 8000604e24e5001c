"""Changes of an Authorization header that verifies, and of a query signature."""

from collections.abc import Callable
from dataclasses import replace

from counterseal.core.model import HttpRequest
from tests.core.subjects import KEY, edit_header, header_of, presigned, signed, with_header

HEADER = signed()
QUERY = presigned()
VALUE = header_of(HEADER, b"authorization")
AUTH = b"authorization"
Change = Callable[[HttpRequest], HttpRequest]


def auth(old: bytes, new: bytes) -> Change:
    return lambda request: edit_header(request, AUTH, old, new)


def whole(value: bytes) -> Change:
    return lambda request: with_header(request, AUTH, value)


def field(name: bytes) -> bytes:
    """Return `name=value` out of the Authorization header, without the comma."""
    (found,) = [item for item in VALUE.split(b" ") if item.startswith(name + b"=")]
    return found.rstrip(b",")


def sig(value: bytes) -> Change:
    return auth(field(b"Signature"), b"Signature=" + value)


SIGNATURE = field(b"Signature").removeprefix(b"Signature=")
CREDENTIAL = field(b"Credential").removeprefix(b"Credential=")


def key_id(value: bytes) -> Change:
    return auth(CREDENTIAL, value + CREDENTIAL.removeprefix(KEY.key_id.encode()))


def parameter(name: bytes, change: Callable[[bytes], bytes]) -> Change:
    """Return a change of one `name=value` of the query, or of all of it."""

    def changed(request: HttpRequest) -> HttpRequest:
        path, _, query = request.target.partition(b"?")
        items = [change(item) if item.startswith(name + b"=") else item for item in query.split(b"&")]
        return replace(request, target=path + b"?" + b"&".join(item for item in items if item))

    return changed


def header(name: bytes, value: bytes) -> Change:
    """Return a change of the value of a field."""
    return lambda request: with_header(request, name, value)


def parameter_value(name: bytes, value: bytes) -> Change:
    """Return a change of a parameter's value, as it stands in the target."""
    return parameter(name, lambda item: name + b"=" + value)
