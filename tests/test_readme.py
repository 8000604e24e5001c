"""Every command of the README, run as it stands; only ports and the data folder are moved out of the way."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.bench.report import body_table, table
from tests.scale import report as scale_report
from tests.support.daemon import free_port
from tests.support.require import require, require_program

# Servers and a walk through all of the README, on a machine that may come to none of them for a while.
pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# Each with the port that it listens on in the README, and the setting that moves it.
BACKGROUND = {
    "make run-server": ("50051", "COUNTERSEAL_LISTEN"),
    "make run-gateway": ("8080", "LISTEN"),
    "make run-web": ("8090", "LISTEN"),
}
PORTS = tuple(port for port, _ in BACKGROUND.values())


def _blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [block.strip() for named, block in found if named == language]


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {port: free_port() for port in PORTS}


@pytest.fixture(scope="module")
def environment(ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERSEAL_", "AWS_", "MAKE"))}
    env |= {name: value for name, value in os.environ.items() if name.startswith("COUNTERSEAL_TEST_")}
    env |= {
        "COUNTERSEAL_LISTEN": f"127.0.0.1:{ports['50051']}",
        "COUNTERSEAL_METRICS_LISTEN": "127.0.0.1:0",
        "COUNTERSEAL_DATA_DIR": str(tmp_path_factory.mktemp("readme") / "data"),
    }
    return env | {"COUNTERSEAL_SERVER": env["COUNTERSEAL_LISTEN"], "GATEWAY": f"http://127.0.0.1:{ports['8080']}"}


@pytest.fixture(scope="module", autouse=True)
def _made() -> None:
    for program in ("make", "bash", "curl"):
        require_program(program)
    require((ROOT / ".venv" / ".dev").exists(), "the environment that `make test` makes")


def _moved(text: str, ports: dict[str, int]) -> str:
    for port, moved in ports.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{moved}")
    return text


@contextmanager
def _background(command: str, port: int, env: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, f"ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("did not listen in time")


def _answered(url: str) -> httpx.Response:
    """Ask until there is a verdict: of a service that does not answer within a second, the gateway says 503."""
    deadline = time.monotonic() + 60
    while (answer := httpx.get(url, timeout=60)).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="module")
def transcript(ports: dict[str, int], environment: dict[str, str]) -> str:
    """What the commands print, run in the order of the README in one shell that stops at the first failure."""
    script = "\n".join(block for block in _blocks("sh") if block not in BACKGROUND)
    with ExitStack() as servers:
        for command, (port, setting) in BACKGROUND.items():
            moved = environment | {setting: f"127.0.0.1:{ports[port]}"}
            servers.enter_context(_background(command, ports[port], moved))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _moved(script, ports)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_block_is_either_run_or_started() -> None:
    blocks = _blocks("sh")
    assert set(BACKGROUND) <= set(blocks)
    assert len(blocks) >= 6


def test_the_first_screen_prints_what_it_promises(transcript: str) -> None:
    promised = next(block for block in _blocks("") if "Hello alice" in block)
    assert promised in transcript


def test_after_revocation_it_is_refused(transcript: str) -> None:
    assert transcript.index("Revoked.") < transcript.index("refused, as it should be")


def test_the_gateway_in_ten_lines(ports: dict[str, int], environment: dict[str, str], tmp_path: Path) -> None:
    (block,) = _blocks("python")
    (tmp_path / "tenlines.py").write_text(_moved(block, ports))
    port = free_port()
    with ExitStack() as servers:
        servers.enter_context(_background("make run-server", ports["50051"], environment))
        env = environment | {"PYTHONPATH": os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))}
        servers.enter_context(
            _background(f"{sys.executable} -m uvicorn tenlines:gateway --no-proxy-headers --port {port}", port, env)
        )
        assert _answered(f"http://127.0.0.1:{port}/").status_code == 403
        issue = 'eval "$(.venv/bin/counterseal keys issue --principal bob --format aws-env)"; '
        sign = f".venv/bin/counterseal sign --url http://127.0.0.1:{port}/x --curl"
        done = subprocess.run(
            ["bash", "-c", f'{issue} command="$({sign})"; eval "$command"'],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stdout == "Hello bob\n", done.stderr[-2000:]


def test_every_file_that_the_readme_names_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_setting_of_the_readme_exists_and_none_is_missing() -> None:
    from counterseal.server.config import SETTINGS

    table = README[README.index("| setting |") : README.index("- **Callers.**")]
    named = set()
    for row in table.strip().splitlines()[2:]:
        names = re.findall(r"`([A-Z_]+)`", row.split("|")[1])
        named |= {name.removeprefix("COUNTERSEAL").removeprefix("_") for name in names}
    assert named == set(SETTINGS)


def test_the_order_of_checks_names_every_reason_in_order() -> None:
    from counterseal.core.model import Reason

    table = README[README.index("## The order of checks") : README.index("**Would the gateway")]
    named = [name for name in re.findall(r"`([A-Z_]+)`", table) if name in Reason.__members__]
    first_seen = list(dict.fromkeys(named))
    assert first_seen == list(Reason.__members__)


def test_the_numbers_are_those_of_the_last_benchmark() -> None:
    measured = json.loads((ROOT / "docs" / "bench" / "verify.json").read_text())
    assert table(measured["summary"], len(measured["rounds"])) in README
    bodies = json.loads((ROOT / "docs" / "bench" / "body.json").read_text())
    assert body_table(bodies["summary"], len(bodies["rounds"])) in README
    scale = json.loads((ROOT / "docs" / "bench" / "scale.json").read_text())
    assert scale_report.table(scale) in README
