"""How sessions are shown: as JSON with the names of the proto, as a table, as fields. Tokens are never readable."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from counterseal.server.cli.output import echo_fields, echo_table, time_text, to_second

if TYPE_CHECKING:
    from counterseal.server.rpc.session_client import SeenSession


def session_json(session: "SeenSession") -> dict[str, object]:
    """Return a session with the names of the contract."""
    return {
        "session_id": session.session_id,
        "tenant": session.tenant,
        "principal": session.principal,
        "state": session.state,
        "method": session.method,
        "client": {"source_address": session.source_address, "user_agent": session.user_agent},
        "create_time": time_text(session.created),
        "refresh_time": time_text(session.refreshed),
        "expire_time": time_text(session.expires),
        "idle_expire_time": time_text(session.idle_until),
        "end_time": time_text(session.ended),
        "end_reason": session.end_reason,
    }


def echo_session(session: "SeenSession") -> None:
    """Print one session as fields."""
    fields = [
        ("session id", session.session_id),
        ("tenant", session.tenant),
        ("principal", session.principal),
        ("state", session.state),
        ("begun by", session.method),
        ("source address", session.source_address),
        ("user agent", session.user_agent),
        ("begun", to_second(session.created)),
        ("refreshed", to_second(session.refreshed)),
        ("expires", to_second(session.expires)),
        ("unless refreshed", to_second(session.idle_until)),
    ]
    if session.ended is not None:
        fields += [("ended", to_second(session.ended)), ("reason", session.end_reason)]
    echo_fields(fields)


def echo_sessions(sessions: Iterable["SeenSession"]) -> None:
    """Print a line for each session."""
    rows = [
        (s.session_id, s.tenant, s.principal, s.state, to_second(s.refreshed), s.source_address, s.end_reason or s.user_agent)
        for s in sessions
    ]
    echo_table(("SESSION ID", "TENANT", "PRINCIPAL", "STATE", "REFRESHED", "SOURCE", "CLIENT, OR WHY IT ENDED"), rows)
