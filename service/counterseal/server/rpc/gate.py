"""Step 0 of the walk, and the outermost guard: every call of ours enters and leaves through here.

Handlers are wrapped once, when the server is put together, not through a gRPC interceptor: interceptors run on every call, on
the one thread that polls. Bytes come in and go out, so that reading and writing messages lie inside the guard as well.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from counterseal.server.callers import Caller, Identifies
from counterseal.server.callers.permissions import permission
from counterseal.server.callers.turnstile import Turnstile, Turnstiles
from counterseal.server.errors import CallerUnknown, SealBroken, ServiceError, StoreUnavailable
from counterseal.server.lanes import Lane, set_seconds_left
from counterseal.server.rpc.errors import (
    DeadlinePassed,
    Failure,
    MessageTooLarge,
    MessageUnreadable,
    Stopping,
    failure_of,
    wire_status,
)
from counterseal.server.rpc.patience import Patience
from counterseal.server.rpc.refusals import Refusals, is_refusal
from counterseal.server.telemetry.log import Log, describe
from counterseal.server.telemetry.metrics import Metrics

Act = Callable[[Any, Caller], Message]
Permit = Callable[[Caller], None]
# grpcio's classes are generic in its type stubs alone.
Handlers: TypeAlias = "dict[str, grpc.RpcMethodHandler[Any, Any]]"
Serve = Callable[[Iterator[bytes], grpc.ServicerContext], bytes]

_TICK_SECONDS: Final = 0.01
_SAN: Final = "x509_subject_alternative_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the methods of one service work: in which lane, and who is told how long. Who may call them: `permissions.py`.

    `observe` holds, by the method's name, what is told the seconds that a call took inside the service, and `lanes` those lanes
    that are another than `lane`.
    """

    lane: Lane
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    observe: Mapping[str, Callable[[float], None]] = field(default_factory=dict)


class Gate:
    """Identifies callers, holds calls to limits, counts them, and keeps what goes wrong inside.

    `max_bytes` limits one message, `patience` the wait for it. `certificates` says whether clients present verified ones.
    """

    def __init__(
        self, *, book: Identifies, metrics: Metrics, log: Log, max_bytes: int, certificates: bool, patience: Patience
    ) -> None:
        self._book = book
        self._turnstiles = Turnstiles()
        self._refusals = Refusals(metrics.registry)
        self._metrics = metrics
        self._log = log
        self._max_bytes = max_bytes
        self._certificates = certificates
        self._patience = patience
        self._closed = False
        # The calls that are taken up, each by its context. A set takes one in, or lets it go, in one step.
        self._inside: set[grpc.ServicerContext] = set()
        self._checks: list[Callable[[], None]] = []

    def rely_on(self, check: Callable[[], None]) -> None:
        """Have `check` called before each call is taken up; what it raises is the call's answer."""
        self._checks.append(check)

    def close(self) -> None:
        """From now on, answer every call that it should be tried elsewhere; those in flight are finished."""
        self._closed = True

    def in_flight(self) -> frozenset[grpc.ServicerContext]:
        """Return the calls that are taken up now; once closed, there are no others to wait for."""
        return frozenset(self._inside.copy())

    def wait_for(self, calls: frozenset[grpc.ServicerContext], seconds: float) -> None:
        """Wait until these calls are done with, `seconds` at most."""
        end = time.monotonic() + seconds
        while calls & self._inside and time.monotonic() < end:
            time.sleep(_TICK_SECONDS)

    def handlers(self, service: ServiceDescriptor, acts: Mapping[str, Act], rules: Rules) -> "Handlers":
        """Return a handler for every method of `service`; one without an act or a permission is a KeyError at start.

        On the wire the methods are unary. To grpcio they take streams: of a unary call it would itself wait for the message,
        without end, before it asks us.
        """
        found: Handlers = {}
        for method in service.methods:
            permit = permission(service.name, method.name)
            kind = message_factory.GetMessageClass(method.input_type)
            serve = self._wrap(method.name, kind, acts[method.name], permit, rules)
            # Neither deserialiser nor serialiser: gRPC's own would run outside the guard.
            found[method.name] = grpc.stream_unary_rpc_method_handler(serve)
        return found

    def admit(self, method: str, context: grpc.ServicerContext) -> None:
        """End the call unless it comes from an identified caller, for methods that are not ours. Raises what ends calls."""
        try:
            self._caller(context)
        except Exception as error:
            failure = self._fail(method, error, context, None)
        else:
            return
        context.abort_with_status(wire_status(failure))

    def _wrap(self, method: str, kind: type[Message], act: Act, permit: Permit, rules: Rules) -> Serve:
        count, clock = self._metrics.rpc, time.perf_counter
        work = self._worker(kind, act, rules.lanes.get(method, rules.lane))
        observe, inside = rules.observe.get(method), self._inside

        def serve(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            caller: Caller | None = None
            turnstile: Turnstile | None = None
            inside.add(context)
            try:
                # Before the message: a stranger is not waited for, nor a caller beyond its limits.
                if self._closed:
                    raise Stopping("the service is stopping")
                for check in self._checks:
                    check()
                if context.time_remaining() <= 0:
                    raise DeadlinePassed("the deadline passed before the call was taken up")
                caller = self._caller(context)
                permit(caller)
                if caller.pace is not None:
                    turnstile = self._turnstiles.enter(caller, caller.pace)
                raw = self._patience.message(requests, context)
                started = clock()
                answer = work(raw, caller, context)
            except Exception as error:
                failure = self._fail(method, error, context, caller)
            else:
                count(method, "OK")
                if observe is not None:
                    observe(clock() - started)
                return answer
            finally:
                inside.discard(context)
                if turnstile is not None:
                    turnstile.leave()
            context.abort_with_status(wire_status(failure))
            raise AssertionError("abort_with_status returned")  # it raises; an answer here would be an empty success

        return serve

    def _worker(
        self, kind: type[Message], act: Act, lane: Lane
    ) -> Callable[[bytes | None, Caller, grpc.ServicerContext], bytes]:
        read, max_bytes = kind.FromString, self._max_bytes

        def work(raw: bytes | None, caller: Caller, context: grpc.ServicerContext) -> bytes:
            if raw is None:
                raise MessageUnreadable("the call holds no message")
            if len(raw) > max_bytes:
                raise MessageTooLarge(f"the message is larger than {max_bytes} bytes")
            left = context.time_remaining()
            set_seconds_left(left)
            if not lane.enter(left):
                raise DeadlinePassed("the deadline passed while the call waited for its turn")
            try:
                return act(_read(read, raw), caller).SerializeToString()
            finally:
                lane.leave()

        return work

    def _caller(self, context: grpc.ServicerContext) -> Caller:
        authorization = [str(value) for name, value in context.invocation_metadata() if name == "authorization"]
        sans: Sequence[str] = ()
        if self._certificates:
            presented: Sequence[bytes] = context.auth_context().get(_SAN, ())  # type: ignore[assignment]  # bytes, in fact
            sans = [san.decode("ascii", "replace") for san in presented]
        caller = self._book.identify(authorization, sans)
        if caller is None:
            raise CallerUnknown("the call carries no credentials")
        return caller

    def _fail(self, method: str, error: Exception, context: grpc.ServicerContext, caller: Caller | None) -> Failure:
        """Log and count a failure, and say what goes on the wire: for a bug, a fixed text."""
        failure = failure_of(error)
        self._metrics.rpc(method, failure.code.name)
        if isinstance(error, SealBroken):
            self._metrics.seal_broken()
        level = self._log.error if failure.code is grpc.StatusCode.INTERNAL else self._log.info
        details = describe(error) if level == self._log.error or isinstance(error, StoreUnavailable) else _brief(error)
        if isinstance(error, StoreUnavailable):
            level = self._log.warning
        if is_refusal(error):
            suppressed = self._refusals.note(failure.reason, caller)
            if suppressed is None:  # counted, and enough lines say the same
                return failure
            level, details = self._log.warning, {**details, **suppressed}
        details["caller"] = "" if caller is None else caller.name
        level("call_failed", method=method, code=failure.code.name, reason=failure.reason, peer=context.peer(), **details)
        return failure


def _read(read: Callable[[bytes], Message], raw: bytes) -> Message:
    try:
        return read(raw)
    except DecodeError:
        raise MessageUnreadable("the bytes are not a message of this method's kind") from None


def _brief(error: Exception) -> dict[str, str]:
    return {"text": str(error)} if isinstance(error, ServiceError) else {}
