"""Beginning a session with the ID token of a configured issuer (RFC 8693 in spirit). Who that is, the issuer says."""

from collections.abc import Mapping

from counterseal.core.schemes.base import Scheme
from counterseal.server.keys.principal_seal import open_principal
from counterseal.server.sessions.begin import Beginnings, Newcomer
from counterseal.server.sessions.drafts import Asker, ExchangeOrder, SessionRefused, SignedIn, Why
from counterseal.server.sessions.ground import Ground
from counterseal.server.sessions.id_tokens import IdRefused, IdTokens
from counterseal.server.sessions.pace import too_many_begun
from counterseal.server.sessions.refusing import refuse
from counterseal.server.sessions.session_keys import check_wish
from counterseal.server.sessions.throttle import Throttle
from counterseal.server.store.session_records import PrincipalState, PrincipalView


class Exchanging:
    """Exchanges ID tokens for sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(
        self,
        *,
        ground: Ground,
        id_tokens: IdTokens | None,
        throttle: Throttle,
        beginnings: Beginnings,
        schemes: Mapping[str, Scheme],
    ) -> None:
        """`id_tokens` None: no issuer is configured; `schemes` are the enabled ones."""
        self._ground = ground
        self._id_tokens = id_tokens
        self._throttle = throttle
        self._beginnings = beginnings
        self._schemes = schemes

    def exchange(self, order: ExchangeOrder, *, asker: Asker) -> SignedIn | SessionRefused:
        """Begin a session, or refuse to. A token that was good is used up, whatever becomes of this call.

        Raises:
            InvalidField: a limit is broken.
            SignInUnavailable: the issuer's keys cannot be had.
            SealBroken: there is a principal of that name, and it is not what was sealed.
        """
        check_wish(order.wish, self._schemes)
        if self._id_tokens is None:
            return SessionRefused(reason=Why.ID_TOKEN, detail="no issuer is configured")
        claims = self._id_tokens.verify(order.id_token, order.nonce, sees=asker.sees)
        if isinstance(claims, IdRefused):
            return SessionRefused(reason=Why.ID_TOKEN, detail=claims.detail)
        # After the token was used up: who comes with a used one counts for nobody.
        if wait := self._throttle.begin(claims.tenant, claims.principal):
            return too_many_begun(wait)
        newcomer = Newcomer(
            tenant=claims.tenant,
            principal=claims.principal,
            method=f"oidc:{claims.issuer}",
            client=order.client,
            wish=order.wish,
        )
        return self._beginnings.begin(newcomer, self._admit, asker=asker)

    def _admit(self, view: PrincipalView | None) -> Mapping[str, str]:
        """Return the labels of a principal that is known here. Who is not needs no row; who is disabled does not sign in."""
        if view is None:
            return {}
        open_principal(view.principal, self._ground.cipher)
        if view.principal.record.state is not PrincipalState.ACTIVE:
            refuse(Why.CREDENTIALS, "the principal may not sign in")
        return view.principal.record.labels
