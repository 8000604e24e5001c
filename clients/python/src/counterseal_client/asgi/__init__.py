"""For ASGI: `SignedRequests` lets only verified requests through, `SessionEndpoints` begins and ends sessions."""

from counterseal_client.asgi.answers import ErrorForm
from counterseal_client.asgi.body import BodyMismatch, ClientGone
from counterseal_client.asgi.keeping import Bodies
from counterseal_client.asgi.middleware import SignedRequests
from counterseal_client.asgi.sessions import SessionEndpoints

__all__ = ["Bodies", "BodyMismatch", "ClientGone", "ErrorForm", "SessionEndpoints", "SignedRequests"]
