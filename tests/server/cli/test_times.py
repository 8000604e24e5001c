import datetime as dt

import pytest

from counterseal.server.cli.times import read_duration, read_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2027-01-31T12:00:00Z", dt.datetime(2027, 1, 31, 12, tzinfo=dt.UTC)),
        ("2027-01-31T12:00:00.5Z", dt.datetime(2027, 1, 31, 12, 0, 0, 500_000, tzinfo=dt.UTC)),
        ("2027-01-31T12:00:00.000001Z", dt.datetime(2027, 1, 31, 12, 0, 0, 1, tzinfo=dt.UTC)),
        ("2027-01-31T00:30:00+01:30", dt.datetime(2027, 1, 30, 23, tzinfo=dt.UTC)),
        ("2027-01-31T23:30:00-01:00", dt.datetime(2027, 2, 1, 0, 30, tzinfo=dt.UTC)),
    ],
)
def test_times(text: str, time: dt.datetime) -> None:
    assert read_time(text) == time
    assert read_time(text).utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2027-01-31", "2027-01-31T12:00:00", "2027-01-31 12:00:00Z", "2027-01-31t12:00:00z", "2027-1-31T12:00:00Z",
        "2027-02-29T12:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T12:00:60Z", "2027-01-31T12:00:00.Z",
        "2027-01-31T12:00:00Z ",
        "2027-01-31T12:00:00.1234567Z", "2027-01-31T12:00:00+0130", "2027-01-31T12:00:00+01:60", "2027-01-31T12:00:00+25:00",
        "٢027-01-31T12:00:00Z", "2027-01-31T12:00:00Z\n", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("4w", 2_419_200),
        ("1h30m", 5_400),
        ("1w1d1h1m1s", 694_861),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert read_duration(text) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "0s", "0d0h", "-1d", "+1d", "1.5h", "1_0s", "30m1h", "1d1d", "1 d", "1D", "1y", "٣d", "1d\n", "999999999w"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        read_duration(text)
