"""Which secret of a key verifies: the newest, or, while a rotation lets it, the one before."""

from counterseal.core.model import Key, Reason, Refusal


def older_secret(key: Key, now: float) -> Key | None:
    """Return the key with the secret before, if that one still verifies at `now`, in Unix seconds."""
    older = key.older
    # Without an end nothing is older: an end that got lost must not mean "for ever".
    return None if older is None or older.secret_end is None or now >= older.secret_end else older


def secret_of(key: Key, version: int | None, now: float) -> Key:
    """Return the key with this one of its secrets; None: the newest.

    Raises:
        Refusal: KEY_EXPIRED, when that secret does not verify any more.
    """
    if version is None or version == key.secret_version:
        return key
    older = older_secret(key, now)
    if older is None or version != older.secret_version:
        raise Refusal(Reason.KEY_EXPIRED, "the secret that this began with does not verify any more")
    return older
