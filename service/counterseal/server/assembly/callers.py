"""The gate that every call enters by, and whom it lets in."""

from contextlib import ExitStack

from counterseal.server.callers import Caller, CallerBook, Role, admin_token, call_book
from counterseal.server.config import Config
from counterseal.server.rpc.gate import Gate
from counterseal.server.rpc.server import message_patience
from counterseal.server.settings import ANONYMOUS_NAME
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics


def build_gate(config: Config, metrics: Metrics, log: Log, parts: ExitStack) -> Gate:
    """Return the gate that every call of ours enters by."""
    patience = message_patience()
    parts.callback(patience.close)
    return Gate(
        book=find_callers(config),
        metrics=metrics,
        log=log,
        max_bytes=config.max_message_bytes,
        certificates=config.tls_client_ca is not None,
        patience=patience,
    )


def find_callers(config: Config) -> CallerBook:
    """On loopback the generated token administers; without TLS anybody there may verify, unless configured otherwise."""
    anonymous = None
    if config.listen.is_loopback and not config.tls and not config.verify_requires_caller:
        anonymous = Caller(
            name=ANONYMOUS_NAME,
            role=Role.GATEWAY,
            string_to_sign=config.allow_string_to_sign,
            lease=config.allow_lease,
            anonymous=True,
        )
    bearer = admin_token(config.data_dir) if config.listen.is_loopback else None
    return call_book(config.callers, admin_token=bearer, anonymous=anonymous)
