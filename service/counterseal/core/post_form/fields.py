"""The fields of a form: names without regard to case, each given once, and the file last."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.post_form.multipart import Part, boundary_of, is_form, read_parts

MAX_FIELD_BYTES: Final = 64 * 1024

_NAME: Final = re.compile(rb"[!#-\[\]-~]{1,256}")
# A line break in a field is a line break in the header that an upstream makes of it. Tags are an XML document.
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROLS_IN_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MANY_LINES: Final = frozenset({"tagging"})
# Where a signature of some kind stands before the body: then that one counts, and the body is only its payload.
_TELLING_HEADERS: Final = frozenset({b"authorization", b"signature", b"signature-input"})
_TELLING_PARAMETERS: Final = frozenset({b"x-amz-signature", b"x-amz-algorithm", b"x-amz-credential", b"awsaccesskeyid"})
# Fields come before the file, and are bounded; so is what they stand in.
_HEAD: Final = MAX_FIELD_BYTES * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form: its fields by lower-case name, and what is to be known of its file.

    `file_length` is in bytes. `filename` is what the sender of the form wrote: nothing covers it.
    """

    fields: Mapping[str, str] = field(repr=False)
    file_length: int
    filename: str | None


def may_sign(request: ReadRequest, field_names: re.Pattern[bytes]) -> bool:
    """Say whether a form was sent along that seems to hold a field of these names, and nothing else is signed.

    `field_names` finds one in `name="..."`. What is found is only an attempt: `read_form` reads exactly.
    """
    content = request.request.content
    if content is None or not is_form(request) or not _TELLING_HEADERS.isdisjoint(request.headers):
        return False
    if any(name.lower() in _TELLING_PARAMETERS for name, _ in request.parameters):
        return False
    return field_names.search(content, 0, _HEAD) is not None


def telling(*names: str) -> re.Pattern[bytes]:
    """Return what finds a field of one of these names in the head of a body, in whatever letters and quotes."""
    return re.compile(rb"name=\"?(?:" + "|".join(names).encode("ascii") + rb")[\"\s;]", re.IGNORECASE)


def read_form(request: ReadRequest) -> Form:
    """Read the form that a request posts. Raises Refusal: MALFORMED; BODY_REQUIRED when it was not sent along."""
    content = request.request.content
    if content is None:
        raise Refusal(Reason.BODY_REQUIRED, "the signature stands in the form: send the body along")
    parts = read_parts(content, boundary_of(request.header(b"content-type") or b""))
    if parts[-1].name.lower() != b"file":
        raise Refusal(Reason.MALFORMED, "form: its last part must be the file")
    if sum(len(part.content) for part in parts[:-1]) > MAX_FIELD_BYTES:
        raise Refusal(Reason.MALFORMED, f"form: more than {MAX_FIELD_BYTES} bytes of fields")
    fields: dict[str, str] = {}
    for part in parts[:-1]:
        name = _name(part)
        if name in fields or name == "file":
            raise Refusal(Reason.MALFORMED, f"form: field {name[:64]}: given more than once")
        fields[name] = _value(name, part)
    return Form(fields=fields, file_length=len(parts[-1].content), filename=_filename(parts[-1]))


def _name(part: Part) -> str:
    if not _NAME.fullmatch(part.name):
        raise Refusal(Reason.MALFORMED, "form: a field's name must be 1 to 256 visible ASCII characters")
    if part.filename is not None:
        raise Refusal(Reason.MALFORMED, "form: a file beside the last part")
    return part.name.decode("ascii").lower()


def _value(name: str, part: Part) -> str:
    # RFC 7578 section 4.6: a field of this name says in which charset the others are to be read.
    if name == "_charset_" and part.content.lower() != b"utf-8":
        raise Refusal(Reason.MALFORMED, "form: field _charset_: must be UTF-8")
    if (_CONTROLS_IN_TEXT if name in _MANY_LINES else _CONTROLS).search(part.content):
        raise Refusal(Reason.MALFORMED, f"form: field {name[:64]}: holds a control character")
    return _text(part.content, f"form: field {name[:64]}")


def _filename(part: Part) -> str | None:
    return None if part.filename is None else _text(part.filename, "form: the file's name")


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(Reason.MALFORMED, f"{what}: must be UTF-8") from None
