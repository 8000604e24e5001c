"""The dialects that come along. What differs between them, differs here and nowhere else."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from counterseal.core.schemes.cavage.facts import CREATED, HS2019, PUBLIC, REQUEST_TARGET, Dialect, Target

# Kong's and APISIX's name for the target; never a field's name, which cannot hold "@".
_AT_TARGET: Final = b"@request-target"

# draft-cavage-http-signatures-12 (October 2019). Section 2.1.6: without a list, only `(created)` is signed. rsa-sha1 is
# deprecated there and absent here. hmac-sha512 and ed25519 are no names of the draft's registry, but clients send them.
DRAFT_12: Final = Dialect(
    title="HTTP signatures, draft-cavage-http-signatures-12",
    word=b"Signature",
    bare_field=b"signature",
    targets=MappingProxyType({REQUEST_TARGET: Target.NAMED}),
    foreign=frozenset({_AT_TARGET}),
    times=True,
    default_list=(CREATED,),
    joins_repeats=True,
    algorithms=frozenset({HS2019, b"hmac-sha256", b"hmac-sha512", *PUBLIC}),
)

# Kong Gateway 3.x, plugin hmac-auth (kong/plugins/hmac-auth/access.lua). Kong takes the word in other letters too, looks into
# Proxy-Authorization as well, and takes the first of repeated fields. A listed field that is absent is signed there as
# `name:`; here it is refused. So is its deprecated second try, with the path alone. hmac-sha1 is accepted there by default;
# here it has to be configured. The digest of the body is `SHA-256=<base64>`.
KONG: Final = Dialect(
    title="HMAC of Kong Gateway's hmac-auth plugin",
    word=b"hmac",
    fields=(b"authorization", b"proxy-authorization"),
    key_parameter=b"username",
    targets=MappingProxyType({_AT_TARGET: Target.NAMED, b"request-line": Target.LINE}),
    algorithms=frozenset({b"hmac-sha256", b"hmac-sha384", b"hmac-sha512"}),
    optional_algorithms=frozenset({b"hmac-sha1"}),
    needs_algorithm=True,
)

# Apache APISIX 3.11 and later, plugin hmac-auth (apisix/plugins/hmac-auth.lua): the first line of the string to sign is the key
# id, the target is written without a name and with the method as sent, and every line ends in a newline. A listed field that is
# absent is skipped there; here it is refused. APISIX takes a time in Date or X-Date that is not signed; here it has to be. The
# same word as the draft's opens the field, so a request is this dialect's only when it covers `@request-target`.
APISIX: Final = replace(
    KONG,
    title="HMAC of Apache APISIX's hmac-auth plugin, 3.11 and later",
    word=b"Signature",
    fields=(b"authorization",),
    key_parameter=b"keyId",
    targets=MappingProxyType({_AT_TARGET: Target.BARE}),
    telling=True,
    key_line=True,
    final_newline=True,
    algorithms=frozenset({b"hmac-sha256", b"hmac-sha512"}),
    time_headers=(b"date", b"x-date"),
)

BY_NAME: Final = MappingProxyType({"draft-12": DRAFT_12, "kong": KONG, "apisix": APISIX})
