"""What a campaign saw, and how it is told."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Results:
    """What was seen. Times in seconds."""

    # From the acknowledged commit to the first refusal, by the slowest of all connections.
    effects: list[float] = field(default_factory=list)
    # From there to the last verified answer on any connection.
    last_verified: list[float] = field(default_factory=list)
    # Begun before the effective time, answered as verified after it.
    crossing: int = 0
    # Begun after the effective time, answered as verified: must be empty.
    wrong: list[str] = field(default_factory=list)
    # Good keys refused: must be empty.
    refused: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    # Calls for keys that had been refused everywhere before, by what was answered: during the faults, and after them.
    again: list[Counter[str]] = field(default_factory=list)
    # Verdicts that each worker has given, by its replica and number.
    verdicts: dict[str, float] = field(default_factory=dict)

    def row(self, engine: str, fault: str) -> str:
        return (
            f"| {engine} | {fault} | {len(self.effects)} | {_shares(self.effects)} | {_shares(self.last_verified)} | "
            f"{self.checked} | {len(self.wrong)} | {self.crossing} | {self.outcomes['UNAVAILABLE']} |"
        )


HEAD = (
    "| database | fault | revocations | commit to first refusal everywhere p50 / p99 / max, ms | "
    "commit to last verified p50 / p99 / max, ms | calls begun after the effective time | of those verified | "
    "begun before, verified after | answers UNAVAILABLE |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def _shares(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    found = sorted(seconds)
    return " / ".join(f"{1000 * found[min(len(found) - 1, int(len(found) * share))]:.0f}" for share in (0.5, 0.99, 1.0))
