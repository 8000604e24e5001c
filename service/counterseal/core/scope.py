"""Credentials, scopes and sets of regions, read exactly: `<key id>/<YYYYMMDD>/<region>/<service>/<terminator>`."""

import re
from typing import Final

from counterseal.core.model import Reason, Refusal, Scope

# Checked before any look-up and any log line: no blanks, quotes, wildcards, control characters or non-ASCII (versitygw's LDAP
# injection). `/` is allowed, because access keys of other systems hold it; scopes are read from the right.
_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+=/-]{2,127}")
_DATE: Final = re.compile(rb"[0-9]{8}")
_DASHED_DATE: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# One entry of a set of regions: a region in which `*` stands for any characters.
_REGION_PATTERN: Final = re.compile(r"[A-Za-z0-9*][A-Za-z0-9*._-]{0,63}")

MAX_CREDENTIAL: Final = 512
MAX_REGIONS: Final = 64


def is_key_id(text: str) -> bool:
    """Say whether `text` is a key id: 3 to 128 characters of `[A-Za-z0-9._~:@+=/-]`, a letter or a digit first."""
    return _KEY_ID.fullmatch(text) is not None


def read_credential(
    text: bytes, terminator: str, scheme: str = "aws-sigv4", *, has_region: bool = True, dashed_date: bool = False
) -> tuple[str, Scope]:
    """Read a credential into key id and scope. `scheme` is whose scope it is; `dashed_date`: its date is `YYYY-MM-DD`.

    Raises:
        Refusal: MALFORMED, when a part is missing, too many, empty, or outside its alphabet.
    """
    if len(text) > MAX_CREDENTIAL:
        raise Refusal(Reason.MALFORMED, f"Credential: longer than {MAX_CREDENTIAL} bytes")
    parts = text.rsplit(b"/", 4 if has_region else 3)
    if len(parts) != (5 if has_region else 4):
        region = " region," if has_region else ""
        raise Refusal(Reason.MALFORMED, f"Credential: must be key id, date,{region} service and terminator, separated by /")
    key_id, date, *region_and_service, end = parts
    if end != terminator.encode("ascii"):
        raise Refusal(Reason.MALFORMED, f"Credential: the scope must end in {terminator}")
    if not (_DASHED_DATE if dashed_date else _DATE).fullmatch(date):
        form = "YYYY-MM-DD" if dashed_date else "YYYYMMDD"
        raise Refusal(Reason.MALFORMED, f"Credential: the scope's date must be {form}")
    for name, part in zip(("region", "service") if has_region else ("service",), region_and_service, strict=True):
        if not _NAME.fullmatch(part):
            raise Refusal(Reason.MALFORMED, f"Credential: the {name} must be 1 to 64 characters of [A-Za-z0-9._-]")
    name = key_id.decode("latin-1")
    if not is_key_id(name):
        raise Refusal(Reason.MALFORMED, "Credential: the key id must be 3 to 128 characters of [A-Za-z0-9._~:@+=/-]")
    region = region_and_service[0].decode() if has_region else ""
    scope = Scope(date=date.decode(), region=region, service=parts[-2].decode(), terminator=terminator, scheme=scheme)
    return name, scope


def read_region_set(text: bytes) -> tuple[str, ...]:
    """Read a set of regions: names in which `*` stands for any characters, separated by commas, blanks around those allowed.

    Raises:
        Refusal: MALFORMED, for an entry that is empty or outside its alphabet, or too many.
    """
    entries = tuple(entry.strip(b" \t").decode("latin-1") for entry in text.split(b",", MAX_REGIONS))
    if len(entries) > MAX_REGIONS:
        raise Refusal(Reason.MALFORMED, f"region set: more than {MAX_REGIONS} regions")
    if not all(_REGION_PATTERN.fullmatch(entry) for entry in entries):
        raise Refusal(
            Reason.MALFORMED, "region set: must be names of 1 to 64 characters of [A-Za-z0-9._*-], separated by commas"
        )
    return entries


def is_in_region_set(region: str, entries: tuple[str, ...]) -> bool:
    """Say whether one of the entries is the region, `*` standing for any characters or none. Case matters."""
    return any(_is_like(region, entry) for entry in entries)


def _is_like(region: str, entry: str) -> bool:
    # Piece by piece from the left, each as early as possible: linear, whatever the stars (no backtracking to attack).
    first, *rest = entry.split("*")
    if not rest:
        return region == entry
    if not region.startswith(first):
        return False
    *middle, last = rest
    place = len(first)
    for piece in middle:
        found = region.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    return region.endswith(last) and len(region) - len(last) >= place
