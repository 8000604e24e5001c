"""What a supervisor is after, and how it ended."""

from dataclasses import dataclass

from counterseal.server.supervisor.messages import Ready
from counterseal.server.supervisor.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the service ended: an exit code, and the text of the error that kept the first worker from starting."""

    code: int
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What there should be: so many workers of a generation, with the settings of `snapshot`. `wanted` is 0 until known."""

    generation: int
    snapshot: Snapshot
    wanted: int = 0
    grace: float = 0.0
    age: float = 0.0
    # Whether the old workers and no others were there when this began, and none has ended since.
    orderly: bool = True

    def learn(self, said: Ready) -> None:
        """Take what a worker has read out of the settings."""
        self.wanted, self.grace, self.age = said.workers, said.grace, said.age
