"""Which bucket a request is for: S3 puts its name into the host or into the path, and only a configuration can tell which."""

import re
from dataclasses import dataclass
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?")
_PORT: Final = re.compile(rb":[0-9]{0,5}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketHosts:
    """Hosts that name a bucket. Lower case, without a port. Every other host leaves the bucket to the path.

    Below each of `base_domains` what stands before it is a bucket (`photos.s3.example.com` under `s3.example.com`); the name of
    each of `bucket_hosts` is a bucket as a whole (a CNAME).
    """

    base_domains: tuple[str, ...] = ()
    bucket_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the names. Raises ValueError, naming the field."""
        for field, hosts in (("base_domains", self.base_domains), ("bucket_hosts", self.bucket_hosts)):
            if not all(_HOST.fullmatch(host) for host in hosts):
                raise ValueError(f"{field}: must be host names in lower case, without a port")

    def bucket_of(self, request: ReadRequest) -> bytes | None:
        """Return the bucket that the host names; None when the host names none.

        Nothing else than `host` is looked at: forwarded-host headers are anybody's word (Conjur CVE-2025-49827).

        Raises:
            Refusal: MALFORMED, when what stands before a base domain cannot be a bucket.
        """
        # Latin-1 takes any byte, and what is not ASCII equals no configured name.
        host = _PORT.sub(b"", request.header(b"host") or b"").lower().decode("latin-1")
        if host in self.bucket_hosts:
            return host.encode("ascii")
        if host in self.base_domains:
            return None
        below = [host.removesuffix("." + base) for base in self.base_domains if host.endswith("." + base)]
        if not below:
            return None
        bucket = min(below, key=len)  # the longest base domain: it leaves the least
        if not _BUCKET.fullmatch(bucket):
            raise Refusal(Reason.MALFORMED, "header host: what stands before the base domain is no bucket name")
        return bucket.encode("ascii")
