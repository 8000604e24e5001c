"""The reader of policies: what it takes, and what it refuses."""

import base64
import json
from typing import Any

import pytest

from counterseal.core.model import Reason, Refusal
from counterseal.core.post_form import Condition, LengthRange, read_policy


def encoded(document: Any) -> bytes:
    return base64.b64encode(document if isinstance(document, bytes) else json.dumps(document).encode())


END = "2026-09-21T15:13:20Z"


def with_condition(item: Any) -> bytes:
    return encoded({"expiration": END, "conditions": [item]})


def test_policies() -> None:
    conditions = [{"Acl": "x"}, ["eq", "$Key", ""], ["starts-with", "$b", "é"], ["content-length-range", 0, "10"]]
    found = read_policy(encoded({"conditions": conditions, "expiration": "2026-09-21T15:13:20.999Z"}))
    assert found.expires == 1_790_003_600
    assert found.conditions == (
        Condition(name="acl", value="x", exact=True),
        Condition(name="key", value="", exact=True),
        Condition(name="b", value="é", exact=False),
    )
    assert found.lengths == (LengthRange(least=0, most=10),)


def test_a_condition_that_is_repeated_counts_once() -> None:
    """botocore adds a condition on the bucket, whether or not its caller gave one: both say the same."""
    lengths = [["content-length-range", 0, 1], ["content-length-range", 0, "1"]]
    same = [{"Bucket": "b"}, ["eq", "$bucket", "b"], ["starts-with", "$bucket", "b"]]
    found = read_policy(encoded({"expiration": END, "conditions": [*same, *lengths, *same]}))
    assert [condition.exact for condition in found.conditions] == [True, False]
    assert found.lengths == (LengthRange(least=0, most=1),)


def test_names_may_be_as_long_as_those_of_fields() -> None:
    (condition,) = read_policy(with_condition({"!" + "A" * 254 + "~": "b"})).conditions
    assert condition.name == "!" + "a" * 254 + "~"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"e30",
        b"e30=\n",
        b"e3 0=",
        b"e30-",
        b"A" * 32_772,
        encoded(b""),
        encoded(b"{}"),
        encoded(b"[]"),
        encoded(b"null"),
        encoded(b"\xff"),
        encoded(b"\xef\xbb\xbf{}"),
        encoded("{}".encode("utf-16")),
        encoded(b"[" * 20_000),
        encoded(b'{"expiration":"' + END.encode() + b'","conditions":[],"conditions":[{"acl":"x"}]}'),
        encoded(b'{"expiration":"' + END.encode() + b'","conditions":[]} {}'),
        encoded(b'{"expiration":"' + END.encode() + b'","conditions":[NaN]}'),
        encoded(b'{"expiration":"' + END.encode() + b'","conditions":[["content-length-range",0,1e3]]}'),
        encoded(b'{"expiration":"' + END.encode() + b'","conditions":[["content-length-range",0,' + b"9" * 5000 + b"]]}"),
        encoded({"Expiration": END, "conditions": []}),
        encoded({"expiration": END}),
        encoded({"expiration": END, "conditions": {}}),
        encoded({"expiration": END, "conditions": [{"a": "b"}] * 101}),
        *(
            encoded({"expiration": end, "conditions": []})
            for end in (
                None,
                1_790_000_000,
                "",
                END[:-1],
                END[:-1] + "z",
                END[:-1] + "+00:00",
                END[:10],
                "2026-02-30T00:00:00Z",
            )
        ),
        *(
            with_condition(item)
            for item in (
                None,
                "acl",
                {},
                {"a": "b", "c": "d"},
                {"a": 1},
                {"a": None},
                {"": "b"},
                {"a" * 257: "b"},
                {"a b": "b"},
                {'a"b': "b"},
                {"a\\b": "b"},
                {"a\r\nb": "b"},
                {"a\n": "b"},
                {"a\x1b[2J": "b"},
                {"a\x7f": "b"},
                ["eq", "$a\x00", "b"],
                ["starts-with", "$a\tb", "b"],
                ["eq", "$\ud800", "b"],
                {"\u212aey": "b"},
                [],
                ["eq", "$a"],
                ["eq", "$a", "b", "c"],
                ["eq", "a", "b"],
                ["eq", "$", "b"],
                ["eq", 1, "b"],
                ["EQ", "$a", "b"],
                ["ends-with", "$a", "b"],
                ["content-length-range", 0],
                ["content-length-range", -1, 1],
                ["content-length-range", 0, 1 << 51],
                ["content-length-range", 0, True],
                ["content-length-range", 0, " 1"],
                ["content-length-range", 0, "\u0661"],
                ["content-length-range", 0, None],
            )
        ),
    ],
)
def test_policies_that_are_refused(text: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_policy(text)
    assert caught.value.reason is Reason.MALFORMED
    assert caught.value.detail.startswith("policy: ")
