"""The metrics of several processes as one: each process's samples carry its number in the label `worker`."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

LABEL: Final = "worker"


def dump(registry: CollectorRegistry) -> bytes:
    """Return every sample of the registry now, for `Merged` in another process."""
    families = [
        {
            "name": family.name,
            "help": family.documentation,
            "type": family.type,
            "samples": [[sample.name, sample.labels, sample.value] for sample in family.samples],
        }
        for family in registry.collect()
    ]
    return json.dumps(families).encode()


class Merged(Collector):
    """Collects what `gather` yields: a worker's number, and what `dump` returned there, cut off or not.

    Each family is described once. Where two releases serve at the same time and disagree about a family's type, those samples
    are left out that disagree with the newest worker: one exposition cannot hold both.
    """

    def __init__(self, gather: Callable[[], Iterable[tuple[int, bytes]]]) -> None:
        self._gather = gather

    def collect(self) -> Iterator[Metric]:
        """Yield every family of every worker that answered, and how many did not."""
        merged: dict[str, Metric] = {}
        unread = 0
        for serial, text in sorted(self._gather(), reverse=True):
            try:
                families = list(_read(json.loads(text), str(serial)))
            except (ValueError, KeyError, TypeError):
                unread += 1
                continue
            for family in families:
                whole = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                if whole.type == family.type:
                    whole.samples.extend(family.samples)
        yield GaugeMetricFamily(
            "counterseal_workers_unread", "Workers whose metrics are missing from this answer.", value=unread
        )
        yield from merged.values()


def _read(families: Any, serial: str) -> Iterator[Metric]:
    for given in families:
        family = Metric(given["name"], given["help"], given["type"])
        for name, labels, value in given["samples"]:
            family.add_sample(name, {**labels, LABEL: serial}, float(value))
        yield family
