"""The HTTP listener that Prometheus reads."""

from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, start_http_server

from counterseal.server.errors import ConfigError
from counterseal.server.settings import Address


class ScrapeListener:
    """Serves one registry at `/metrics` until it is closed. Plain HTTP: bind it where only Prometheus reaches it."""

    def __init__(self, address: Address, registry: CollectorRegistry) -> None:
        try:
            self._server, self._thread = start_http_server(address.port, addr=address.host, registry=registry)
        except OSError as error:
            raise ConfigError(f"COUNTERSEAL_METRICS_LISTEN: cannot listen on {address}: {error.strerror}") from None
        self.address = Address(host=address.host, port=self._server.server_port)

    @property
    def url(self) -> str:
        """Where to scrape."""
        return f"http://{self.address}/metrics"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
