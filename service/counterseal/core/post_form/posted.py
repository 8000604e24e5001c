"""Whether a form satisfies its policy, and which bucket it was posted to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.buckets import BucketHosts
from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.post_form.fields import Form, read_form
from counterseal.core.post_form.policy import Condition, Policy, read_policy
from counterseal.core.post_form.values import expand, items

_PATH: Final = re.compile(rb"/([A-Za-z0-9][A-Za-z0-9._-]{0,254})/?")
# With `_` also: CGI, WSGI and PHP hand `x_amz_acl` to applications under the same name as `x-amz-acl`.
_AMZ: Final = (b"x-amz-", b"x_amz_", b"x-amz_", b"x_amz-")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedForm:
    """A form, its policy, and the bucket that it was posted to. Nothing in it is true before the policy's signature matched.

    `expanded` are the fields in which `${filename}` stands, as they become. `policy_text` is the string to sign. `headers` are
    those that S3 would read, were they sent; a form covers no header.
    """

    form: Form = field(repr=False)
    expanded: Mapping[str, str] = field(repr=False)
    policy: Policy = field(repr=False)
    policy_text: bytes = field(repr=False)
    bucket: str
    query: bool
    headers: tuple[bytes, ...]

    def required(self, name: str) -> str:
        """Return the value of a field that has to be there. Raises Refusal: MALFORMED."""
        value = self.form.fields.get(name)
        if not value:
            raise Refusal(Reason.MALFORMED, f"form: field {name}: missing or empty")
        return value

    def check_policy(self, exempt: frozenset[str]) -> None:
        """Check that every used field is covered by a condition, and that every condition on a field holds.

        `exempt` names the fields that carry the signature. How long the file may be is `check_length`'s matter.

        Raises:
            Refusal: NOT_COVERED, naming the field.
        """
        if self.query:
            raise Refusal(Reason.NOT_COVERED, "target: a query, which no policy covers")
        if self.headers:
            raise Refusal(Reason.NOT_COVERED, f"header {self.headers[0].decode()[:64]}: present, and no policy covers it")
        covered = {condition.name for condition in self.policy.conditions}
        if "bucket" not in covered:
            raise Refusal(Reason.NOT_COVERED, "policy: has no condition on the bucket")
        # Ceph CVE-2023-43040: a field outside the conditions.
        for name in self.form.fields:
            if name not in covered and name not in exempt and not name.startswith("x-ignore-"):
                raise Refusal(Reason.NOT_COVERED, f"form: field {name[:64]}: used, and no condition covers it")
        for condition in self.policy.conditions:
            if not all(_holds(condition, value) for value in self._values(condition.name)):
                raise Refusal(Reason.NOT_COVERED, f"form: field {condition.name[:64]}: does not satisfy the policy")

    def check_length(self) -> None:
        """Check the length of the file. Raises Refusal: PAYLOAD_MISMATCH."""
        for length in self.policy.lengths:
            if not length.least <= self.form.file_length <= length.most:
                raise Refusal(Reason.PAYLOAD_MISMATCH, "form: the file's length is outside the policy's content-length-range")

    def _values(self, name: str) -> Iterator[str]:
        """Yield what has to satisfy a condition: a field as it stands and as it is expanded, or the bucket."""
        stated = self.form.fields.get(name)
        if name == "bucket":
            yield self.bucket
        elif stated is None:
            raise Refusal(Reason.NOT_COVERED, f"form: field {name[:64]}: the policy has a condition on it, and it is missing")
        if stated is not None:
            yield stated
            if name in self.expanded:
                yield self.expanded[name]


def read_posted(request: ReadRequest, hosts: BucketHosts) -> PostedForm:
    """Read the form that a request posts, and its policy. Raises Refusal: MALFORMED or BODY_REQUIRED."""
    form = read_form(request)
    text = form.fields.get("policy", "").encode()
    if not form.fields.get("key"):
        raise Refusal(Reason.MALFORMED, "form: field key: missing or empty")
    bucket = bucket_of(request, hosts)
    if form.fields.get("bucket", bucket) != bucket:
        raise Refusal(Reason.MALFORMED, "form: field bucket: names another bucket than the target")
    return PostedForm(
        form=form,
        expanded=expand(form),
        policy=read_policy(text),
        policy_text=text,
        bucket=bucket,
        query=bool(request.parameters),
        headers=tuple(sorted(name for name in request.headers if name.startswith(_AMZ))),
    )


def bucket_of(request: ReadRequest, hosts: BucketHosts) -> str:
    """Return the bucket that a form is posted to. Raises Refusal: MALFORMED.

    A policy's condition on the bucket is all that ties a form to its target: neither host nor path is signed. So where neither
    the path nor the configuration says which bucket that is, nobody guesses.
    """
    named = hosts.bucket_of(request)
    if named is not None and request.path != b"/":
        raise Refusal(Reason.MALFORMED, "target: a form is posted to / where the host names the bucket")
    if named is None:
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise Refusal(Reason.MALFORMED, "target: a form goes to /bucket, or to / of a host that is configured to name one")
        named = match[1]
    return named.decode("ascii")


def _holds(condition: Condition, value: str) -> bool:
    if condition.exact:
        return value == condition.value
    return all(item.startswith(condition.value) for item in items(condition.name, value))
