"""What the example program of every language has to show. A test file per language names the build and inherits the rest."""

import abc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.stubs.fake_server import answering
from tests.clients.stubs.requests import KEY_ID, Sample, import_key, signed_sample
from tests.support.process import RunningServer, running_server

# An outcome of number 99, as a newer contract might send it.
OUTCOME_FROM_THE_FUTURE = b"\x9a\x06\x02\x0a\x00"


class ExampleProgram(abc.ABC):
    """The tests. `build` returns the command that runs the program."""

    # A first build downloads and compiles the language's gRPC.
    pytestmark = pytest.mark.timeout(900)

    @staticmethod
    @abc.abstractmethod
    def build() -> list[str]: ...

    @pytest.fixture(scope="class")
    @classmethod
    def program(cls) -> list[str]:
        return cls.build()

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, program: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
        with running_server(tmp_path_factory.mktemp("data") / "data") as server:
            import_key(server)
            yield server

    def test_issues_a_key_and_hears_that_an_unsigned_request_is_refused(
        self, program: list[str], server: RunningServer
    ) -> None:
        issued, outcome = run(program, server.address, server.admin_token)
        assert issued.startswith("issued ")
        assert len(issued) > len("issued ") + 3
        assert outcome == "rejected REJECTION_REASON_UNSIGNED"

    def test_hears_who_signed(self, program: list[str], server: RunningServer, tmp_path: Path) -> None:
        path = signed_sample().write(tmp_path / "request")
        assert run(program, server.address, server.admin_token, path)[1] == f"verified {KEY_ID}"

    def test_hears_that_a_changed_request_is_refused(self, program: list[str], server: RunningServer, tmp_path: Path) -> None:
        signed = signed_sample()
        path = Sample(signed.target.replace("cat", "cut"), signed.headers).write(tmp_path / "request")
        assert run(program, server.address, server.admin_token, path)[1] == "rejected REJECTION_REASON_MISMATCH"

    def test_takes_an_outcome_that_it_does_not_know_for_a_no(self, program: list[str]) -> None:
        with answering(OUTCOME_FROM_THE_FUTURE) as address:
            assert run(program, address, "none")[1].startswith("not verified")

    def test_takes_an_empty_answer_for_a_no(self, program: list[str]) -> None:
        with answering(b"") as address:
            assert run(program, address, "none")[1].startswith("not verified")

    def test_ends_with_an_error_when_the_caller_is_not_known(self, program: list[str], server: RunningServer) -> None:
        done = start(program, server.address, "not-the-administrator")
        assert done.returncode != 0
        assert "issued" not in done.stdout


def start(program: list[str], address: str, bearer: str, request: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"COUNTERSEAL_SERVER": address, "COUNTERSEAL_TOKEN": bearer}
    env.pop("COUNTERSEAL_REQUEST", None)
    if request:
        env["COUNTERSEAL_REQUEST"] = str(request)
    return subprocess.run(program, env=env, capture_output=True, text=True, timeout=180, check=False)


def run(program: list[str], address: str, bearer: str, request: Path | None = None) -> list[str]:
    """Run the program to its end and return the two lines that it prints: the issued key and the outcome."""
    done = start(program, address, bearer, request)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout + done.stderr
    return lines
