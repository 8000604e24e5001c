"""The claim of a posted form: `AWSAccessKeyId`, `policy` and `signature` among its fields."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from counterseal.core import post_form
from counterseal.core.buckets import BucketHosts
from counterseal.core.http import ReadRequest
from counterseal.core.model import Coverage
from counterseal.core.schemes.aws_sigv2 import canonical, facts, parts
from counterseal.core.schemes.aws_sigv2.facts import SigV2Claim
from counterseal.core.schemes.base import Credentials

TELLING: Final = post_form.telling("awsaccesskeyid")
# The fields that need no condition: they carry the signature.
EXEMPT: Final = frozenset({"awsaccesskeyid", "policy", "signature"})
_TOKEN: Final = "x-amz-security-token"  # noqa: S105 - a name


def read_form(request: ReadRequest, hosts: BucketHosts) -> SigV2Claim:
    """Read the claim. It states an end and no time: the policy's expiration. Raises Refusal: MALFORMED or BODY_REQUIRED."""
    posted = post_form.read_posted(request, hosts)
    token = posted.form.fields.get(_TOKEN)
    return SigV2Claim(
        scheme=facts.NAME,
        key_id=parts.read_key_id(posted.required("awsaccesskeyid").encode()),
        scope=None,
        signed_time=None,
        valid_for=None,
        expires=posted.policy.expires,
        coverage=Coverage(method=True, path=True, query=True),
        signature=parts.read_signature(posted.required("signature").encode()),
        security_token=parts.read_security_token(None if token is None else token.encode()),
        strings_to_sign=(posted.policy_text, posted.policy_text),
        hash="sha1",
        read=request,
        posted=posted,
        in_form=True,
    )


def sign_form(
    fields: Mapping[str, str],
    credentials: Credentials,
    *,
    bucket: str,
    now: int,
    expires: int,
    conditions: Sequence[Any] = (),
) -> dict[str, str]:
    """Return all fields of a form but the file: `fields`, the policy, and what belongs to the signature.

    `now` is in Unix seconds; the form is good for `expires` seconds, 1 to 604800. `conditions` are further ones, as they stand
    in a policy; a field that none of them names has to be sent as it is here, up to `${filename}`.

    Raises:
        ValueError: a field is one that signing adds, there is no secret, or `expires` is out of range.
    """
    post_form.check_signable(fields, (b"awsaccesskeyid", b"policy", b"signature", _TOKEN.encode()), expires, credentials.secret)
    token = {} if credentials.security_token is None else {_TOKEN: credentials.security_token}
    covered = {**fields, **token}
    policy = post_form.write_policy(covered, conditions, bucket=bucket, expires=now + expires)
    signature = canonical.signature(credentials.secret, policy)
    own = {"AWSAccessKeyId": credentials.key_id, "policy": policy.decode("ascii"), "signature": signature.decode("ascii")}
    return {**covered, **own}
