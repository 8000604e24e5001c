"""Forms posted by browsers (S3's POST policy): multipart bodies, read exactly, and the policies that are signed for them.

Shared by the schemes whose signatures may stand in a form: the policy, in base64, is itself the string to sign.
"""

from counterseal.core.post_form.fields import Form, may_sign, read_form, telling
from counterseal.core.post_form.multipart import Part, boundary_of, is_form, read_parts
from counterseal.core.post_form.policy import Condition, LengthRange, Policy, read_policy
from counterseal.core.post_form.posted import PostedForm, bucket_of, read_posted
from counterseal.core.post_form.write import (
    check_signable,
    parts_of,
    read_expires,
    sign_posted,
    with_fields,
    write_form,
    write_policy,
)

__all__ = [
    "Condition",
    "Form",
    "LengthRange",
    "Part",
    "Policy",
    "PostedForm",
    "boundary_of",
    "bucket_of",
    "check_signable",
    "is_form",
    "may_sign",
    "parts_of",
    "read_expires",
    "read_form",
    "read_parts",
    "read_policy",
    "read_posted",
    "sign_posted",
    "telling",
    "with_fields",
    "write_form",
    "write_policy",
]
