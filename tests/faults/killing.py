"""Who is killed when. The seed decides the order, the moments, and what is killed beside a database that is down."""

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.faults.ledger import Ledger
from tests.faults.site import Site
from tests.faults.traffic import PATIENCE, Traffic, until

# What a reseal may end with: done, nobody knows (the database was killed), or killed itself.
RESEAL_ENDS = {0, 5, -9}


class Resealing:
    """`secrets reseal` again and again, beside the traffic."""

    def __init__(self, site: Site, ledger: Ledger) -> None:
        self._site, self._ledger = site, ledger
        self._running: subprocess.Popen[str] | None = None

    def ensure(self) -> None:
        """Start one, if none is under way."""
        if self._running is None:
            self._running = self._site.launch("secrets", "reseal", "--pause", "0.1")
        elif self._running.poll() is not None:
            self._end()
            self.ensure()

    def kill(self) -> None:
        """Kill it, wherever it is."""
        if self._running is not None:
            self._running.kill()
            self._end()

    def finish(self) -> None:
        """Let it come to its end."""
        if self._running is not None:
            self._end()

    def _end(self) -> None:
        assert self._running is not None
        ended, self._running = self._running, None
        output, _ = ended.communicate(timeout=PATIENCE)
        self._ledger.count(f"reseal ended with {ended.returncode}")
        if ended.returncode not in RESEAL_ENDS:
            self._ledger.note_wrong(f"a reseal ended with {ended.returncode}: {output}")


class Killer:
    """Rounds, in each of which everything is killed once: so there are never as many workers as would be a crash loop."""

    def __init__(self, site: Site, traffic: Traffic, ledger: Ledger, seed: str) -> None:
        self._site, self._traffic, self._ledger = site, traffic, ledger
        self._draw = random.Random(f"{seed}/kills")
        self._resealing = Resealing(site, ledger)
        self.kills: Counter[str] = Counter()
        self.recoveries: Counter[str] = Counter()

    def run(self, rounds: int) -> None:
        ways: dict[str, Callable[[], None]] = {"server": self._server, "reseal": self._reseal}
        if self._site.database is not None:
            ways |= {"worker": self._worker, "database": self._database}
        for _ in range(rounds):
            for kind in self._draw.sample(sorted(ways), len(ways)):
                self._resealing.ensure()
                threading.Event().wait(self._draw.uniform(0.2, 1.5))
                ways[kind]()
                self.kills[kind] += 1
                self._recovered(kind)
        self._resealing.finish()

    def _server(self) -> None:
        # Each life has another active master key, so a reseal of the life before has to be over.
        self._resealing.kill()
        self._site.kill_server()
        threading.Event().wait(self._draw.uniform(0.0, 0.5))
        self._site.start()

    def _worker(self) -> None:
        assert self._site.kill_worker(self._draw)

    def _reseal(self) -> None:
        # Somewhere between its start, which takes about a second, and its end.
        threading.Event().wait(self._draw.uniform(0.0, 2.0))
        self._resealing.kill()

    def _database(self) -> None:
        database = self._site.database
        assert database is not None
        database.kill()
        # Half of the time a worker dies too: its replacement has to wait for the database.
        if self._draw.random() < 0.5 and self._site.kill_worker(self._draw):
            self.kills["worker beside the database"] += 1
        threading.Event().wait(self._draw.uniform(0.2, 2.5))
        database.start()

    def _recovered(self, kind: str) -> None:
        """What was killed is there again, and nothing else was touched: wait until the traffic is answered, changes too."""
        before = time.monotonic()
        seen = Counter(self._ledger.counts)
        needed = ("verify verified", "issue acknowledged", "rotate acknowledged", "revoke acknowledged")
        until(
            lambda: all(self._ledger.counts[what] > seen[what] for what in needed) or self._ledger.wrong,
            f"the service answers again after kill -9 of {kind}",
        )
        if self._site.database is not None:
            until(lambda: len(self._site.server.workers()) == 2 or self._ledger.wrong, "two workers")
        self.recoveries[kind] += 1
        print(f"kill -9 of {kind}: answers again after {time.monotonic() - before:.1f} s")
