"""The administrator's client for SessionService: who is signed in, and the end of a session. Plain records in and out."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from counterseal.server.errors import SessionNotFound
from counterseal.server.rpc.admin_messages import utc
from counterseal.server.rpc.client_errors import ServerDefect
from counterseal.v1 import sessions_pb2, sessions_pb2_grpc

if TYPE_CHECKING:
    import grpc

_STATES: Final = {
    sessions_pb2.SESSION_STATE_ACTIVE: "active",
    sessions_pb2.SESSION_STATE_ENDED: "ended",
    sessions_pb2.SESSION_STATE_EXPIRED: "expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSession:
    """A session as the service shows it. `state` is `active`, `ended` or `expired`; `over` where this release knows no better.

    Times are timezone-aware UTC.
    """

    session_id: str
    tenant: str
    principal: str
    state: str
    method: str
    source_address: str
    user_agent: str
    created: dt.datetime
    refreshed: dt.datetime
    expires: dt.datetime
    idle_until: dt.datetime
    ended: dt.datetime | None
    end_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsQuery:
    """Which sessions to list. Empty texts are no limits; `page_token` is opaque."""

    tenant: str = ""
    principal: str = ""
    include_over: bool = False
    page_token: str = ""
    page_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSessions:
    """One page. `next_page_token` is opaque; empty: this was the last."""

    sessions: tuple[SeenSession, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """An ended session, and when no replica verifies any of its keys any more."""

    session: SeenSession
    effective: dt.datetime


class SessionCalls:
    """Calls SessionService by `call`, which takes a method and a message and raises typed errors."""

    def __init__(self, channel: "grpc.Channel", call: Callable[[Callable[..., Any], object], Any]) -> None:
        self._stub = sessions_pb2_grpc.SessionServiceStub(channel)
        self._call = call

    def list_sessions(self, query: SessionsQuery) -> ListedSessions:
        """Return one page, in the order of the sessions' ids."""
        message = sessions_pb2.ListSessionsRequest(
            page_size=query.page_size,
            page_token=query.page_token,
            tenant=query.tenant,
            principal=query.principal,
            include_over=query.include_over,
        )
        response = self._call(self._stub.ListSessions, message)
        sessions = tuple(seen_session(session) for session in response.sessions)
        return ListedSessions(sessions=sessions, next_page_token=response.next_page_token)

    def end(self, session_id: str, *, wait: bool = False) -> SessionEnd:
        """End a session for good; `wait`: return once no replica verifies any of its keys.

        Raises:
            SessionNotFound: there is none, or not one that the caller may end.
        """
        response = self._call(self._stub.SignOut, sessions_pb2.SignOutRequest(session_id=session_id, wait=wait))
        match response.WhichOneof("outcome"):
            case "signed_out":
                out = response.signed_out
                return SessionEnd(session=seen_session(out.session), effective=utc(out.effective_time))
            case "refused":
                raise SessionNotFound(response.refused.detail or "there is no such session")
            case _:
                raise ServerDefect("the server's answer does not say whether the session is over; upgrade counterseal")


def seen_session(message: sessions_pb2.Session) -> SeenSession:
    """Return a session of an answer."""
    return SeenSession(
        session_id=message.session_id,
        tenant=message.tenant,
        principal=message.principal,
        # sessions.proto: a state that the reader does not know is that of a session that is over.
        state=_STATES.get(message.state, "over"),
        method=message.method,
        source_address=message.client.source_address,
        user_agent=message.client.user_agent,
        created=utc(message.create_time),
        refreshed=utc(message.refresh_time),
        expires=utc(message.expire_time),
        idle_until=utc(message.idle_expire_time),
        ended=utc(message.end_time) if message.HasField("end_time") else None,
        end_reason=message.end_reason,
    )
