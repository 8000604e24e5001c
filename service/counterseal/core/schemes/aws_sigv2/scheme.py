"""The scheme as `core/verify.py` uses it."""

from collections.abc import Mapping

from counterseal.core import compare, post_form
from counterseal.core.buckets import BucketHosts
from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, Demand, Derive, HttpRequest, Key, Reason, Refusal, Subject
from counterseal.core.payload import PayloadDuty, Unsigned
from counterseal.core.schemes.aws_sigv2 import canonical, facts, form, general, s3
from counterseal.core.schemes.aws_sigv2.facts import SigV2Claim
from counterseal.core.schemes.aws_sigv2.sign import sign
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing


class AwsSigV2(SchemeDefaults):
    """AWS Signature Version 2: S3's in header and query, and the Query API's.

    `weakness` says why it is off by default; a server that enables it logs that. `hosts` are the hosts that name buckets.
    """

    name: str = facts.NAME
    title: str = "AWS Signature Version 2, in a header, the query or a form (legacy)"
    # Presigned requests state an end and no time; what bounds their age is in core/window.py. Header signatures have a time.
    timeless: bool = True
    reads_forms: bool = True
    weakness: str = "HMAC-SHA1; host, body and most of query and headers go unsigned: only for clients that can do no better"

    def __init__(self, hosts: BucketHosts = BucketHosts()) -> None:  # noqa: B008 - frozen
        self._hosts = hosts

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether header, query or form try to carry this scheme's signature. A form only where nothing else is signed."""
        return _in_header(request) or _in_query(request) or post_form.may_sign(request, form.TELLING)

    def read(self, request: ReadRequest, demand: Demand) -> SigV2Claim:  # noqa: ARG002 - a request has one signature
        """Read the claim. Raises Refusal: MALFORMED or AMBIGUOUS."""
        if not _in_query(request):
            return (s3.read_header if _in_header(request) else form.read_form)(request, self._hosts)
        if b"authorization" in request.headers:
            raise Refusal(Reason.AMBIGUOUS, "a signature in the query beside an Authorization header")
        return general.read_query(request) if general.is_general(request) else s3.read_query(request, self._hosts)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002
        """Check that what this signature cannot cover is harmless; of a form, that it satisfies its policy.

        Not checked, because it cannot be: host, body, most headers, and parameters that page through listings.

        Raises:
            Refusal: NOT_COVERED, naming the header or the parameter.
        """
        mine = _mine(claim)
        if mine.posted is not None:
            mine.posted.check_policy(form.EXEMPT)
        for name in sorted(mine.read.headers):
            if name.startswith(facts.AMZ_LOOKALIKES):
                raise Refusal(Reason.NOT_COVERED, f"header {name.decode()[:64]}: present, and not signed")
        for name in mine.unsigned:
            if name not in facts.PAGING:
                raise Refusal(Reason.NOT_COVERED, f"{name.decode()[:64]}: present, and not signed")

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:  # noqa: ARG002 - signed with the secret itself
        """Compute both spellings of the string to sign, always, and compare; the security token must be the key's."""
        mine = _mine(claim)
        same = [compare.same(canonical.signature(key.secret, text, mine.hash), mine.signature) for text in mine.strings_to_sign]
        return any(same) and compare.same_security_token(key, mine.security_token)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:  # noqa: ARG002
        """Say that nobody signed the body. A Content-MD5 is signed where there is one; checking it is left to the upstream.

        Raises:
            Refusal: PAYLOAD_MISMATCH, when a form's file is longer or shorter than its policy allows.
        """
        mine = _mine(claim)
        if mine.posted is not None:
            mine.posted.check_length()
        return Unsigned()

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers."""
        return _mine(claim).read.path

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Sign in a header, in the query where `expires` is given, or in a form where `form` is. Raises ValueError."""
        if not signing.options.get("form"):
            own = {name: value for name, value in signing.options.items() if name != "form"}
            return sign(self, request, credentials, Signing(now=signing.now, options=own))
        expires = post_form.read_expires(signing.take(form="")["form"])
        return post_form.sign_posted(
            self,
            request,
            lambda fields, bucket: self.sign_form(fields, credentials, bucket=bucket, now=signing.now, expires=expires),
            self._hosts,
        )

    sign_form = staticmethod(form.sign_form)


def from_options(name: str, options: Mapping[str, object]) -> AwsSigV2:
    """Return the scheme as a configuration describes it: `base_domains` and `bucket_hosts`, lists of host names.

    Raises:
        ValueError: the name is not `aws-sigv2`, or an option is unknown or no list of host names; the text names it.
    """
    if name != facts.NAME:
        raise ValueError(f"name: must be {facts.NAME}")
    unknown = sorted(options.keys() - {"base_domains", "bucket_hosts"})
    if unknown:
        raise ValueError(f"option {unknown[0]}: not known to this scheme, which has: base_domains, bucket_hosts")
    return AwsSigV2(BucketHosts(base_domains=_names("base_domains", options), bucket_hosts=_names("bucket_hosts", options)))


def _names(option: str, options: Mapping[str, object]) -> tuple[str, ...]:
    value = options.get(option, [])
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"option {option}: must be a list of host names")
    return tuple(value)


def _in_header(request: ReadRequest) -> bool:
    for value in request.headers.get(b"authorization", ()):  # noqa: SIM110 - a loop costs half of any(), on every request
        if value.lstrip(b" \t").startswith(facts.WORD):
            return True
    return False


def _in_query(request: ReadRequest) -> bool:
    for name, _ in request.parameters:  # noqa: SIM110
        if name.lower() == b"awsaccesskeyid":
            return True
    return False


def _mine(claim: Claim) -> SigV2Claim:
    if not isinstance(claim, SigV2Claim):
        raise TypeError("a claim of another scheme")
    return claim
