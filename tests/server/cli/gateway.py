"""A tiny HTTP/1.1 listener that keeps each request byte for byte, as it came off the socket."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Queue

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


@dataclass
class Gateway:
    """`host` is what to put into URLs; `requests` holds raw requests in the order of arrival."""

    host: str
    requests: "Queue[bytes]" = field(default_factory=Queue)

    def request(self) -> bytes:
        return self.requests.get(timeout=60)


@contextlib.contextmanager
def listening_gateway() -> Iterator[Gateway]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = Gateway(f"127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(listener, gateway), daemon=True)
        thread.start()
        yield gateway
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _serve(listener: socket.socket, gateway: Gateway) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                request = _read(connection)
                gateway.requests.put(request)
                connection.sendall(HEAD if request.startswith(b"HEAD ") else HEAD + b"ok")


def _read(connection: socket.socket) -> bytes:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += _more(connection)
    head, _, body = raw.partition(b"\r\n\r\n")
    if re.search(rb"(?im)^expect: *100-continue", head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    while len(body) < int(length[1] if length else 0):
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("closed in the middle of a request")
    return data
