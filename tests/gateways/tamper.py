"""A proxy between a client and the gateway that passes every byte on, but for the one thing that a test wants changed."""

import contextlib
import io
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Raw:
    """A request as on the wire. `headers` are lines split at the colon, with all blanks."""

    method: bytes
    target: bytes
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> bytes | None:
        return next((value.strip() for field, value in self.headers if field.lower() == name), None)

    def with_header(self, name: bytes, change: Callable[[bytes], bytes]) -> "Raw":
        headers = tuple((field, change(value) if field.lower() == name else value) for field, value in self.headers)
        return replace(self, headers=headers)

    def with_query(self, change: Callable[[bytes], bytes]) -> "Raw":
        path, mark, query = self.target.partition(b"?")
        return replace(self, target=path + mark + change(query))

    def with_parameter(self, at: int, change: Callable[[bytes], bytes]) -> "Raw":
        def change_one(query: bytes) -> bytes:
            pieces = query.split(b"&")
            return b"&".join([*pieces[:at], change(pieces[at]), *pieces[at + 1 :]])

        return self.with_query(change_one)

    @property
    def parameters(self) -> int:
        query = self.target.partition(b"?")[2]
        return len(query.split(b"&")) if query else 0

    @property
    def signed_headers(self) -> tuple[bytes, ...]:
        """The names that the signature itself says it covers."""
        found = re.search(rb"SignedHeaders=([^,&\s]+)", self.target if self.presigned else self.header(b"authorization") or b"")
        return tuple(unquote_to_bytes(found[1]).split(b";")) if found else ()

    @property
    def presigned(self) -> bool:
        return b"X-Amz-Signature=" in self.target

    @property
    def signed(self) -> bool:
        return self.presigned or self.header(b"authorization") is not None

    def signed_time(self) -> int:
        found = re.search(rb"X-Amz-Date=(\w+)", self.target)
        text = found[1] if found else self.header(b"x-amz-date") or b""
        return int(datetime.strptime(text.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())

    def bytes(self) -> bytes:
        lines = [b" ".join((self.method, self.target, self.version)), *(b":".join(line) for line in self.headers)]
        body = self.body
        if self.header(b"transfer-encoding") is not None:
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


Change = Callable[[Raw], Raw]


CIRCLES = ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def flip(text: bytes) -> bytes:
    """Change the last letter or digit of `text` into another of its kind; what is hex stays hex."""
    place = max(at for at, byte in enumerate(text) if chr(byte).isalnum() and byte < 128)
    old = chr(text[place])
    new = next(circle[circle.index(old) - 1] for circle in CIRCLES if old in circle)
    return text[:place] + new.encode() + text[place + 1 :]


def flip_in(pattern: bytes) -> Callable[[bytes], bytes]:
    """Change the last letter or digit of what `pattern` matches, which must be there."""

    def change(text: bytes) -> bytes:
        found = re.search(pattern, text)
        assert found is not None, f"{pattern!r} is not there"
        return text[: found.start()] + flip(found[0]) + text[found.end() :]

    return change


def change_path(raw: Raw) -> Raw:
    path, mark, query = raw.target.partition(b"?")
    return replace(raw, target=(flip(path) if re.search(rb"\w", path) else path + b"x") + mark + query)


def change_query(raw: Raw) -> Raw:
    query = raw.target.partition(b"?")[2]
    if raw.presigned:
        return raw.with_query(flip_in(rb"X-Amz-Expires=\d+"))
    return raw.with_query(flip) if re.search(rb"[A-Za-z0-9]", query) else replace(raw, target=raw.target.rstrip(b"?") + b"?x")


def change_date(raw: Raw) -> Raw:
    if raw.presigned:
        return raw.with_query(flip_in(rb"X-Amz-Date=\w+(?=Z)"))
    return raw.with_header(b"x-amz-date", flip_in(rb"T\d+"))


def change_signature(raw: Raw) -> Raw:
    if raw.presigned:
        return raw.with_query(flip_in(rb"X-Amz-Signature=[0-9a-f]+"))
    return raw.with_header(b"authorization", flip_in(rb"Signature=[0-9a-f]+"))


def change_key(raw: Raw) -> Raw:
    if raw.presigned:
        return raw.with_query(flip_in(rb"X-Amz-Credential=[^%/]+"))
    return raw.with_header(b"authorization", flip_in(rb"Credential=[^/]+"))


CHANGES: dict[str, Change] = {
    "method": lambda raw: replace(raw, method=flip(raw.method)),
    "path": change_path,
    "query": change_query,
    "host": lambda raw: raw.with_header(b"host", flip),
    "date": change_date,
    "signature": change_signature,
    "key": change_key,
    "body": lambda raw: replace(raw, body=raw.body[:-1] + bytes([raw.body[-1] ^ 1])),
    "body hash": lambda raw: raw.with_header(b"x-amz-content-sha256", flip),
}


class Proxy(socketserver.ThreadingTCPServer):
    """Changes the requests that `chosen` picks. `tampered` holds the answers' codes to those, `plain` to all others."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, gateway_port: int, tls: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gateway_port = gateway_port
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.change: Change = lambda raw: raw
        self.chosen: Callable[[Raw], bool] = lambda _raw: True
        self.before: Callable[[Raw], None] = lambda _raw: None
        self.tampered: list[int] = []
        self.plain: list[int] = []
        self.requests: list[Raw] = []
        self._under_way = 0
        self._changed = threading.Condition()

    @property
    def endpoint(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """A request is under way, whose client may have left."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def reset(self) -> None:
        """Begin anew, once nothing of before is under way any more."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._under_way, 120)
        self.change, self.chosen, self.before = (lambda raw: raw), (lambda _raw: True), (lambda _raw: None)
        self.tampered, self.plain, self.requests = [], [], []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave early are no news."""


class _Handler(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        while (line := self.rfile.readline()).strip():
            with self.server.working():
                if (raw := self._read(line)) is None:
                    return
                self._pass_on(raw)

    def _pass_on(self, raw: Raw) -> None:
        self.server.requests.append(raw)
        self.server.before(raw)
        changed = self.server.change(raw) if self.server.chosen(raw) else raw
        status, answer = exchange(self.server.gateway_port, changed.bytes(), without_body=raw.method == b"HEAD")
        (self.server.plain if changed == raw else self.server.tampered).append(status)
        self.wfile.write(answer)

    def _read(self, line: bytes) -> Raw | None:
        """Read the rest of a request that begins with that line; None when the client left before its end."""
        method, target, version = line.rstrip(b"\r\n").split(b" ", 2)
        headers = []
        while (line := self.rfile.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.partition(b":")
            headers.append((name, value))
        raw = Raw(method, target, version, tuple(headers), b"")
        if (raw.header(b"expect") or b"").lower() == b"100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if raw.header(b"transfer-encoding") is not None:
            # The frames of the transfer are not what was signed: `Raw.body` is what is in them.
            return replace(raw, body=_without_frames(read_frames(self.rfile)))
        length = int(raw.header(b"content-length") or 0)
        body = self.rfile.read(length)
        return replace(raw, body=body) if len(body) == length else None


def exchange(port: int, request: bytes, *, without_body: bool = False) -> tuple[int, bytes]:
    """Send raw bytes to the gateway and return code and raw bytes of its final answer, which is read to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as gateway, gateway.makefile("rb") as answer:
        with contextlib.suppress(OSError):  # an early refusal may close the connection under a long body
            gateway.sendall(request)
        while True:
            lines = []
            while (line := answer.readline()) not in {b"\r\n", b""}:
                lines.append(line)
            status = int(lines[0].split(b" ")[1])
            if status >= 200:
                break
        head = b"".join(lines) + b"\r\n"
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        if without_body:
            return status, head
        if fields.get(b"transfer-encoding") == b"chunked":
            return status, head + read_frames(answer)
        return status, head + answer.read(int(fields.get(b"content-length", b"0")))


def read_frames(stream: io.BufferedIOBase) -> bytes:
    """Read a body in HTTP's chunked transfer encoding, frames included."""
    out = b""
    while True:
        line = stream.readline()
        size = int(line.split(b";")[0], 16)
        out += line + stream.read(size + 2)
        if size == 0:
            return out


def _without_frames(framed: bytes) -> bytes:
    out, stream = b"", io.BytesIO(framed)
    while size := int(stream.readline().split(b";")[0], 16):
        out += stream.read(size)
        stream.read(2)
    return out


@contextlib.contextmanager
def running_proxy(gateway_port: int, tls: tuple[Path, Path] | None = None) -> Iterator[Proxy]:
    """A proxy before the gateway; `tls`, a certificate and its key, makes it speak https to clients."""
    with Proxy(gateway_port, tls) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
