"""An ASGI middleware that lets only verified requests through, and says to the application who signed them."""

from counterseal_client.asgi.answers import ErrorForm
from counterseal_client.asgi.body import BodyMismatch, ClientGone
from counterseal_client.asgi.keeping import Bodies
from counterseal_client.asgi.middleware import SignedRequests

__all__ = ["Bodies", "BodyMismatch", "ClientGone", "ErrorForm", "SignedRequests"]
