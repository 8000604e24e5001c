"""A configured dialect: one of those that come along, with some of its parameters changed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from counterseal.core.schemes.cavage import facts
from counterseal.core.schemes.cavage.dialects import BY_NAME
from counterseal.core.schemes.cavage.facts import Dialect
from counterseal.core.schemes.cavage.scheme import Cavage

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
# Section 11.1 of RFC 9110: a scheme's name is a token, told from its parameters by a space.
_WORD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_PARAMETER: Final = re.compile(r"[A-Za-z]{1,32}")
_TAKEN: Final = frozenset({"algorithm", "headers", "signature", "created", "expires"})
_OPTIONS: Final = (
    "algorithms",
    "dialect",
    "key_parameter",
    "required_headers",
    "time_headers",
    "title",
    "unsigned_body",
    "word",
)


def from_options(name: str, options: Mapping[str, object]) -> Cavage:
    """Return the scheme `name` as configured.

    Options, all of which may be absent: `dialect` (`draft-12`, `kong` or `apisix`: what the others start from), `title`, `word`
    (what opens the Authorization field, which then is the only place), `key_parameter` (the parameter with the key id),
    `algorithms` (texts: those accepted), `required_headers` (texts: fields that must be covered; may be empty), `time_headers`
    (texts: the fields that give the time; the first one covered counts), `unsigned_body` (truth value: bodies may go unsigned).

    Raises:
        ValueError: naming the option.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("name: must be 1 to 63 characters of [a-z0-9._-], a letter or a digit first")
    unknown = sorted(options.keys() - set(_OPTIONS))
    if unknown:
        raise ValueError(f"option {unknown[0]}: not known; there are {', '.join(_OPTIONS)}")
    base = BY_NAME.get(_text(options, "dialect", "draft-12"))
    if base is None:
        raise ValueError(f"option dialect: must be one of {', '.join(BY_NAME)}")
    dialect = replace(base, title=_text(options, "title", base.title), unsigned_body=_truth(options, "unsigned_body"))
    return Cavage(name, _with_fields(_with_words(_with_algorithms(dialect, options), options), options))


def _with_words(dialect: Dialect, options: Mapping[str, object]) -> Dialect:
    if "word" in options:
        word = _text(options, "word", "")
        if not _WORD.fullmatch(word):
            raise ValueError("option word: must be 1 to 64 token characters")
        dialect = replace(dialect, word=word.encode(), fields=(b"authorization",), bare_field=b"")
    parameter = _text(options, "key_parameter", dialect.key_parameter.decode())
    if not _PARAMETER.fullmatch(parameter) or parameter in _TAKEN:
        raise ValueError("option key_parameter: must be 1 to 32 letters, and not another parameter's name")
    return replace(dialect, key_parameter=parameter.encode())


def _with_algorithms(dialect: Dialect, options: Mapping[str, object]) -> Dialect:
    if "algorithms" not in options:
        return dialect
    known = dialect.algorithms | dialect.optional_algorithms
    chosen = frozenset(_texts(options, "algorithms"))
    if not chosen or not chosen <= known:
        raise ValueError(f"option algorithms: must be some of {', '.join(sorted(name.decode() for name in known))}")
    return replace(dialect, algorithms=chosen)


def _with_fields(dialect: Dialect, options: Mapping[str, object]) -> Dialect:
    if "required_headers" in options:
        dialect = replace(dialect, required_headers=frozenset(_names(options, "required_headers")))
    if "time_headers" in options:
        names = _names(options, "time_headers")
        # Without one, nothing would bound a signature's age: only the draft has another time.
        if not names and not dialect.times:
            raise ValueError("option time_headers: must name a field")
        dialect = replace(dialect, time_headers=names)
    return dialect


def _names(options: Mapping[str, object], option: str) -> tuple[bytes, ...]:
    names = _texts(options, option)
    for name in names:
        if not facts.NAME.fullmatch(name):
            raise ValueError(f"option {option}: must be lower-case names of header fields")
    return names


def _text(options: Mapping[str, object], option: str, default: str) -> str:
    value = options.get(option, default)
    if not isinstance(value, str):
        raise ValueError(f"option {option}: must be a text")
    return value


def _texts(options: Mapping[str, object], option: str) -> tuple[bytes, ...]:
    value = options[option]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"option {option}: must be a list of texts")
    return tuple(item.encode() for item in value)


def _truth(options: Mapping[str, object], option: str) -> bool:
    value = options.get(option, False)
    if not isinstance(value, bool):
        raise ValueError(f"option {option}: must be true or false")
    return value
