"""A no that is found inside a transaction: raised so that nothing is written, and answered as a value."""

from typing import NoReturn

from counterseal.server.sessions.drafts import SessionRefused, Why


class Refuse(Exception):
    """Carries the answer. Never leaves `server/sessions`."""

    def __init__(self, refused: SessionRefused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def refuse(reason: Why, detail: str) -> NoReturn:
    """Raise Refuse."""
    raise Refuse(SessionRefused(reason=reason, detail=detail))


def unknown() -> NoReturn:
    """Raise Refuse in the words for what is of no session, also for what is another tenant's."""
    refuse(Why.UNKNOWN, "there is no such session")


def over() -> NoReturn:
    """Raise Refuse for a session that has ended or expired, or may not go on."""
    refuse(Why.OVER, "the session has ended or expired")
