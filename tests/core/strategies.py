"""What hypothesis makes requests of: everything that the grammars allow, not only what clients send."""

from hypothesis import strategies as st

from counterseal.core.encoding import percent_encode
from counterseal.core.model import HttpRequest

_TCHAR = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+.^_`|~-"
_RESERVED_NAMES = {"authorization", "host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-trailer"}
_RESERVED_NAMES |= {"x-amz-decoded-content-length"}

methods = st.from_regex(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}", fullmatch=True) | st.sampled_from(
    [b"GET", b"PUT", b"POST", b"DELETE"]
)
# Wire spellings: raw characters that need no escape, needless escapes, escapes in small letters, dots and repeated slashes.
_spelled = st.lists(
    st.from_regex(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}", fullmatch=True)
    | st.sampled_from([b"/", b"//", b"/./", b"/../", b"/.."]),
    max_size=24,
).map(lambda parts: b"/" + b"".join(parts))
_encoded = st.lists(st.binary(max_size=8), max_size=5).map(
    lambda parts: b"/" + b"/".join(percent_encode(part) for part in parts)
)
paths = _spelled | _encoded

_query_text = st.lists(st.from_regex(rb"[A-Za-z0-9\-._~!$'()*+,;:@/?\[\]]|%[0-9A-Fa-f]{2}", fullmatch=True), max_size=8).map(
    b"".join
)
_names = _query_text.filter(bool) | st.binary(min_size=1, max_size=6).map(percent_encode)
_parameters = st.tuples(_names, st.none() | _query_text | st.binary(max_size=8).map(percent_encode)).map(
    lambda pair: pair[0] if pair[1] is None else pair[0] + b"=" + pair[1]
)
queries = st.lists(_parameters, max_size=6).map(lambda items: b"?" + b"&".join(items) if items else b"")

header_names = (
    st.text(_TCHAR, min_size=1, max_size=16)
    | st.sampled_from(["content-type", "x-amz-meta-a", "x_amz_b", "range", "date", "user-agent"])
).filter(lambda name: name not in _RESERVED_NAMES)
header_values = st.binary(max_size=24).map(lambda raw: bytes(byte for byte in raw if byte == 9 or 32 <= byte != 127))
headers = st.lists(st.tuples(header_names.map(str.encode), header_values), max_size=12)
hosts = st.sampled_from([b"photos.example.com", b"localhost:9000", b"[::1]:8443", b"", b"XN--d1acufc.example:443"])
requests = st.builds(
    lambda method, path, query, host, fields, body: HttpRequest(
        method=method, target=path + query, headers=((b"host", host), *fields), content=body
    ),
    methods,
    paths,
    queries,
    hosts,
    headers,
    st.binary(max_size=64),
)
services = st.sampled_from(["s3", "s3-outposts", "sqs", "execute-api", "Odd.Service_1"])
times = st.integers(min_value=0, max_value=253_402_300_799)
security_tokens = st.none() | st.from_regex(r"[!-~]{1,40}", fullmatch=True)

# Bytes that look like requests, for whatever must not fall over.
junk = st.binary(max_size=80)
junk_requests = st.builds(
    lambda method, target, fields, content, sha256: HttpRequest(
        method=method, target=target, headers=tuple(fields), content=content, content_sha256=sha256
    ),
    junk | methods,
    junk | st.builds(bytes.__add__, paths, queries),
    st.lists(
        st.tuples(junk | header_names.map(str.encode) | st.sampled_from([b"authorization", b"host", b"x-amz-date"]), junk),
        max_size=6,
    ),
    st.none() | junk,
    st.none() | junk,
)
