"""What a supervisor and a worker say to one another.

The two may be of different releases: a supervisor goes on through reloads that bring new code. So nothing that is here may
change its meaning, readers leave out what they do not know, and what is new needs a default.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

# From the supervisor, each followed by the end of the line. After RETIRE there may be a space and the place among the listeners
# on the port of the first one that stays.
STOP: Final = b"stop"
RETIRE: Final = b"retire"
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a worker is started with. `listen` and `metrics` are what the settings said when the service was started."""

    # 1 for the first worker, counting on over all that were ever started: the `worker` label of metrics and logs.
    serial: int
    # 0 to the number of workers - 1: what is there once for each worker that serves, such as a core.
    slot: int
    listen: str
    metrics: str
    # The port that was taken, also where `listen` says 0.
    port: int
    supervisor: int
    # File descriptors of sockets to the supervisor.
    control: int
    scrapes: int

    def text(self) -> str:
        """Return the errand as one argument of a command. It holds no secrets."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Errand":
        """Read the argument of a command that a supervisor built."""
        given = json.loads(text)
        return cls(**{name: given[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a worker says once it answers: the settings that concern the supervisor. `age` is that of connections. Seconds."""

    workers: int
    grace: float
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Why a worker cannot start, in the safe words of a ServiceError, and the exit code for it."""

    text: str
    code: int


def write(said: Ready | Failed) -> bytes:
    """Return the line that says it."""
    return json.dumps({"kind": type(said).__name__, **asdict(said)}).encode() + b"\n"


class Lines:
    """The whole lines of a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, piece: bytes) -> list[bytes]:
        """Return the lines that `piece` completes. A line without end is dropped: nobody of ours writes one."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _MOST_BYTES:
            self._rest = b""
        return lines


def read(line: bytes) -> Ready | Failed | None:
    """Read what a worker said; None for what this release does not know."""
    try:
        given = json.loads(line)
        return _read(given)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _read(given: Mapping[str, Any]) -> Ready | Failed | None:
    if given.get("kind") == "Ready":
        return Ready(workers=int(given["workers"]), grace=float(given["grace"]), age=float(given["age"]))
    if given.get("kind") == "Failed":
        return Failed(text=str(given["text"]), code=int(given["code"]))
    return None
