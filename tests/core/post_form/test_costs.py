"""What a form may cost before anybody looks for its key: counted, not timed."""

import collections
from typing import Any

import pytest

from counterseal.core import http
from counterseal.core.model import HttpRequest, Reason, Refusal, Rejected, Verified
from counterseal.core.post_form import Part, posted, read_form, values
from tests.core.post_form.parts import COSTLY, FIELDS, FILE, form2, form4, post, verdict

BOTH = pytest.mark.parametrize("make", [form4, form2], ids=["aws-sigv4", "aws-sigv2"])


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """Count what is expanded, and what is compared with conditions."""
    counts: collections.Counter[str] = collections.Counter()
    expanded, items = values._expanded, values.items

    def expanding(*arguments: str) -> str:
        counts["expanded"] += 1
        found = expanded(*arguments)
        counts["bytes"] += len(found.encode())
        return found

    def listing(name: str, value: str) -> Any:
        for item in items(name, value):
            counts["compared"] += 1
            yield item

    monkeypatch.setattr(values, "_expanded", expanding)
    monkeypatch.setattr(posted, "items", listing)
    return counts


@pytest.mark.parametrize("form", COSTLY.values(), ids=COSTLY)
def test_a_file_name_cannot_be_multiplied(form: HttpRequest, work: collections.Counter[str]) -> None:
    """63 kB that nobody signed once were expanded to 4.6 MB and split into millions of types, 240 times over."""
    assert len(form.content or b"") > 60_000
    found = verdict(form, key=None)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MALFORMED
    assert "${filename}" in found.detail
    assert work == {"expanded": 1}


@BOTH
def test_the_most_that_conditions_cost(make: Any, work: collections.Counter[str]) -> None:
    """A form at the limits: each field is expanded once, however many conditions are on it."""
    own = ",".join(["a" * 60] * 16)
    fields = {"key": "k${filename}", "Content-Type": own + "${filename}"}
    conditions = [["starts-with", "$Content-Type", "a" * most] for most in range(60)] * 2
    repeats = conditions[:90]  # 30 of these say what others say
    found = verdict(make(repeats, fields))
    assert isinstance(found, Verified), found
    assert work["expanded"] == 2
    assert work["bytes"] < 2 * values.MAX_EXPANDED_BYTES
    # Both readings of sixteen types, for each of sixty conditions; of the other fields, two readings for one condition.
    assert 60 * 2 * 16 <= work["compared"] < 60 * 2 * 16 + 10


@BOTH
def test_limits(make: Any) -> None:
    """As much as may be in a field, and one more."""
    for field, text, most, unit in (
        ("key", "user/user1/${filename}", values.MAX_EXPANDED_BYTES - len("user/user1/MyPicture.jpg"), "a"),
        ("key", "user/user1/", values.MAX_MARKS, "${filename}"),
        ("Content-Type", "image/", values.MAX_TYPE_BYTES - len("image/"), "a"),
        ("Content-Type", "image/a", values.MAX_TYPES - 1, ",image/a"),
    ):
        assert isinstance(verdict(make(fields=FIELDS | {field: text + unit * most})), Verified)
        found = verdict(make(fields=FIELDS | {field: text + unit * (most + 1)}))
        assert isinstance(found, Rejected)
        assert found.reason is Reason.MALFORMED
        assert field.lower() in found.detail


def test_limits_count_bytes_of_what_a_field_becomes() -> None:
    def expanded(value: str, filename: str) -> str:
        file = Part(name=b"file", filename=filename.encode(), content=FILE.content)
        return values.expand(read_form(http.read_request(post({"key": value}, file=file))))["key"]

    assert len(expanded("${filename}" * 2, "é" * 512).encode()) == values.MAX_EXPANDED_BYTES
    for value in ("${filename}" * 2 + "a", "${filename}" + "a" * 2047, "é" * 1020 + "${filename}"):
        with pytest.raises(Refusal, match="2048 bytes"):
            expanded(value, "é" * 512 if value.endswith("}a") else "a")
    assert expanded("$%7Bfilename}${filename}", "%2e%7e%2") == "$%7Bfilename}%2e%7e%2"
    for name in ("${filename}", "a${filename}", "name}a${file"):
        with pytest.raises(Refusal, match="after it was expanded"):
            expanded("${file${filename}name}", name)
