"""Requests that the cases sign, and the keys that they are signed with."""

from counterseal.core.model import HttpRequest

NOW = 1_790_000_000  # Mon, 21 Sep 2026 14:13:20 GMT
DATE = b"Mon, 21 Sep 2026 14:13:20 GMT"
HOST = (b"host", b"files.example.com")

UPLOAD = HttpRequest(
    method=b"PUT",
    target=b"/photos/2026/cat.jpg?tagging=a%2Fb&versionId=7",
    headers=(HOST, (b"content-type", b"image/jpeg"), (b"x-amz-acl", b"private")),
    content=b"a cat",
)
REPEATED = HttpRequest(
    method=b"POST",
    target=b"/orders/%7Eopen%2Fnew?b=2&a=1&b=1&empty=",
    headers=(HOST, (b"x-note", b"first"), (b"x-note", b"second"), (b"content-type", b"application/json")),
    content=b'{"item":"tea"}',
)
READ = HttpRequest(method=b"GET", target=b"/photos/2026/cat.jpg", headers=(HOST, (b"accept", b"image/jpeg")), content=b"")
EVENT = HttpRequest(
    method=b"POST",
    target=b"/hooks/orders?source=shop",
    headers=(HOST, (b"content-type", b"application/json"), (b"user-agent", b"shop/1.0")),
    content=b'{"type":"order.paid","id":"ord_1"}',
)
