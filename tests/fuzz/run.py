"""Fuzz every target for a bounded time: `python tests/fuzz/run.py --seconds 60 [--target NAME]`.

Each target runs in a process of its own under atheris (libFuzzer). An input that breaks one is kept and named.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
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


def fuzz_here(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; never returns."""
    import atheris

    with atheris.instrument_imports(include=PARSERS):
        from tests.fuzz.targets import PLANTED, TARGETS
    atheris.Setup([sys.argv[0], *arguments], (TARGETS | PLANTED)[name].run)
    atheris.Fuzz()


def write_seeds(name: str, folder: Path) -> None:
    """Write the target's seeds as files, named for their hash."""
    from tests.fuzz.targets import PLANTED, TARGETS

    folder.mkdir(parents=True, exist_ok=True)
    for seed in (TARGETS | PLANTED)[name].seeds():
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def fuzz(name: str, seconds: int, folder: Path, seed: int = 1) -> subprocess.CompletedProcess[str]:
    """Fuzz one target in a new process for about `seconds`; a return code other than 0 is a finding."""
    corpus = folder / name
    write_seeds(name, corpus)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.run",
        "--here",
        name,
        str(corpus),
        f"-max_total_time={seconds}",
        f"-seed={seed}",
    ]
    command += [
        "-max_len=8192",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/broken-{name}-",
    ]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=seconds + 120)


def main() -> int:
    """Run what the command line names; 0 when nothing broke."""
    if sys.argv[1:2] == ["--here"]:
        fuzz_here(sys.argv[2], sys.argv[3:])
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="counterseal-fuzz-"))
    broken = 0
    for name in options.target or TARGETS:
        done = fuzz(name, options.seconds, folder, options.seed)
        runs = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        print(f"{name}: {runs[-1] if runs else '?'} inputs, {'ok' if done.returncode == 0 else 'BROKEN'}", flush=True)
        if done.returncode != 0:
            broken += 1
            print((done.stdout + done.stderr)[-4000:])
    if broken:
        print(f"the inputs are kept in {folder}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
