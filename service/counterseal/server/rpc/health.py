"""`grpc.health.v1`: serving while the key store answers, and not from the moment on at which the server begins to stop."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from grpc_health.v1 import health, health_pb2

from counterseal.server.errors import StoreUnavailable
from counterseal.server.telemetry.log import Log

PING_SECONDS: Final = 1.0
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING


class StoreHealth:
    """Asks the store from time to time whether it answers, and says so to `grpc.health.v1` and the metrics.

    `services` are the names to speak for; the empty one, for the server as a whole, is among them. `up` is told the outcome
    of every ping. `seconds` lies between two pings.
    """

    def __init__(
        self,
        *,
        ping: Callable[[], None],
        services: Sequence[str],
        up: Callable[[bool], None],
        log: Log,
        seconds: float = PING_SECONDS,
    ) -> None:
        # Non-blocking: a Watch stream holds no thread of the pool.
        self.servicer = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=None)
        self._ping = ping
        self._services = ("", *services)
        self._up = up
        self._log = log
        self._seconds = seconds
        self._serving: bool | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="counterseal-health", daemon=True)
        for service in self._services:
            self.servicer.set(service, _NOT_SERVING)

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
        with self._lock:
            self.servicer.enter_graceful_shutdown()
        if self._thread.is_alive():
            self._thread.join(5)

    def _follow(self) -> None:
        while not self._over.wait(self._seconds):
            self.check()

    def _set(self, serving: bool, why: str) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._up(serving)
            if serving is self._serving:
                return
            self._serving = serving
            for service in self._services:
                self.servicer.set(service, _SERVING if serving else _NOT_SERVING)
        if serving:
            self._log.info("store_answers")
        else:
            self._log.error("store_does_not_answer", text=why)
