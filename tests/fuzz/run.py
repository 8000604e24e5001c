"""Fuzz every target for a bounded time: `python tests/fuzz/run.py --seconds 60 [--target NAME]`.

Each target runs in a process of its own under atheris (libFuzzer). An input that breaks one is kept and named.
"""

import argparse
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(REPOSITORY))  # so that the file can be run by its path as well

# What is instrumented; a module that is named comes with those below it.
PARSERS = [
    "counterseal.core",
    "counterseal.server.cli.raw_http",
    "counterseal.server.cli.times",
    "counterseal.server.config",
    "counterseal.server.keys.cipher",
    "counterseal.server.keys.master",
    "counterseal.server.keys.public",
    "counterseal.server.keys.tickets",
    "counterseal.server.rpc.chunks",
    "counterseal.server.rpc.convert",
    "counterseal.server.rpc.key_messages",
    "counterseal.server.settings",
    "counterseal_client._convert",
]


def write_seeds(name: str, folder: Path) -> None:
    """Write the target's seeds as files, named for their hash."""
    from tests.fuzz.targets import PLANTED, TARGETS

    folder.mkdir(parents=True, exist_ok=True)
    for seed in (TARGETS | PLANTED)[name].seeds():
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def fuzz_here() -> None:
    """Have the parsers instrumented once, and fork a process for each target that standard input names."""
    import atheris

    with atheris.instrument_imports(include=PARSERS):
        from tests.fuzz.targets import PLANTED, TARGETS
    for line in sys.stdin:
        name, log, *arguments = json.loads(line)
        child = os.fork()
        if child:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for standard in (1, 2):
            os.dup2(descriptor, standard)
        atheris.Setup([sys.argv[0], *arguments], (TARGETS | PLANTED)[name].run)
        atheris.Fuzz()  # never returns


@dataclass(frozen=True)
class Fuzzed:
    """How it ended: a return code other than 0 is a finding, and the output says of what."""

    returncode: int
    output: str


class Fuzzer:
    """Fuzzes targets, each in a process of its own, which is born with its parsers instrumented: that takes seconds."""

    def __init__(self, folder: Path) -> None:
        """`folder` takes corpora, outputs, and inputs that break a target."""
        self.folder = folder
        command = [sys.executable, "-m", "tests.fuzz.run", "--here"]
        with (folder / "instrumenting.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )

    def fuzz(self, name: str, seconds: int, seed: int = 1) -> Fuzzed:
        """Fuzz one target for about `seconds`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        corpus, log = self.folder / name, self.folder / f"{name}.log"
        write_seeds(name, corpus)
        arguments = [
            str(corpus),
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            "-max_len=8192",
            "-timeout=120",  # of an input by the clock on the wall, whether the machine came to this process or not
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            f"-artifact_prefix={self.folder}/broken-{name}-",
        ]
        self._process.stdin.write(json.dumps([name, str(log), *arguments]).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"nothing was fuzzed: {(self.folder / 'instrumenting.log').read_text()[-4000:]}")
        return Fuzzed(int(answer), log.read_text(errors="replace"))

    def close(self) -> None:
        """End it, and what is under way."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def main() -> int:
    """Run what the command line names; 0 when nothing broke."""
    if sys.argv[1:2] == ["--here"]:
        fuzz_here()
        return 0
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="counterseal-fuzz-"))
    broken = 0
    with contextlib.closing(Fuzzer(folder)) as fuzzer:
        for name in options.target or TARGETS:
            done = fuzzer.fuzz(name, options.seconds, options.seed)
            runs = [line.split()[-1] for line in done.output.splitlines() if "number_of_executed_units" in line]
            print(f"{name}: {runs[-1] if runs else '?'} inputs, {'ok' if done.returncode == 0 else 'BROKEN'}", flush=True)
            if done.returncode != 0:
                broken += 1
                print(done.output[-4000:])
    if broken:
        print(f"the inputs are kept in {folder}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
