"""SessionService: message -> desk -> message, a count, and a line in the log, which holds no token and no name that failed."""

import datetime as dt
from collections.abc import Callable

from counterseal.server.callers import Caller
from counterseal.server.rpc import session_messages as messages
from counterseal.server.rpc.afterwards import Afterwards
from counterseal.server.sessions.desk import SessionDesk
from counterseal.server.sessions.drafts import Asker, SessionRefused, SignedIn
from counterseal.server.store.session_records import SessionRecord
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.session_metrics import SessionCounts
from counterseal.v1 import sessions_pb2 as pb


class SessionHandlers:
    """What SessionService does, each within the caller's tenants. All raise the errors of the desk."""

    def __init__(
        self, *, desk: SessionDesk, afterwards: Afterwards, clock: Callable[[], float], counts: SessionCounts, log: Log
    ) -> None:
        """`clock` returns Unix seconds."""
        self._desk = desk
        self._afterwards = afterwards
        self._clock = clock
        self._counts = counts
        self._log = log

    def sign_in(self, request: pb.SignInRequest, caller: Caller) -> pb.SignInResponse:
        """Answer SignIn."""
        order = messages.read_sign_in(request)
        caller.check_tenant(order.tenant)
        response = pb.SignInResponse()
        self._answer("sign_in", response, self._desk.sign_in(order, asker=_asker(caller)), caller)
        return response

    def exchange(self, request: pb.ExchangeRequest, caller: Caller) -> pb.ExchangeResponse:
        """Answer Exchange."""
        response = pb.ExchangeResponse()
        found = self._desk.exchange(messages.read_exchange(request), asker=_asker(caller))
        self._answer("exchange", response, found, caller)
        return response

    def refresh(self, request: pb.RefreshRequest, caller: Caller) -> pb.RefreshResponse:
        """Answer Refresh. The tokens before are good for nothing in this process before this returns."""
        response = pb.RefreshResponse()
        found = self._desk.refresh(messages.read_refresh(request), asker=_asker(caller))
        self._answer("refresh", response, found, caller)
        return response

    def sign_out(self, request: pb.SignOutRequest, caller: Caller) -> pb.SignOutResponse:
        """Answer SignOut. In force in this process before this returns; in all others from the effective time on."""
        found = self._desk.sign_out(messages.read_which(request), asker=_asker(caller))
        response = pb.SignOutResponse()
        if isinstance(found, SessionRefused):
            self._refused("sign_out", response.refused, found, caller)
            return response
        self._done("sign_out", found.session, caller)
        if request.wait:
            self._afterwards.wait(found.effective, "the session is over")
        messages.put_session(response.signed_out.session, found.session, self._now())
        response.signed_out.effective_time.FromDatetime(found.effective)
        return response

    def list_sessions(self, request: pb.ListSessionsRequest, caller: Caller) -> pb.ListSessionsResponse:
        """Answer ListSessions."""
        now, response = self._now(), pb.ListSessionsResponse()
        messages.put_page(response, self._desk.list_sessions(messages.read_query(request, caller.tenants, now)), now)
        return response

    def register_session_key(self, request: pb.RegisterSessionKeyRequest, caller: Caller) -> pb.RegisterSessionKeyResponse:
        """Answer RegisterSessionKey."""
        which, public_key = messages.read_which(request), messages.read_key(request)
        found = self._desk.register_key(which, public_key, asker=_asker(caller))
        response = pb.RegisterSessionKeyResponse()
        if isinstance(found, SessionRefused):
            self._refused("register_key", response.refused, found, caller)
        else:
            self._counts.outcome("register_key", "")
            self._log.info("session_key_registered", key_id=found.key_id, caller=caller.name)
            messages.put_key(response.key, found)
        return response

    def issue_temporary_credentials(
        self, request: pb.IssueTemporaryCredentialsRequest, caller: Caller
    ) -> pb.IssueTemporaryCredentialsResponse:
        """Answer IssueTemporaryCredentials: the only answer that holds them."""
        found = self._desk.temporary_credentials(messages.read_credentials(request), asker=_asker(caller))
        response = pb.IssueTemporaryCredentialsResponse()
        if isinstance(found, SessionRefused):
            self._refused("credentials", response.refused, found, caller)
        else:
            self._counts.outcome("credentials", "")
            self._log.info("temporary_credentials_issued", key_id=found.key_id, caller=caller.name)
            messages.put_credentials(response.credentials, found)
        return response

    def _answer(
        self,
        what: str,
        response: pb.SignInResponse | pb.ExchangeResponse | pb.RefreshResponse,
        found: SignedIn | SessionRefused,
        caller: Caller,
    ) -> None:
        if isinstance(found, SessionRefused):
            self._refused(what, response.refused, found, caller)
            return
        self._done(what, found.session, caller)
        messages.put_signed_in(response.signed_in, found, self._now())

    def _done(self, what: str, session: SessionRecord, caller: Caller) -> None:
        self._counts.outcome(what, "")
        names = {"tenant": session.tenant, "principal": session.principal}
        self._log.info(f"session_{what}", session=session.session_id, **names, caller=caller.name)

    def _refused(self, what: str, message: pb.SessionRefused, refused: SessionRefused, caller: Caller) -> None:
        self._counts.outcome(what, refused.reason.value)
        # Not who: what stands where a name belongs may be a password.
        self._log.info("session_refused", what=what, reason=refused.reason.value, caller=caller.name)
        messages.put_refused(message, refused, self._now())

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC)


def _asker(caller: Caller) -> Asker:
    return Asker(name=caller.name, tenants=caller.tenants)
