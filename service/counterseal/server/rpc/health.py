"""`grpc.health.v1`: serving while the key store answers, and not from the moment on at which the server begins to stop."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from counterseal.server.errors import StoreUnavailable
from counterseal.server.rpc.errors import CallCancelled
from counterseal.server.rpc.patience import Patience
from counterseal.server.telemetry.log import Log

PING_SECONDS: Final = 1.0
# A watch holds no thread, but memory; load balancers and operators are far fewer.
_MAX_WATCHERS: Final = 1000
# grpcio calls it with an answer to send, or with None to end the stream.
Send = Callable[[health_pb2.HealthCheckResponse | None], None]


class HealthAnswers:
    """One state for every service. Not grpcio's own servicer: that keeps an entry for each unknown name that a stranger
    watches, and sends under its lock, where a watcher that does not read holds up every check.
    """

    def __init__(self, services: Sequence[str], pool: ThreadPoolExecutor, patience: Patience) -> None:
        """`pool` answers checks and sends to watchers; a send waits until the watcher reads, so no thread that verifies may
        do it. `patience` ends the calls of those who do not, and of those who ask without saying what.
        """
        self._known = frozenset(services)
        self._pool = pool
        self._patience = patience
        self._serving = False
        self._over = False
        self._lock = threading.Lock()
        self._watchers: dict[Send, bool] = {}

    def handlers(self) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
        """Return the handlers. Like our own, they take streams, so that the wait for the message is ours (see `patience`)."""
        # grpcio reads these attributes off the behaviour; methods take none.
        check, watch = partial(self._check), partial(self._watch)
        check.experimental_thread_pool = watch.experimental_thread_pool = self._pool  # type: ignore[attr-defined]
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        write = health_pb2.HealthCheckResponse.SerializeToString
        return {
            "Check": grpc.stream_unary_rpc_method_handler(check, response_serializer=write),
            "Watch": grpc.stream_stream_rpc_method_handler(watch, response_serializer=write),
        }

    def answer(self, known: bool = True) -> health_pb2.HealthCheckResponse:
        """Return the present state; `known` says whether the service that was asked for is ours."""
        response = health_pb2.HealthCheckResponse
        if not known:
            return response(status=response.SERVICE_UNKNOWN)
        return response(status=response.SERVING if self._serving else response.NOT_SERVING)

    def set(self, serving: bool) -> None:
        """Change the state and tell all watchers."""
        with self._lock:
            if self._over:
                return
            self._serving = serving
            watchers = [send for send, known in self._watchers.items() if known]
        for send in watchers:
            self._pool.submit(send, self.answer())

    def close(self) -> None:
        """Say NOT_SERVING for good, and end the watches: an open one would keep the server from stopping."""
        self.set(False)
        with self._lock:
            self._over = True
            watchers = list(self._watchers)
            self._watchers.clear()
        for send in watchers:
            self._pool.submit(send, None)

    def _check(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> health_pb2.HealthCheckResponse:
        if not self._asks_known(requests, context):
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return self.answer()

    def _watch(self, requests: Iterator[bytes], context: grpc.ServicerContext, send: Send) -> None:
        known = self._asks_known(requests, context)

        def send_patiently(answer: health_pb2.HealthCheckResponse | None) -> None:
            with self._patience.during(context):
                send(answer)

        if not context.add_callback(lambda: self._leave(send_patiently)):
            return  # cancelled already
        with self._lock:
            over = self._over
            crowded = len(self._watchers) >= _MAX_WATCHERS
            if not over and not crowded:
                self._watchers[send_patiently] = known
        if crowded:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watches")
        # A change in between is sent twice, never lost.
        send_patiently(self.answer(known))
        if over:
            send_patiently(None)

    def _asks_known(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bool:
        """Read the question; say whether the service is known."""
        try:
            raw = self._patience.message(requests, context)
            if raw is not None:
                return health_pb2.HealthCheckRequest.FromString(raw).service in self._known
        except (CallCancelled, DecodeError):
            pass
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no message of this method's kind")
        raise AssertionError("abort returned")

    def _leave(self, send: Send) -> None:
        with self._lock:
            self._watchers.pop(send, None)


class StoreHealth:
    """Asks the store from time to time whether it answers, and says so to `grpc.health.v1` and the metrics.

    `services` are the names to speak for, beside the empty one for the server as a whole. `up` is told the outcome of every
    ping. `seconds` lies between two pings.
    """

    def __init__(
        self,
        *,
        ping: Callable[[], None],
        services: Sequence[str],
        up: Callable[[bool], None],
        log: Log,
        pool: ThreadPoolExecutor,
        patience: Patience,
        seconds: float = PING_SECONDS,
    ) -> None:
        self.answers = HealthAnswers(("", *services), pool, patience)
        self._ping = ping
        self._up = up
        self._log = log
        self._seconds = seconds
        self._serving: bool | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="counterseal-health", daemon=True)

    def start(self) -> None:
        """Ask once, then go on asking in a thread of its own."""
        self.check()
        self._thread.start()

    def check(self) -> None:
        """Ask the store now."""
        try:
            self._ping()
        except StoreUnavailable as error:
            self._set(False, str(error))
        except Exception as error:
            # A bug in a ping says nothing good about the store.
            self._set(False, type(error).__name__)
        else:
            self._set(True, "")

    def stop(self) -> None:
        """Say NOT_SERVING for good."""
        self._over.set()
        self.answers.close()

    def _follow(self) -> None:
        while not self._over.wait(self._seconds):
            self.check()

    def _set(self, serving: bool, why: str) -> None:
        self._up(serving)
        if serving is self._serving:
            return
        self._serving = serving
        self.answers.set(serving)
        if serving:
            self._log.info("store_answers")
        else:
            self._log.error("store_does_not_answer", text=why)
