"""Requests and lists of components by the thousand, from a seed: what every implementation of RFC 9421 should agree on.

Left out is what HTTP libraries rewrite before they sign (dot segments, lower-case methods).
"""

import random
from dataclasses import dataclass, replace

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.rfc9421 import parse_component
from tests.core.rfc9421.making import ALGORITHMS

UNRESERVED = "abcXYZ019-._"
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PURGE")
HOSTS = (
    "example.com",
    "EXAMPLE.com",
    "a-b.example.com",
    "example.com:8443",
    "example.com:443",
    "example.com:80",
    "[2001:db8::1]:8080",
)
VALUES = (
    "a",
    "b c",
    "",
    "text/html; q=0.5, */*",
    'a "quoted, one"',
    "\ttabs\tinside\t",
    "  blanks  ",
    "x=1;y=2",
    "%41",
    "~!@#$^&*()",
)
DICTIONARIES = ('a=1,   b="x";q, c=(1  2);z', "a, b=?0", "a=:YWJj:;x=1.50,b=tok/en", "a=-12.5, b=()")
# Without ~ ! ' ( ), which encodeURIComponent leaves alone and RFC 9421 section 2.2.8 does not.
QUERY_TEXTS = ("a", "", "b%20c", "d+e", "%C3%A4%e2%82%ac", "1-2_3.4*", "%2F/?:@", "x=y", "100%25", "a,b;c")


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A request to sign, and how."""

    request: HttpRequest
    algorithm: str
    components: tuple[str, ...]
    options: dict[str, str]
    parameters: tuple[str, ...]  # names in the query, as they are covered


def generate(seed: int, algorithms: tuple[str, ...] = ALGORITHMS) -> Generated:
    """Return the request of a seed; always the same one."""
    pick = random.Random(seed)
    names = pick.sample(["a", "b", "name", "x-1", "q.r"], pick.randrange(4))
    query = "&".join(f"{name}={pick.choice(QUERY_TEXTS)}" for name in names)
    pieces = [*UNRESERVED, "%2F", "%c3%A4", "+", "@", ":"]
    path = "".join("/" + "".join(pick.choices(pieces, k=pick.randrange(1, 6))) for _ in range(2)).replace("/.", "/_")
    headers = [("host", pick.choice(HOSTS)), ("date", "Tue, 20 Apr 2021 02:07:55 GMT")]
    headers += [("x-lines", pick.choice(VALUES)) for _ in range(pick.randrange(4))]
    headers += [("x-dict", pick.choice(DICTIONARIES))] * pick.randrange(2)
    headers += [("priority", pick.choice(("u=1,   i", "u=5", "i, u=0")))] * pick.randrange(2)
    headers += [("content-type", "application/json")] * pick.randrange(2)
    content = pick.choice([b"", b"{}", bytes(pick.randrange(256) for _ in range(40))])
    pick.shuffle(headers)
    request = HttpRequest(
        method=pick.choice(METHODS).encode(),
        target=(path + pick.choice(["", "?"]) * (not query) + (f"?{query}" if query else "")).encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in headers),
        content=content,
        scheme=pick.choice(["http", "https"]),
    )
    components = possible(request, names)
    covered = tuple(pick.sample(components, pick.randrange(1, len(components) + 1)))
    options = {name: value for name, value in (("tag", "app"), ("nonce", f"n-{seed}"), ("alg", "yes")) if pick.randrange(2)}
    if content and pick.randrange(2):
        covered += ('"content-digest"',)
    return Generated(
        request=request,
        # RSA is rare: reading a private key of its own takes longer than all the rest.
        algorithm=pick.choices(algorithms, [1 if name.startswith("rsa") else 10 for name in algorithms])[0],
        components=covered,
        options=options | {"digest": pick.choice(["sha-256", "sha-512"])},
        parameters=tuple(names),
    )


def possible(request: HttpRequest, names: list[str]) -> list[str]:
    """Return every component that the request can have covered, in one form each."""
    found = ['"@method"', '"@target-uri"', '"@authority"', '"@scheme"', '"@request-target"', '"@path"', '"@query"']
    found += [f'"@query-param";name="{name}"' for name in names]
    there = {name.decode() for name, _ in request.headers}
    found += [f'"{name}"' for name in sorted(there)]
    if "x-lines" in there:
        found.append('"x-lines";bs')
    if "x-dict" in there:
        found += ['"x-dict";key="a"', '"x-dict";key="b"']
    if "priority" in there:
        found += ['"priority";sf', '"priority";key="u"']
    return found


def changed(generated: Generated, signed: HttpRequest, seed: int) -> HttpRequest:
    """Return the signed request with one thing changed, which may or may not be covered."""
    pick = random.Random(seed)
    path, mark, query = signed.target.partition(b"?")
    if query.count(b"=") and pick.randrange(3) == 0:
        return replace(signed, target=path + mark + query.replace(b"=", b"=z", 1))
    where = pick.randrange(5)
    if where == 0:
        return replace(signed, method=pick.choice([name for name in METHODS if name.encode() != signed.method]).encode())
    if where == 1:
        return replace(signed, target=path + b"/more" + mark + query)
    if where == 2:
        return replace(signed, scheme="https" if signed.scheme == "http" else "http")
    touched = pick.choice([name for name, _ in signed.headers if not name.startswith(b"signature")])
    if touched == b"host":
        return replace(signed, headers=tuple((n, b"other.example" if n == touched else v) for n, v in signed.headers))
    if touched in {b"x-dict", b"priority"}:
        return replace(signed, headers=tuple((n, v.replace(b"=", b"=7", 1) if n == touched else v) for n, v in signed.headers))
    return replace(signed, headers=tuple((n, v + b" more" if n == touched else v) for n, v in signed.headers))


def names_of(generated: Generated) -> set[str]:
    """Return the kinds of component that are covered: names of derived ones, and parameters of fields."""
    found = set()
    for text in generated.components:
        component = parse_component(text)
        found.add(component.name if component.name.startswith("@") else ";" + ",".join(sorted(component.parameters)))
    return found
