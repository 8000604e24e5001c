"""The third place where a signature of the family may stand: the fields of a posted form. Its string to sign is a policy.

The names of the fields are those of the query's parameters, in whatever letters: `X-Amz-Algorithm`, `X-Amz-Credential`,
`X-Amz-Date`, `X-Amz-Signature`, `X-Amz-Security-Token`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterseal.core import post_form
from counterseal.core.buckets import BucketHosts
from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, Coverage, Demand, HttpRequest, Reason, Refusal, Scope, Subject
from counterseal.core.payload import PayloadDuty, Unsigned
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.sigv4 import claim as reading
from counterseal.core.sigv4 import facts, parts
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import Family, QueryNames
from counterseal.core.sigv4.scheme import FamilyScheme


@dataclass(frozen=True, slots=True, kw_only=True)
class FormClaim(SigV4Claim):
    """What a form says about its signature. `stated` is its policy, as sent: the string to sign."""

    posted: post_form.PostedForm = field(repr=False)


class PostingScheme(FamilyScheme):
    """The scheme of a family whose signatures may also stand in forms. `hosts` are the hosts that name buckets."""

    reads_forms: bool = True

    def __init__(self, family: Family, names: QueryNames, hosts: BucketHosts) -> None:
        super().__init__(family)
        self._names = names
        self._hosts = hosts
        own = (names.algorithm, names.credential, names.signature)
        self._telling = post_form.telling(*(_lower(name) for name in own))

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether header, query or form try to carry this scheme's signature. A form only where nothing else is signed."""
        return super().recognises(request) or post_form.may_sign(request, self._telling)

    def read(self, request: ReadRequest, demand: Demand) -> SigV4Claim:
        """Read the claim. Raises Refusal: MALFORMED or AMBIGUOUS."""
        if reading.in_header(self.family, request) or reading.in_query(self.family, request):
            return super().read(request, demand)
        return read_form(self.family, self._names, request, self._hosts)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        """Check that all that must be signed is; of a form, that its policy covers every field, and is satisfied by it."""
        if isinstance(claim, FormClaim):
            claim.posted.check_policy(frozenset({"policy", _lower(self._names.signature)}))
        else:
            super().check_coverage(claim, demand)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body as far as it was sent. A form's file is signed by nobody; its length is within the policy's range."""
        if not isinstance(claim, FormClaim):
            return super().payload_duty(claim, subject)
        claim.posted.check_length()
        return Unsigned()

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Sign in a header, in the query where `expires` is given, or in a form where `form` is (seconds that it is good for).

        Raises:
            ValueError: see `FamilyScheme.sign` and `sign_form`.
        """
        if not signing.options.get("form"):
            own = {name: value for name, value in signing.options.items() if name != "form"}
            return super().sign(request, credentials, Signing(now=signing.now, options=own))
        chosen = signing.take(region=self.family.sign_region, service=self.family.sign_service, form="")
        return post_form.sign_posted(
            self,
            request,
            lambda fields, bucket: self.sign_form(
                fields,
                credentials,
                bucket=bucket,
                region=chosen["region"],
                service=chosen["service"],
                now=signing.now,
                expires=post_form.read_expires(chosen["form"]),
            ),
            self._hosts,
        )

    def sign_form(
        self,
        fields: Mapping[str, str],
        credentials: Credentials,
        *,
        bucket: str,
        region: str,
        now: int,
        expires: int,
        service: str = "s3",
        conditions: Sequence[Any] = (),
    ) -> dict[str, str]:
        """Return all fields of a form but the file: `fields`, the policy, and what belongs to the signature.

        `now` is in Unix seconds; the form is good for `expires` seconds, 1 to 604800. `conditions` are further ones, as they
        stand in a policy; a field that none of them names has to be sent as it is here, up to `${filename}`.

        Raises:
            ValueError: a field is one that signing adds, there is no secret, or `expires` is out of range.
        """
        post_form.check_signable(fields, (*self._names.by_lower, b"policy"), expires, credentials.secret)
        stamp = self.family.write_stamp(now)
        scope = Scope(
            date=stamp.day.decode("ascii"),
            region=region,
            service=service,
            terminator=self.family.terminator,
            scheme=self.family.name,
        )
        added = {
            _lower(self._names.algorithm): self.family.algorithm.decode("ascii"),
            _lower(self._names.credential): f"{credentials.key_id}/{scope.text()}",
            _lower(self._names.date): stamp.text.decode("ascii"),
        }
        if credentials.security_token is not None:
            added[_lower(self._names.security_token)] = credentials.security_token
        covered = {**fields, **added}
        policy = post_form.write_policy(covered, conditions, bucket=bucket, expires=now + expires)
        signature = self.family.kind.sign(credentials.key_id, credentials.secret, scope, policy)
        return {**covered, "policy": policy.decode("ascii"), _lower(self._names.signature): signature.decode("ascii")}


def read_form(family: Family, names: QueryNames, request: ReadRequest, hosts: BucketHosts) -> FormClaim:
    """Read the claim of a posted form. Raises Refusal: MALFORMED or BODY_REQUIRED."""
    posted = post_form.read_posted(request, hosts)
    if posted.required(_lower(names.algorithm)) != family.algorithm.decode("ascii"):
        raise Refusal(Reason.MALFORMED, f"form: {names.algorithm.decode()}: must be {family.algorithm.decode()}")
    key_id, scope = parts.read_credential(posted.required(_lower(names.credential)).encode(), family)
    stamp = family.read_stamp(posted.required(_lower(names.date)).encode())
    if stamp is None:
        raise Refusal(Reason.MALFORMED, f"form: {names.date.decode()}: must be {family.stamp_form}")
    parts.check_day(scope.date, stamp)
    if scope.service not in family.services:
        raise Refusal(Reason.MALFORMED, "Credential: the scope's service takes no forms")
    token = posted.form.fields.get(_lower(names.security_token))
    signature = posted.required(_lower(names.signature)).encode()
    return FormClaim(
        scheme=family.name,
        key_id=key_id,
        scope=scope,
        signed_time=stamp.seconds,
        # The policy's end is the window, and a signature of this family is good for seven days at most.
        valid_for=facts.MAX_EXPIRES,
        expires=posted.policy.expires,
        coverage=Coverage(method=True, path=True, query=True),
        signature=family.kind.read(signature),
        security_token=parts.read_security_token(None if token is None else token.encode()),
        family=family,
        timestamp=stamp.text,
        presigned=True,
        rules=family.rules(scope.service).path,
        sent_signature=signature,
        read=request,
        stated=posted.policy_text,
        posted=posted,
        in_form=True,
    )


def _lower(name: bytes) -> str:
    return name.decode("ascii").lower()
