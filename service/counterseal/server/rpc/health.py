"""`grpc.health.v1`: serving while the key store answers, and not from the moment on at which the server begins to stop."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from counterseal.server.errors import StoreUnavailable
from counterseal.server.telemetry.log import Log

PING_SECONDS: Final = 1.0
# grpcio calls it with an answer to send, or with None to end the stream.
Send = Callable[[health_pb2.HealthCheckResponse | None], None]


class HealthAnswers(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # untyped package
    """One state for every service. Not grpcio's own servicer: that keeps an entry for each unknown name that a stranger
    watches, and sends under its lock, where a watcher that does not read holds up every check.
    """

    def __init__(self, services: Sequence[str], pool: ThreadPoolExecutor) -> None:
        """`pool` sends to watchers; a send waits until the watcher reads, so no thread that verifies may do it."""
        self._known = frozenset(services)
        self._pool = pool
        self._serving = False
        self._over = False
        self._lock = threading.Lock()
        self._watchers: dict[Send, bool] = {}
        # grpcio reads these two off the method.
        self.Watch: Final = partial(self._watch)
        self.Watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        self.Watch.experimental_thread_pool = pool  # type: ignore[attr-defined]

    def Check(  # noqa: N802  # the name in the proto
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Answer one question."""
        if request.service not in self._known:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return self._answer(True)

    def set(self, serving: bool) -> None:
        """Change the state and tell all watchers."""
        with self._lock:
            if self._over:
                return
            self._serving = serving
            watchers = [send for send, known in self._watchers.items() if known]
        for send in watchers:
            self._pool.submit(send, self._answer(True))

    def close(self) -> None:
        """Say NOT_SERVING for good, and end the watches: an open one would keep the server from stopping."""
        self.set(False)
        with self._lock:
            self._over = True
            watchers = list(self._watchers)
            self._watchers.clear()
        for send in watchers:
            self._pool.submit(send, None)

    def _watch(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext, send: Send) -> None:
        known = request.service in self._known
        if not context.add_callback(lambda: self._leave(send)):
            return  # cancelled already
        with self._lock:
            over = self._over
            if not over:
                self._watchers[send] = known
        # A change in between is sent twice, never lost.
        send(self._answer(known))
        if over:
            send(None)

    def _leave(self, send: Send) -> None:
        with self._lock:
            self._watchers.pop(send, None)

    def _answer(self, known: bool) -> health_pb2.HealthCheckResponse:
        response = health_pb2.HealthCheckResponse
        if not known:
            return response(status=response.SERVICE_UNKNOWN)
        return response(status=response.SERVING if self._serving else response.NOT_SERVING)


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
        seconds: float = PING_SECONDS,
    ) -> None:
        self.answers = HealthAnswers(("", *services), pool)
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
