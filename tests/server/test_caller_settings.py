"""Callers of the configuration: roles, pace, and what is refused at start. And which refused calls get a line in the log."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from counterseal.server.callers import Caller, Pace, Role, call_book
from counterseal.server.callers.bearer import bearer_sha256, is_bearer, new_bearer, read_bearer
from counterseal.server.callers.caller import pace_of
from counterseal.server.config import load_config
from counterseal.server.errors import CallerLimitReached, CallerNotPermitted, CallerUnknown, ConfigError, StoreUnavailable
from counterseal.server.rpc.refusals import Refusals, is_refusal

HEAD = f'[[callers]]\nname = "edge"\ntoken_sha256 = "{"ab" * 32}"\n'


def _load(tmp_path: Path, toml: str) -> Caller:
    (tmp_path / "c.toml").write_text(toml)
    settings = load_config({"COUNTERSEAL_CONFIG": str(tmp_path / "c.toml")}).callers
    found = call_book(settings, admin_token=None, anonymous=None).of_bearer(b"\xab" * 32)
    assert found is not None
    return found


@pytest.mark.parametrize(("role", "lease"), [("admin", False), ("auditor", False), ("gateway", False), ("lease", True)])
def test_roles(tmp_path: Path, role: str, lease: bool) -> None:
    caller = _load(tmp_path, f'{HEAD}role = "{role}"')
    assert (caller.role, caller.lease, caller.pace) == (Role(role), lease, None)


def test_pace(tmp_path: Path) -> None:
    caller = _load(tmp_path, f'{HEAD}role = "gateway"\nlease = true\ncalls_per_second = 5\nburst = 9\nconcurrent_calls = 2')
    assert caller.pace == Pace(calls_per_second=5, burst=9, concurrent_calls=2)
    assert caller.lease


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('role = "root"', "role must be one of admin, auditor, gateway, lease"),
        ('role = "Admin"', "role must be"),
        ('role = ["admin"]', "role must be"),
        ('role = "auditor"\nlease = true', "an auditor verifies nothing"),
        ('role = "auditor"\nstring_to_sign = true', "an auditor verifies nothing"),
        ('role = "gateway"\ncalls_per_second = 0', "calls_per_second must be a whole number from 1 to 1000000"),
        ('role = "gateway"\ncalls_per_second = -1', "calls_per_second must be"),
        ('role = "gateway"\ncalls_per_second = 1000001', "calls_per_second must be"),
        ('role = "gateway"\ncalls_per_second = 1.5', "calls_per_second must be"),
        ('role = "gateway"\ncalls_per_second = true', "calls_per_second must be"),
        ('role = "gateway"\nconcurrent_calls = "7"', "concurrent_calls must be"),
        ('role = "gateway"\nburst = 7', "burst needs calls_per_second"),
        ('role = "gateway"\nrate = 7', "there is no setting 'rate'"),
    ],
)
def test_what_is_refused_at_start(tmp_path: Path, toml: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        _load(tmp_path, HEAD + toml)


def test_no_pace_is_none() -> None:
    assert pace_of(calls_per_second=0, burst=0, concurrent_calls=0) is None
    assert pace_of(calls_per_second=0, burst=0, concurrent_calls=1) == Pace(concurrent_calls=1)


def test_bearer_tokens() -> None:
    made = {new_bearer() for _ in range(100)}
    assert len(made) == 100
    for text in made:
        assert is_bearer(text)
        assert read_bearer(f"Bearer {text}") == bearer_sha256(text)
    assert read_bearer("Bearer short") is None


def test_refusals_are_all_counted_and_not_all_logged() -> None:
    clock, registry = [0.0], CollectorRegistry()
    refusals = Refusals(registry, clock=lambda: clock[0])
    edge = Caller(name="edge", role=Role.GATEWAY)
    lines = [refusals.note("CALLER_LIMIT", edge) for _ in range(100)]
    assert [line is not None for line in lines] == [True] * 20 + [False] * 80
    # Others have lines of their own.
    assert refusals.note("CALLER_NOT_PERMITTED", edge) == {}
    assert refusals.note("CALLER_LIMIT", Caller(name="mesh", role=Role.LEASE)) == {}
    assert refusals.note("CALLER_UNKNOWN", None) == {}
    assert refusals.note("CALLER_UNKNOWN", Caller(name="anonymous", role=Role.GATEWAY, anonymous=True)) == {}
    clock[0] = 10.0
    assert refusals.note("CALLER_LIMIT", edge) == {"left_out": 80}
    assert refusals.note("CALLER_LIMIT", edge) == {}
    name = "counterseal_refused_calls_total"
    assert registry.get_sample_value(name, {"reason": "CALLER_LIMIT", "role": "gateway"}) == 102
    assert registry.get_sample_value(name, {"reason": "CALLER_LIMIT", "role": "lease"}) == 1
    assert registry.get_sample_value(name, {"reason": "CALLER_UNKNOWN", "role": "unknown"}) == 1
    assert registry.get_sample_value(name, {"reason": "CALLER_UNKNOWN", "role": "anonymous"}) == 1


def test_what_is_a_refusal() -> None:
    for error in (CallerUnknown("x"), CallerNotPermitted("x"), CallerLimitReached("x")):
        assert is_refusal(error)
    assert not is_refusal(StoreUnavailable("x"))
