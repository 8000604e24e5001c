"""All callers together: those of the configuration, and those of the store."""

from collections.abc import Sequence

from counterseal.server.callers.book import CallerBook, one_bearer, only_one, unknown_bearer
from counterseal.server.callers.caller import Caller
from counterseal.server.callers.stored import StoredCallers


class Everyone:
    """Looks into the configuration first: its callers, and the holder of the generated token, need no store. Thread-safe."""

    def __init__(self, configured: CallerBook, stored: StoredCallers) -> None:
        self._configured = configured
        self._stored = stored

    def identify(self, authorization: Sequence[str], sans: Sequence[str] = ()) -> Caller | None:
        """See Identifies."""
        if authorization:
            digest = one_bearer(authorization)
            found = self._configured.of_bearer(digest) or self._stored.fresh().of_bearer(digest)
            if found is None:
                raise unknown_bearer()
            return found
        if not sans:
            return self._configured.anonymous
        configured = self._configured.of_sans(sans)
        # Where the configuration has an answer, the store only has a say in whether there are two: the latest known will do.
        stored = (self._stored.latest() if configured else self._stored.fresh()).of_sans(sans)
        return only_one(configured | stored) or self._configured.anonymous
