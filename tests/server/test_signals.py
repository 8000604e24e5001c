"""Signals that come at the worst moment: a handler runs with whatever locks the main thread holds."""

import subprocess
import sys

import pytest

# The lock of the event is held when the signal comes, as it is for a moment whenever somebody waits for the event or sets it.
_ONE = """
import signal
from counterseal.server.signals import ending_signals
with ending_signals() as stop:
    with stop._cond:
        signal.raise_signal(signal.{name})
    print(stop.wait(120), flush=True)
"""
_TWO = """
import signal, time
from counterseal.server.signals import ending_signals
with ending_signals() as stop:
    with stop._cond:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.{name})
    time.sleep(120)
"""
_HANGUP = """
import signal, threading
from counterseal.server.signals import hangups
lock, heard = threading.Lock(), threading.Event()

def hear():
    with lock:
        heard.set()

with hangups(hear):
    with lock:
        signal.raise_signal(signal.SIGHUP)
    print(heard.wait(120), flush=True)
"""


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_in_the_middle_of_waiting_is_heard(name: str) -> None:
    done = _run(_ONE.format(name=name))
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


@pytest.mark.parametrize(("name", "number"), [("SIGTERM", 15), ("SIGINT", 2)])
def test_a_second_one_ends_the_process_at_once(name: str, number: int) -> None:
    assert _run(_TWO.format(name=name)).returncode == -number


def test_a_hangup_in_the_middle_of_a_line_of_the_log_is_heard() -> None:
    done = _run(_HANGUP)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
