"""Requests as pages send them: every kind of body, odd paths, queries, hosts and ports, headers in any case."""

import base64
import random
from typing import Any, Final

METHODS: Final = ("GET", "HEAD", "get", "POST", "post", "PUT", "put", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
# Fetch sends them as they are written; Node's server does not know them.
_ODD_METHODS: Final = ("patch", "QUERY", "X-a!")
# Of real hosts, `https` ones above all: the second list is only looked at, never asked.
ORIGINS: Final = (
    "https://api.example",
    "https://API.Example:443",
    "http://localhost:80",
    "http://LOCALHOST:8080",
    "http://[::1]:3000",
    "http://[2001:DB8:0::1]",
    "https://bücher.example:8443",
    "http://10.0.0.1:443",
    "https://a.b-c.example:80",
)
_SEGMENTS: Final = (
    *(
        "a",
        "b.c",
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "",
        "ü",
        "日本",
        "a b",
        "a|b",
        "{id}",
        "[0]",
        "x;y=1",
        "a:b",
        "@me",
        "~u",
        "100%",
    ),
    *("%zz", "%4a", "%4A", "a\\b", "'q'", '"q"', "<t>", "`", "^", "$&+,=", "(1)!*", "a%00b", "%C3%BC", "😀"),
)
_QUERIES: Final = (
    *("", "?", "?a", "?a=", "?a=1&b=2", "?b=2&a=1&a=0", "?a[]=1&a[]=2", "?q=ü b", "?q=a+b%20c", "?q=%zz", "?q=50%", "?x={|}^`"),
    *("?u=https://x.example/?y=1", "?a=1=2", "?q='\"<>", "?%41=%61", "?a=%26%3D", "?e=😀", "?a;b", "?a=?&b=/"),
)
_FIELDS: Final = (
    *(("Accept", "application/json"), ("X-Request-ID", "a, b"), ("x-empty", "")),
    *(("IF-MATCH", '"1"'), ("Accept-Language", "de;q=0.5"), ("X-Latin", "gr\xfc\xdfe")),
)
_TYPES: Final = (
    *("application/json", "Application/JSON; charset=utf-8", " text/csv "),
    *('multipart/mixed; boundary="a b"', "x/y;a=,b"),
)
_BODIES: Final = ("none", "text", "bytes", "form", "blob", "stream", "multipart")


def draw(seed: int, *, over_the_wire: bool) -> dict[str, Any]:
    """Return a request as `node/sign.mjs` takes it: relative to its own server, or to a host that is not asked."""
    chosen = random.Random(seed)
    method = chosen.choice(METHODS if over_the_wire else METHODS + _ODD_METHODS)
    path = "".join(f"/{chosen.choice(_SEGMENTS)}" for _ in range(chosen.randrange(5)))
    if over_the_wire and path.startswith("//"):
        path = f"/a{path}"  # A relative reference that begins with two slashes names a host.
    url = ("" if over_the_wire else chosen.choice(ORIGINS)) + path + chosen.choice(_QUERIES) + chosen.choice(("", "#part"))
    kind = "none" if method.upper() in {"GET", "HEAD"} else chosen.choice(_BODIES)
    text = "".join(chosen.choice("ab =&\n\x00ü😀") for _ in range(chosen.choice((0, 1, 10, 3000))))
    if kind == "bytes":
        text = base64.b64encode(chosen.randbytes(chosen.randrange(200))).decode()
    fields = dict(chosen.sample(_FIELDS, chosen.randrange(len(_FIELDS))))
    if kind not in {"none", "multipart"} and chosen.random() < 0.5:
        fields[chosen.choice(("content-type", "Content-Type", "CONTENT-TYPE"))] = chosen.choice(_TYPES)
    return {"method": method, "url": url, "headers": fields, "body": {"kind": kind, "text": text}}
