"""What the values of a form's fields become: `${filename}` expanded, once for each field, and a Content-Type's list.

Whoever posts a form chooses fields and file name before any key is known, so what these become is bounded before it is made.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from counterseal.core.model import Reason, Refusal
from counterseal.core.post_form.fields import Form

FILENAME: Final = "${filename}"
MAX_MARKS: Final = 4
# S3's keys end at 1024 bytes, and all of an object's own metadata at 2048.
MAX_EXPANDED_BYTES: Final = 2048
# RFC 6838 section 4.2: a media type is two names of at most 127 characters. The rest is for parameters and for lists.
MAX_TYPE_BYTES: Final = 1024
MAX_TYPES: Final = 16

_TYPE: Final = "content-type"
# Browsers write these three for a quote and for line breaks (WHATWG HTML, multipart/form-data). Some upstreams decode them.
_ESCAPES: Final = re.compile(r"%(?:22|0[AaDd])")


def expand(form: Form) -> Mapping[str, str]:
    """Return the fields in which `${filename}` stands, as they become. Raises Refusal: MALFORMED."""
    marked = {name: value for name, value in form.fields.items() if FILENAME in value}
    filename = _filename(form) if marked else ""
    expanded = {name: _expanded(name, value, filename) for name, value in marked.items()}
    for found in (form.fields, expanded):
        _check_types(found.get(_TYPE, ""))
    return expanded


def items(name: str, value: str) -> Iterator[str]:
    """Yield each of what has to begin as a policy says: the values of a Content-Type are a list at its commas."""
    # "Values that include commas are interpreted as lists. Each value in the list must meet the condition."
    return (item.strip(" \t") for item in value.split(",")) if name == _TYPE else iter((value,))


def _filename(form: Form) -> str:
    # The sender of a form chooses this name, and upstreams differ in what they leave of one with a path in it.
    name = form.filename or ""
    if name in {"", ".", ".."} or "/" in name:
        raise Refusal(Reason.MALFORMED, "form: ${filename} is used, and the file's name is missing or holds a path")
    if _ESCAPES.search(name):
        raise Refusal(Reason.MALFORMED, "form: ${filename} is used, and the file's name holds an escaped quote or line break")
    return name


def _expanded(name: str, value: str, filename: str) -> str:
    marks, size = value.count(FILENAME), len(value.encode())
    most = max(size, size + marks * (len(filename.encode()) - len(FILENAME)))
    if marks > MAX_MARKS or most > MAX_EXPANDED_BYTES:
        limits = f"more than {MAX_MARKS} times, or in more than {MAX_EXPANDED_BYTES} bytes"
        raise Refusal(Reason.MALFORMED, f"form: field {name[:64]}: ${{filename}} is used {limits}")
    expanded = value.replace(FILENAME, filename)
    if FILENAME in expanded:  # also out of two halves: then one more pass would make yet another value
        raise Refusal(Reason.MALFORMED, f"form: field {name[:64]}: holds ${{filename}} after it was expanded")
    return expanded


def _check_types(value: str) -> None:
    if len(value.encode()) > MAX_TYPE_BYTES or value.count(",") >= MAX_TYPES:
        raise Refusal(Reason.MALFORMED, f"form: field {_TYPE}: more than {MAX_TYPE_BYTES} bytes or {MAX_TYPES} values")
