"""A whole deployment: a Counterseal server, the example gateway, and moto as the upstream, each a process of its own."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterseal.v1 import keys_pb2
from counterseal.v1.keys_pb2_grpc import KeyServiceStub
from tests.support.process import RunningServer

HERE = Path(__file__).parent
# Of servers behind a gateway: longer than a busy machine may stand still.
PATIENT = {"STORE_TIMEOUT": "60"}


@dataclass(frozen=True)
class Credentials:
    key_id: str
    secret: str = field(repr=False)


@dataclass
class World:
    """`port` is the gateway's; `passed_on` what reached the upstream since it was last asked."""

    server: RunningServer
    port: int
    record: Path
    gateway_log: Path
    bodies: Path
    _seen: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def issue(self, principal: str = "alice", *schemes: str, pem: str = "") -> Credentials:
        """Issue a key, by default for `aws-sigv4`; with `pem`, register that public key."""
        request = keys_pb2.IssueKeyRequest(principal=principal, allowed_schemes=schemes)
        if pem:
            request.public_key.pem = pem
        with self.server.channel() as channel:
            answer = KeyServiceStub(channel).IssueKey(request, metadata=tuple(self.server.admin_metadata), timeout=60)
        return Credentials(answer.key.key_id, answer.secret)

    def demand(self, **stated: Any) -> None:
        """Have the gateway demand this from now on."""
        draft = self.record.with_name("demand.new")
        draft.write_text(json.dumps(stated))
        draft.rename(self.record.with_name("demand.json"))

    def revoke(self, key_id: str) -> None:
        with self.server.channel() as channel:
            KeyServiceStub(channel).Revoke(
                keys_pb2.RevokeRequest(key_id=key_id, reason="a test"), metadata=tuple(self.server.admin_metadata), timeout=60
            )

    def handed_over(self) -> list[tuple[bytes, bool]]:
        """Return what has been handed to the upstream of each body since it was last asked, and whether that was all of it."""
        paths = sorted(self.bodies.iterdir())
        try:
            found = [(path.read_bytes(), path.suffix == ".whole") for path in paths]
        except FileNotFoundError:  # it got its last piece, and with it another name
            return self.handed_over()
        for path in paths:
            path.unlink(missing_ok=True)
        return found

    def passed_on(self) -> list[dict[str, Any]]:
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        new, self._seen = lines[self._seen :], len(lines)
        return [json.loads(line) for line in new]


@contextlib.contextmanager
def running_gateway(
    server: RunningServer, upstream: str, folder: Path, http: str = "auto", tls: tuple[Path, Path] | None = None
) -> Iterator[World]:
    """The example gateway before `upstream`, with uvicorn's parser `http` (`h11` or `httptools`); `tls`: certificate, key."""
    folder.mkdir(parents=True, exist_ok=True)
    record, log, bodies = folder / "passed-on.jsonl", folder / "gateway.log", folder / "bodies"
    bodies.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERSEAL_SERVER", "AWS_"))}
    env |= {
        "COUNTERSEAL_SERVER": server.address,
        "UPSTREAM": upstream,
        "RECORD": str(record),
        "HTTP": http,
        "BODIES": str(bodies),
        "DEMAND": str(folder / "demand.json"),
    }
    env |= {"TLS_CERT": str(tls[0]), "TLS_KEY": str(tls[1])} if tls else {}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "run_gateway.py")],
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError(f"the gateway did not start: {log.read_text(errors='replace')}")
        yield World(server, int(line), record, log, bodies)
    finally:
        process.terminate()
        process.wait(120)


@contextlib.contextmanager
def running_moto(folder: Path) -> Iterator[str]:
    """A moto server that answers as S3, DynamoDB, SQS and others; yields its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stderr is not None
    timer = threading.Timer(120, process.kill)
    timer.start()
    log = (folder / "moto.log").open("wb")
    try:
        for line in process.stderr:
            log.write(line)
            if match := re.search(rb"Running on (http://127\.0\.0\.1:\d+)", line):
                threading.Thread(target=_copy, args=(process.stderr, log), daemon=True).start()
                timer.cancel()
                yield match[1].decode()
                return
        raise RuntimeError(f"moto did not start: {(folder / 'moto.log').read_text(errors='replace')}")
    finally:
        timer.cancel()
        process.terminate()
        process.wait(120)


def _copy(source: Any, log: Any) -> None:
    with contextlib.suppress(ValueError, OSError):
        for line in source:
            log.write(line)
            log.flush()
