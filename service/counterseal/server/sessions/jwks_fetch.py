"""Fetching a JWK Set from an identity provider over HTTP: in bounded time, of bounded size, from that address and no other."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from typing import Final
from urllib.parse import urlsplit

MAX_BYTES: Final = 256 * 1024
_CHUNK: Final = 16 * 1024


class FetchFailed(Exception):
    """The set was not had. The text is safe to log: it quotes nothing of the answer."""


def fetch(url: str, *, seconds: float) -> bytes:
    """Return the body of the answer to one GET, at most `MAX_BYTES`.

    `http.client` follows no redirects and knows no proxies of the environment, so the answer is from the host in the URL. Not
    checked: the answer's media type, which providers do not agree on; how long it may be cached.

    Raises:
        FetchFailed: no answer within `seconds`, another one than 200, or too long a one.
    """
    end = time.monotonic() + seconds
    try:
        return _fetch(url, end)
    except TimeoutError:
        raise FetchFailed("no answer in time") from None
    except ssl.SSLError as error:
        raise FetchFailed(f"TLS failed ({type(error).__name__})") from None
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        # AttributeError: http.client's, when the connection is cut under it.
        if time.monotonic() >= end:
            raise FetchFailed("no answer in time") from None
        raise FetchFailed(f"no answer ({type(error).__name__})") from None


def _fetch(url: str, end: float) -> bytes:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    plain = socket.create_connection((host, parts.port or (443 if secure else 80)), timeout=_left(end))
    # A timeout is for a single read, and whoever sends a byte a second keeps all of them. So the connection is cut at the end.
    handle = plain.dup()
    cut = threading.Timer(_left(end), _cut, (handle,))
    cut.daemon = True
    cut.start()
    try:
        with _wrapped(plain, host) if secure else plain as connected:
            body = _ask(connected, parts.netloc, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        _left(end)  # an answer without a length looks whole when it is cut
        return body
    finally:
        cut.cancel()
        handle.close()


def _wrapped(plain: socket.socket, host: str) -> socket.socket:
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _ask(connected: socket.socket, netloc: str, target: str) -> bytes:
    connection = http.client.HTTPConnection(netloc)
    connection.sock = connected
    connection.auto_open = False
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "counterseal", "Connection": "close"}
    connection.request("GET", target, headers=headers)
    with connection.getresponse() as response:
        if response.status != 200:
            raise FetchFailed(f"answered {response.status}")
        if response.getheader("content-encoding", "identity") != "identity":
            raise FetchFailed("answered compressed, which was not asked for")
        return _body(response)


def _body(response: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"answered more than {MAX_BYTES} bytes")
    if response.length:
        raise FetchFailed("the answer was cut short")
    return bytes(body)


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed meanwhile
        handle.shutdown(socket.SHUT_RDWR)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
