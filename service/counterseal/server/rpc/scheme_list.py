"""ListSchemes: what the server knows of ways of signing, within the caller's limits."""

from counterseal.core.schemes.base import Scheme
from counterseal.server.callers import Caller
from counterseal.server.rpc.key_messages import KINDS
from counterseal.server.schemes import Schemes, weakness_of
from counterseal.v1 import verification_pb2 as pb


class SchemeHandlers:
    """What is asked about schemes. Nothing of it is secret, and it costs no look-up."""

    def __init__(self, schemes: Schemes) -> None:
        self._schemes = schemes

    def list_schemes(self, request: pb.ListSchemesRequest, caller: Caller) -> pb.ListSchemesResponse:  # noqa: ARG002
        """Answer ListSchemes."""
        response = pb.ListSchemesResponse()
        for name, scheme in self._schemes.known.items():
            if caller.schemes is None or name in caller.schemes:
                self._put(response.schemes.add(), scheme)
        return response

    def _put(self, message: pb.Scheme, scheme: Scheme) -> None:
        message.name = scheme.name
        message.title = scheme.title
        message.key_kinds.extend(sorted(KINDS[kind] for kind in scheme.key_kinds))
        message.enabled = scheme.name in self._schemes.enabled
        message.timeless = scheme.timeless
        message.names_key = scheme.names_key
        message.weakness = weakness_of(scheme)
