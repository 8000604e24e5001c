"""Temporary credentials, as AWS STS gives: a key id, a secret, and a security token that every request carries and signs."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import KeyKind
from counterseal.core.schemes.base import Scheme
from counterseal.server.errors import InvalidField
from counterseal.server.keys import limits
from counterseal.server.keys.policy_limits import check_policy
from counterseal.server.sessions.drafts import Asker, CredentialsOrder, SessionRefused, TemporaryCredentials, Why
from counterseal.server.sessions.finding import check_tenant, find_live
from counterseal.server.sessions.ground import Ground, is_live, labels_of
from counterseal.server.sessions.refusing import Refuse, refuse, unknown
from counterseal.server.store.session_records import SessionChange, SessionView

MOST_CREDENTIALS: Final = 10
DEFAULT_DURATION: Final = dt.timedelta(hours=1)
_SHORTEST: Final = dt.timedelta(minutes=1)
_LONGEST: Final = dt.timedelta(hours=12)
_DEFAULT: Final = frozenset({"aws-sigv4"})
# Those whose requests carry the security token among what they sign.
_FAMILY: Final = "aws-"


class CredentialsDesk:
    """Issues temporary credentials of sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(self, ground: Ground, schemes: Mapping[str, Scheme]) -> None:
        """`schemes` are the enabled ones."""
        self._ground = ground
        self._schemes = schemes

    def issue(self, order: CredentialsOrder, *, asker: Asker) -> TemporaryCredentials | SessionRefused:
        """Issue temporary credentials; durable, and in force in this process, when this returns.

        Raises:
            InvalidField: a limit is broken.
            SealBroken: what is stored is not what was sealed.
        """
        order = self._complete(order)
        ground, found = self._ground, list[TemporaryCredentials]()

        def edit(view: SessionView) -> SessionChange:
            check_tenant(view, asker)
            check(view)
            now = ground.now()
            ground.check_going_on(view, now)
            live = [key for key in view.keys if key.record.kind is KeyKind.SYMMETRIC and is_live(key, now)]
            if len(live) >= MOST_CREDENTIALS:
                refuse(Why.TOO_MANY_KEYS, f"the session has {MOST_CREDENTIALS} temporary credentials already")
            given, change = ground.maker.credentials(order, view.session.record, labels_of(view), now, actor=asker.name)
            found[:] = [given]
            return SessionChange(added=(change,))

        try:
            session_id, check = find_live(order.which, ground, ground.now())
            if ground.change(session_id, edit) is None:
                unknown()
        except Refuse as refused:
            return refused.refused
        return found[0]

    def _complete(self, order: CredentialsOrder) -> CredentialsOrder:
        if not _SHORTEST <= order.duration <= _LONGEST:
            raise InvalidField("duration", "must be 1 minute to 12 hours")
        schemes = order.allowed_schemes or _DEFAULT
        if not all(name.startswith(_FAMILY) for name in schemes):
            raise InvalidField("allowed_schemes", "must be of AWS's family: others do not carry a security token")
        limits.check_schemes("allowed_schemes", schemes, self._schemes)
        limits.check_kind("allowed_schemes", schemes, self._schemes, KeyKind.SYMMETRIC)
        return dataclasses.replace(order, allowed_schemes=schemes, policy=check_policy("policy", order.policy))
