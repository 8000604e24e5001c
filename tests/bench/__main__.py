"""CPU per Verify of the server process, beside a null handler on the same server, in interleaved rounds.

python -m tests.bench [--rounds 9] [--calls 3000] [--out docs/bench]

A round sends the same number of messages to each of: the null handler, Verify with a key in the cache (warm), Verify of a
bearer token in the cache (bearer), Verify with keys never asked for before (cold: store read, unseal, derivation). What is
compared is the server's own CPU time, by the kernel's account, so that client and noise count little; what is quoted is the
median over rounds of the ratio within a round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from counterseal.core.schemes.aws_sigv4 import Credentials
from counterseal.v1 import keys_pb2, keys_pb2_grpc
from tests.bench import load, plot, report, workload
from tests.bench.server import NULL_METHOD
from tests.support.process import wait_for_addresses

DEFAULT_OUT = Path("docs/bench")
VERIFY = "/counterseal.v1.VerificationService/Verify"
_VERIFIED = ("warm", "bearer", "cold")


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (process, address, token):
        os.sched_setaffinity(0, _other_cores())
        issued = _issue(address, token, 1 + options.rounds * options.cold)
        tokens = [workload.bearer_message(_issue_token(address, token))] * options.calls
        warm = [workload.message(issued[0])] * options.calls
        cold = [workload.message(credentials) for credentials in issued[1:]]
        rounds = []
        _measure(process, lambda: load.send(address, NULL_METHOD, warm))
        _measure(process, lambda: load.send(address, VERIFY, warm))
        _measure(process, lambda: load.send(address, VERIFY, tokens))
        for number in range(options.rounds):
            unseen = cold[number * options.cold : (number + 1) * options.cold]
            rounds.append(
                {
                    "null": _measure(process, lambda: load.send(address, NULL_METHOD, warm)),
                    "warm": _measure(process, lambda: load.send(address, VERIFY, warm)),
                    "bearer": _measure(process, lambda: load.send(address, VERIFY, tokens)),
                    "cold": _measure(process, lambda batch=unseen: load.send(address, VERIFY, batch)),  # type: ignore[misc]
                }
            )
            print(
                f"round {number + 1}: " + "  ".join(f"{name} {cost:6.1f} us" for name, cost in rounds[-1].items()), flush=True
            )
    result = _summary(rounds)
    print("CPU per call, median: " + ", ".join(f"{name} {result[name + '_us']:.0f} us" for name in ("null", *_VERIFIED)))
    ratios = ", ".join(f"{name} {result[name + '_ratio']:.2f}" for name in _VERIFIED)
    print(f"ratio to the null handler, median of {len(rounds)} rounds: {ratios}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "verify.json").write_text(json.dumps({"summary": result, "rounds": rounds}, indent=1) + "\n")
    plot.draw(rounds, options.out / "verify.svg")
    print(f"written: {options.out / 'verify.json'}, {options.out / 'verify.svg'}")
    if options.out == DEFAULT_OUT:
        report.put_into(Path("README.md"), result, len(rounds))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=3000, help="null, warm and bearer calls a round")
    parser.add_argument("--cold", type=int, default=600, help="cold calls a round, each with a key of its own")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the README is brought up to date when this is not given")
    return parser.parse_args()


@contextmanager
def _server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERSEAL_", "PYTHONPATH"))}
    env |= {"COUNTERSEAL_DATA_DIR": str(folder / "data"), "COUNTERSEAL_LISTEN": "127.0.0.1:0"}
    env |= {"COUNTERSEAL_METRICS_LISTEN": "127.0.0.1:0", "COUNTERSEAL_CACHE_KEYS": "100000"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server", str(min(os.sched_getaffinity(0)))],
            env=env,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        address = wait_for_addresses(process, folder / "log")["listening on"]
        yield process, address, (folder / "data" / "admin.token").read_text().strip()
    finally:
        process.terminate()
        process.wait()


def _other_cores() -> set[int]:
    cores = os.sched_getaffinity(0)
    return cores - {min(cores)} or cores


def _issue(address: str, token: str, number: int) -> list[Credentials]:
    """Issue keys; the ring keeps none of them, because nobody has asked for one yet."""
    issued = []
    with grpc.insecure_channel(address) as channel:
        stub = keys_pb2_grpc.KeyServiceStub(channel)
        for _ in range(number):
            answer = stub.IssueKey(keys_pb2.IssueKeyRequest(), metadata=(("authorization", f"Bearer {token}"),))
            issued.append(Credentials(key_id=answer.key.key_id, secret=answer.secret.encode()))
    return issued


def _issue_token(address: str, token: str) -> str:
    with grpc.insecure_channel(address) as channel:
        request = keys_pb2.IssueKeyRequest(bearer_token=keys_pb2.BearerTokenMaterial())
        answer = keys_pb2_grpc.KeyServiceStub(channel).IssueKey(request, metadata=(("authorization", f"Bearer {token}"),))
    return str(answer.secret)


def _cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, to the nanosecond, threads that have ended included."""
    # The kernel's clock of another process (clock_getcpuclockid).
    return time.clock_gettime((~pid << 3) | 2)


def _measure(process: subprocess.Popen[bytes], send: Callable[[], int]) -> float:
    """Return microseconds of server CPU per verified answer."""
    before = _cpu_seconds(process.pid)
    verified = send()
    return (_cpu_seconds(process.pid) - before) / verified * 1e6


def _summary(rounds: list[dict[str, float]]) -> dict[str, float]:
    median = statistics.median
    return {f"{name}_us": round(median(r[name] for r in rounds), 1) for name in ("null", *_VERIFIED)} | {
        f"{name}_ratio": round(median(r[name] / r["null"] for r in rounds), 3) for name in _VERIFIED
    }


if __name__ == "__main__":
    sys.exit(main())
