"""Fuzz targets for Alibaba's and Tencent's signatures: whole requests, lists of headers, hosts, options."""

import json

from counterseal.core import http
from counterseal.core.model import Demand, HttpRequest, Refusal
from counterseal.core.schemes import oss4, tc3
from counterseal.core.sigv4 import canonical
from tests.core.oss4.exchange import load, request_of
from tests.fuzz import seeds
from tests.fuzz.checks import check, walk

OSS, TC = oss4.Oss4(), tc3.Tc3()


def cloud_request(data: bytes) -> None:
    """Any request: no verdict but a refusal, and a canonical request that holds what is signed."""
    request = seeds.unpack(data)
    walk(request, data)
    for scheme in (OSS, TC):
        try:
            claim = scheme.read(http.read_request(request), Demand())
            scheme.check_coverage(claim, Demand())
        except Refusal:
            continue
        text = canonical.canonical_request(claim)
        check(text.startswith(request.method + b"\n/"), "a canonical request begins with method and path")
        check(text.count(b"\n") == 5 + len(claim.coverage.headers), "a line for each part and each signed header")
        check(all(name in dict(request.headers) for name in claim.coverage.headers), "what is covered is there")


def oss4_names(data: bytes) -> None:
    """Any list of AdditionalHeaders."""
    fields = ((b"host", b"x"), (b"range", b"y"), (b"x-oss-date", b"z"), (b"content-type", b"t"))
    request = http.read_request(HttpRequest(method=b"GET", target=b"/", headers=fields))
    try:
        names = oss4.read_names(data, request)
    except Refusal:
        return
    check({b"content-type", b"x-oss-date"} <= set(names) <= {name for name, _ in fields}, "what is always signed is signed")
    check(list(names) == sorted(set(names)), "sorted, and once each")
    check(oss4.write_names(names) == data, "what was read prints back")


def tc3_stamp(data: bytes) -> None:
    """Any time."""
    stamp = tc3.read_stamp(data)
    if stamp is not None:
        check(stamp.text == data and tc3.write_stamp(stamp.seconds) == stamp, "a time prints back as it stood")
        check(len(stamp.day) == 10, "and has a day")


def oss4_options(data: bytes) -> None:
    """Any options."""
    try:
        options = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(options, dict):
        try:
            oss4.from_options("fuzzed", options)
        except ValueError as refused:
            check(bool(str(refused)), "a refusal has a text")


def requests() -> set[bytes]:
    return {seeds.pack(request_of(case)) for suite in ("oss4", "tc3") for case in load(suite)[:40]}


def options_seeds() -> set[bytes]:
    hosts = [{}, {"endpoints": ["oss.example.com"]}, {"buckets": {"img.example.com": "photos"}}, {"title": "x"}]
    return {json.dumps(options).encode() for options in [*hosts, {"endpoints": ["oss-{region}.example.com"], "buckets": {}}]}


TARGETS = {
    "cloud_request": (cloud_request, requests),
    "oss4_names": (oss4_names, lambda: {b"", b"host", b"host;range", b"range", b"content-type;host"}),
    "tc3_stamp": (tc3_stamp, lambda: {b"1790000000", b"1", b"0790000000", b"9999999999", b"17900000000"}),
    "oss4_options": (oss4_options, options_seeds),
}
