"""A webhook scheme out of configuration: what a new vendor needs is a table of options, not code."""

import re
from collections.abc import Mapping
from typing import Final

from counterseal.core.schemes.webhooks import layout as spelling
from counterseal.core.schemes.webhooks.layout import Layout, Place, SecretForm
from counterseal.core.schemes.webhooks.scheme import WebhookScheme
from counterseal.core.schemes.webhooks.template import Template, read_template

KIND: Final = "webhook-hmac"
# Every option that takes a text, and what it is when it is not given. docs/decisions/0025-webhooks.md tells what they mean.
_DEFAULTS: Final = {
    "title": "",
    "signature_header": "",
    "signature_prefix": "",
    "signature_separator": "",
    "public_prefix": "",
    "timestamp_header": "",
    "timestamp_prefix": "",
    "timestamp_unit": "s",
    "id_header": "",
    "id_prefix": "",
    "template": "",
    "hash": "sha256",
    "encoding": "hex",
    "secret_encoding": "raw",
    "secret_prefix": "",
}
_CHOICES: Final = {
    "timestamp_unit": frozenset({"s", "ms"}),
    "hash": frozenset(spelling.DIGEST_BYTES),
    "encoding": spelling.ENCODINGS,
    "secret_encoding": spelling.SECRET_ENCODINGS,
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_HEADER: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,256}")
_MARK: Final = re.compile(r"[ -~]{0,64}")
# Other schemes' own fields: one request never carries a webhook's signature there.
_TAKEN: Final = frozenset({"signature", "signature-input", "host", "content-digest", "date"})


def from_options(name: str, options: Mapping[str, object]) -> WebhookScheme:
    """Make a scheme out of options.

    Raises:
        ValueError: the name or an option is unknown, missing, of another type, or does not fit the others; the text names it.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("name: must be 1 to 63 characters of [a-z0-9._-], a letter or a digit first")
    texts = _texts(options)
    _check_hash(texts["hash"], options.get("allow_sha1", False))
    layout = Layout(
        header=_header(texts, "signature_header"),
        template=read_template(texts["template"]),
        prefix=_mark(texts, "signature_prefix"),
        public_prefix=_mark(texts, "public_prefix"),
        separator=_mark(texts, "signature_separator"),
        timestamp=_place(texts, "timestamp"),
        id=_place(texts, "id"),
        unit=texts["timestamp_unit"],
        hash=texts["hash"],
        encoding=texts["encoding"],
        secrets=SecretForm(encoding=texts["secret_encoding"], prefix=_mark(texts, "secret_prefix")),
    )
    _check_signed(layout.template, layout)
    _check_headers(layout)
    _check_marks(layout)
    return WebhookScheme(name, texts["title"] or f"webhooks signed in {texts['signature_header']}, as configured", layout)


def _texts(options: Mapping[str, object]) -> dict[str, str]:
    texts = dict(_DEFAULTS)
    for name, value in options.items():
        if name == "allow_sha1":
            continue
        if name not in texts:
            raise ValueError(f"option {name[:64]}: not known; there are allow_sha1, {', '.join(sorted(texts))}")
        if not isinstance(value, str):
            raise ValueError(f"option {name}: must be a text")
        texts[name] = value
    for name, choices in _CHOICES.items():
        if texts[name] not in choices:
            raise ValueError(f"option {name}: must be one of {', '.join(sorted(choices))}")
    for name in ("signature_header", "template"):
        if not texts[name]:
            raise ValueError(f"option {name}: missing")
    if len(texts["title"]) > 200 or not texts["title"].isprintable():
        raise ValueError("option title: must be at most 200 printable characters")
    return texts


def _check_hash(algorithm: str, allow_sha1: object) -> None:
    if not isinstance(allow_sha1, bool):
        raise ValueError("option allow_sha1: must be true or false")
    if (algorithm == "sha1") is not allow_sha1:
        # HMAC-SHA1 is not broken, but nobody should come to it by mistake or keep the permission after having left it.
        raise ValueError("option allow_sha1: must be true with hash sha1, and only then")


def _header(texts: Mapping[str, str], option: str) -> bytes:
    name = texts[option]
    if not _HEADER.fullmatch(name) or name in _TAKEN:
        raise ValueError(f"option {option}: must be the name of a header field, in lower case, and no other scheme's")
    return name.encode("ascii")


def _mark(texts: Mapping[str, str], option: str) -> bytes:
    if not _MARK.fullmatch(texts[option]):
        raise ValueError(f"option {option}: must be at most 64 ASCII characters")
    return texts[option].encode("ascii")


def _place(texts: Mapping[str, str], what: str) -> Place | None:
    header, prefix = texts[f"{what}_header"], texts[f"{what}_prefix"]
    if header and prefix:
        raise ValueError(f"option {what}_prefix: goes without {what}_header; a {what} stands in one place")
    if header:
        return Place(header=_header(texts, f"{what}_header"))
    return Place(prefix=_mark(texts, f"{what}_prefix")) if prefix else None


def _check_signed(template: Template, layout: Layout) -> None:
    # A time or an id that nobody signed could be anybody's; and what the template asks for has to be somewhere.
    for name, place in (("timestamp", layout.timestamp), ("id", layout.id)):
        if template.holds(name) is not (place is not None):
            raise ValueError(f"option template: must hold {{{name}}} when a {name} has a place, and only then")


def _check_headers(layout: Layout) -> None:
    places = [place.header for place in (layout.timestamp, layout.id) if place is not None and place.header]
    signed = [part.value for part in layout.template.parts if part.kind == "header"]
    used = [layout.header, *places, *signed]
    if len(set(used)) != len(used):
        raise ValueError("option template: signature, timestamp, id and signed headers must be different header fields")
    if b"authorization" in [*places, *signed]:
        raise ValueError("option template: authorization can only be the signature's header")
    if layout.header == b"authorization" and not re.fullmatch(rb"[!-~]+ ", layout.prefix):
        raise ValueError("option signature_prefix: in authorization it must be a word and a space")


def _check_marks(layout: Layout) -> None:
    marks = [place.prefix for place in (layout.timestamp, layout.id) if place is not None and place.prefix]
    if layout.public_prefix:
        marks.append(layout.public_prefix)
    if marks and not layout.separator:
        raise ValueError("option signature_separator: missing, although the signature header holds more than the signature")
    marks.append(layout.prefix)
    for mark in marks:
        if layout.separator and layout.separator in mark:
            raise ValueError("option signature_separator: must not be part of a prefix")
    if any(first.startswith(second) for i, first in enumerate(marks) for k, second in enumerate(marks) if i != k):
        raise ValueError("option signature_prefix: a prefix must not begin with another one")
