"""What the metrics endpoint says, read by Prometheus' own parser."""

import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import RunningServer
from tests.workers.load import wait_for


@dataclass(frozen=True)
class Scraped:
    text: str
    samples: list[tuple[str, dict[str, str], float]]

    def values(self, name: str, **labels: str) -> list[float]:
        return [value for found, given, value in self.samples if found == name and labels.items() <= given.items()]

    def workers(self) -> set[str]:
        return {labels["worker"] for _, labels, _ in self.samples if "worker" in labels}


def scrape(server: RunningServer) -> Scraped:
    with urllib.request.urlopen(server.metrics_url, timeout=90) as response:
        text = response.read().decode()
    families = list(text_string_to_metric_families(text))
    return Scraped(text, [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples])


def scrape_whole(server: RunningServer) -> Scraped:
    """Scrape until no worker is left out: the supervisor waits for a busy one no longer than Prometheus would."""

    def whole() -> Scraped | None:
        found = scrape(server)
        return found if found.values("counterseal_workers_unread") == [0.0] else None

    found: Scraped = wait_for(whole, "all workers answer for their metrics")
    return found
