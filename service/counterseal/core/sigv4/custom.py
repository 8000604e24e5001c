"""Families by configuration: any `provider1:provider2` of curl's `--aws-sigv4` (curl's manual page, section --aws-sigv4).

`provider1` gives the algorithm, `PROVIDER1` + `4-HMAC-SHA256`, the word before the secret and the end of the scope,
`provider1` + `4_request`. `provider2` gives the headers, `X-Provider2-Date` and its kin; without it, `provider1` does.
"""

import re
from collections.abc import Mapping
from typing import Final

from counterseal.core.sigv4 import aws
from counterseal.core.sigv4.family import (
    GENERAL_PATH,
    PATH_AS_SENT,
    Family,
    PathRules,
    ServiceRules,
    query_names,
    with_underscores,
)
from counterseal.core.sigv4.kinds import HmacSha256
from counterseal.core.sigv4.scheme import FamilyScheme

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PROVIDER: Final = re.compile(r"[a-z0-9]{1,32}")
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Their words belong to schemes that are built in. Two schemes with one algorithm and one way to a key would take each other's
# signatures.
_TAKEN: Final = {"aws": "aws-sigv4", "goog": "goog4", "oss": "oss4"}
_PATHS: Final = {
    # curl 8.9 and later, for every service but S3's: the path as it is sent, encoded a second time, nothing removed.
    "encoded-twice": PathRules(normalise=False, encode_twice=True),
    # curl before that, for every service.
    "as-sent": PATH_AS_SENT,
    # AWS's own SDKs, for every service but S3's.
    "normalised": GENERAL_PATH,
}
_DEFAULTS: Final[dict[str, object]] = {
    "provider1": "",
    "provider2": "",
    "region": "us-east-1",
    "service": "s3",
    "path": "encoded-twice",
    "presigned": False,
    "states_payload": False,
    "title": "",
}


def from_options(name: str, options: Mapping[str, object]) -> FamilyScheme:
    """Return the scheme of a family that is described by options.

    Options: `provider1` (required) and `provider2`, in lower case; `path`: how services sign it, `encoded-twice` (default),
    `as-sent` or `normalised`, S3's services always `as-sent`; `presigned`: whether signatures in the query count, default
    false, as curl makes none; `states_payload`: whether a signature in a header needs `x-provider2-content-sha256`, default
    false; `region` and `service`: what a signer takes by default (they bind no request: demands do that); `title`.

    Raises:
        ValueError: the name or an option is unknown, missing, or of a wrong form; the text names it.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("name: must be 1 to 63 characters of [a-z0-9._-], a letter or a digit first")
    unknown = sorted(options.keys() - _DEFAULTS.keys())
    if unknown:
        raise ValueError(f"option {unknown[0]}: not known; there are: {', '.join(_DEFAULTS)}")
    first = _provider(options, "provider1")
    second = _provider(options, "provider2") if options.get("provider2", "") != "" else first
    if first in _TAKEN:
        raise ValueError(f"option provider1: {first} is built in, as the scheme {_TAKEN[first]}")
    header = f"x-{second}-"
    path = _choice(options, "path", _PATHS)
    states_payload = _flag(options, "states_payload")
    return FamilyScheme(
        Family(
            name=name,
            title=_title(options, first, second),
            algorithm=f"{first.upper()}4-HMAC-SHA256".encode(),
            terminator=f"{first}4_request",
            kind=HmacSha256(prefix=f"{first.upper()}4".encode()),
            date_header=f"{header}date".encode(),
            content_sha256_header=f"{header}content-sha256".encode(),
            security_token_header=f"{header}security-token".encode(),
            # Software behind a gateway that speaks such a dialect may well act on AWS's headers too.
            must_sign=with_underscores(header.encode(), f"x-{first}-".encode(), b"x-amz-"),
            query=query_names(f"X-{second.capitalize()}-".encode()) if _flag(options, "presigned") else None,
            general=ServiceRules(path=path, states_payload=states_payload),
            services=dict.fromkeys(
                aws.SERVICES, ServiceRules(path=PATH_AS_SENT, states_payload=states_payload, presigned_unsigned=True)
            ),
            foreign_words=aws.WORDS,
            sign_region=_part(options, "region"),
            sign_service=_part(options, "service"),
        )
    )


def _text(options: Mapping[str, object], option: str) -> str:
    value = options.get(option, _DEFAULTS[option])
    if not isinstance(value, str):
        raise ValueError(f"option {option}: must be a text")
    return value


def _provider(options: Mapping[str, object], option: str) -> str:
    value = _text(options, option)
    if not _PROVIDER.fullmatch(value):
        raise ValueError(f"option {option}: must be 1 to 32 characters of [a-z0-9]")
    return value


def _part(options: Mapping[str, object], option: str) -> str:
    value = _text(options, option)
    if not _PART.fullmatch(value):
        raise ValueError(f"option {option}: must be 1 to 64 characters of [A-Za-z0-9._-]")
    return value


def _choice(options: Mapping[str, object], option: str, choices: Mapping[str, PathRules]) -> PathRules:
    value = _text(options, option)
    if value not in choices:
        raise ValueError(f"option {option}: must be one of {', '.join(choices)}")
    return choices[value]


def _flag(options: Mapping[str, object], option: str) -> bool:
    value = options.get(option, _DEFAULTS[option])
    if not isinstance(value, bool):
        raise ValueError(f"option {option}: must be true or false")
    return value


def _title(options: Mapping[str, object], first: str, second: str) -> str:
    title = _text(options, "title") or f"Signature Version 4 with the words of {first}:{second}"
    if len(title) > 200 or not title.isprintable():
        raise ValueError("option title: must be one line of at most 200 characters")
    return title
