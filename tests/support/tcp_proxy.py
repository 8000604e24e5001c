"""A TCP proxy that breaks connections on demand, as networks and firewalls do. Standard library only; threads, not speed.

`with tcp_proxy(host, port) as proxy:` then talk to 127.0.0.1:`proxy.port`, or `proxy.through(url)`.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.support.daemon import claim_port

_POLL = 0.02


class _Pair:
    """One connection: both its sockets. Once something was swallowed it carries nothing any more: it would be garbage."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.dead = False
        self.over = threading.Event()

    def close(self, *, reset: bool) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                if reset:
                    # Lingering for zero seconds: close sends RST, once the threads that read from it have let go of it.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                end.close()


class TcpProxy:
    """Forwards to one address. Modes may change at any time, from any thread."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._mode, self._seconds = "pass", 0.0
        self._pairs: set[_Pair] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._listener: socket.socket | None = None
        # It is listened on again after a while of refusing.
        self.port, self._claim = claim_port()
        self.accepted = 0
        self._listen()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        with self._lock:
            return len(self._pairs)

    def through(self, url: str) -> str:
        """Return the URL with this proxy in the place of its host and port."""
        netloc = urlsplit(url).netloc
        login, at, _ = netloc.rpartition("@")
        return url.replace(f"//{netloc}", f"//{login}{at}{self.address}", 1)

    def let_pass(self) -> None:
        """Forward (the beginning). What was held is delivered; what was swallowed is lost, with its connection."""
        self._set("pass")

    def delay(self, seconds: float) -> None:
        """Forward what clients send after so long: what a request and its answer take at least."""
        self._set("pass", seconds)

    def drop(self) -> None:
        """Swallow silently: connections stay open, nothing arrives, those of now and new ones never carry anything again."""
        self._set("drop")
        with self._lock:
            for pair in self._pairs:
                pair.dead = True

    def hold(self) -> None:
        """Deliver nothing for now: what a network does that loses packets until TCP sends them again."""
        self._set("hold")

    def refuse(self) -> None:
        """Reset what is open and refuse new connections."""
        self._set("refuse")
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        self._close_all(reset=True)

    def cut(self) -> None:
        """Reset what is open (RST); new connections pass."""
        self._close_all(reset=True)

    def close(self) -> None:
        """Refuse for good."""
        self._closed = True
        self.refuse()
        self._claim.close()

    def _set(self, mode: str, seconds: float = 0.0) -> None:
        self._mode, self._seconds = mode, seconds
        if mode != "refuse" and self._listener is None and not self._closed:
            self._listen()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            _Pair(client, client).close(reset=True)
            return
        for end in (client, server):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, server)
        with self._lock:
            pair.dead = self._mode == "drop"
            self._pairs.add(pair)
        back = threading.Thread(target=self._pump, args=(pair, server, client), daemon=True)
        back.start()
        self._pump(pair, client, server)
        back.join()
        with self._lock:
            self._pairs.discard(pair)
        pair.over.set()

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source is pair.client and self._seconds:
                    time.sleep(self._seconds)
                while self._mode == "hold" and pair in self._pairs:
                    time.sleep(_POLL)
                if not pair.dead:
                    sink.sendall(data)
        if pair.dead:
            # The other side learns nothing of this end's closing either, until the proxy is told so.
            while pair.dead and pair in self._pairs and self._mode in {"drop", "hold"}:
                time.sleep(_POLL)
        pair.close(reset=False)

    def _close_all(self, *, reset: bool) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            pair.close(reset=reset)
        for pair in pairs:
            pair.over.wait(10)  # only now has the RST been sent


@contextlib.contextmanager
def tcp_proxy(host: str, port: int) -> Iterator[TcpProxy]:
    """A proxy to that address, closed at the end."""
    proxy = TcpProxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
