"""Settings of the guard that are sound alone and unsafe together, and what it reports."""

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from counterseal.server.config import load_config
from counterseal.server.errors import ConfigError
from tests.server.calls import signed
from tests.server.inprocess import in_process


def _load(**settings: str) -> object:
    return load_config({f"COUNTERSEAL_{name}": value for name, value in settings.items()})


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"REPLAY": "memory", "WORKERS": "2"}, ["COUNTERSEAL_REPLAY:", "COUNTERSEAL_WORKERS=2", "sql or redis"]),
        ({"REPLAY": "redis"}, ["COUNTERSEAL_REPLAY:", "COUNTERSEAL_REPLAY_URL"]),
        ({"REPLAY_URL": "redis://:secret@h"}, ["COUNTERSEAL_REPLAY_URL:", "COUNTERSEAL_REPLAY=redis"]),
        ({"REPLAY": "sql", "REPLAY_URL": "redis://:secret@h"}, ["COUNTERSEAL_REPLAY_URL:", "which is sql"]),
        ({"REPLAY_EXEMPT_SCHEMES": "slack"}, ["COUNTERSEAL_REPLAY_EXEMPT_SCHEMES:", "slack", "COUNTERSEAL_SCHEMES"]),
        ({"REPLAY_COLD_START": "maybe"}, ["COUNTERSEAL_REPLAY_COLD_START:"]),
        ({"REPLAY": "on"}, ["COUNTERSEAL_REPLAY:"]),
    ],
)
def test_what_does_not_go_together(settings: dict[str, str], names: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        _load(**settings)
    assert all(name in str(raised.value) for name in names), str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"REPLAY": "sql", "WORKERS": "4"},
        {"REPLAY": "redis", "WORKERS": "4", "REPLAY_URL": "redis://h"},
        {"REPLAY": "memory"},
        {"REPLAY_EXEMPT_SCHEMES": "aws-sigv4", "REPLAY_EXEMPT_METHODS": ""},
    ],
)
def test_what_does(settings: dict[str, str]) -> None:
    assert _load(**settings)


def test_the_password_is_in_no_repr() -> None:
    assert "secret" not in repr(_load(REPLAY="redis", REPLAY_URL="redis://:secret@h"))


def test_a_url_that_is_of_no_use_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="COUNTERSEAL_REPLAY_URL"),
        in_process(tmp_path / "a", REPLAY="redis", REPLAY_URL="http://:secret@h"),
    ):
        pass


def test_the_metrics(tmp_path: Path) -> None:
    with in_process(tmp_path / "a", REPLAY="memory", REPLAY_COLD_START="accept", REPLAY_ENTRIES="2") as here:
        issued = here.client.issue()
        requests = [signed(issued, target=b"/bucket/%d" % number, request_id="r-1") for number in range(3)]
        assert here.client.verify(requests[0]) == "verified"
        assert here.client.verify(requests[0]) == "verified"
        requests[0].request_id = "r-2"
        assert here.client.verify(requests[0]) == "REPLAYED"
        assert here.client.verify(requests[1]) == "verified"
        with pytest.raises(Exception, match="full"):
            here.client.verify(requests[2])
        text = generate_latest(here.service.metrics.registry).decode()
    counted = dict(re.findall(r'counterseal_replay_total\{outcome="(\w+)"\} (\S+)', text))
    assert counted == {
        "first": "2.0",
        "repeat_of_same_request": "1.0",
        "replayed": "1.0",
        "exempt": "0.0",
        "unavailable": "1.0",
    }
    assert "counterseal_replay_entries 2.0" in text
    assert "counterseal_replay_seconds_count 5.0" in text
    assert "counterseal_replay_up 1.0" in text
