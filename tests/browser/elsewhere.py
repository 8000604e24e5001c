"""Somebody else's web server: pages that have nothing of ours."""

import contextlib
import http.server
import threading
from collections.abc import Iterator


class _Plain(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>win a prize</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running_elsewhere(host: str = "127.0.0.1") -> Iterator[str]:
    """Serve on a free loopback port; yield the address of a page under that name."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Plain) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{host}:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
