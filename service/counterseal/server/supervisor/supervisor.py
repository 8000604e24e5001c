"""Looking after workers: replaced when they die, exchanged when the service is reloaded, ended when it stops.

One loop in one thread. What happens is a signal, a word of a worker, the end of a worker, or a deadline; what follows from it
is decided in `_advance`, from nothing but the workers that there are.
"""

import math
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Final

from counterseal.server.errors import ConfigError
from counterseal.server.signals import SignalQueue
from counterseal.server.supervisor import messages
from counterseal.server.supervisor.crashes import Crashes
from counterseal.server.supervisor.fleet import Fleet
from counterseal.server.supervisor.messages import Ready
from counterseal.server.supervisor.plan import Outcome, Plan
from counterseal.server.supervisor.process import State, Worker
from counterseal.server.supervisor.snapshot import Snapshot
from counterseal.server.telemetry.fleet import FleetMetrics
from counterseal.server.telemetry.log import Log

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
# Exit codes as in cli/exits.py: nobody knows, and a defect.
_UNAVAILABLE: Final = 5
_BROKEN: Final = 70
_TICK_SECONDS: Final = 1.0
_START_SECONDS: Final = 120.0
# How much longer than promised a worker may take to end; where nothing waits for it, on a busy machine also.
_SPARE_SECONDS: Final = 15.0
_RETIRING_SPARE_SECONDS: Final = 60.0
_LONGEST_PAUSE: Final = 30.0
# Workers that are leaving, beyond which no further reload begins: so many for each that serves.
_MOST_RETIRING: Final = 2
_SERVING: Final = (State.STARTING, State.READY)


class Supervisor:
    """Keeps a fleet as planned. `announce` is called once, when all workers answer for the first time."""

    def __init__(
        self,
        fleet: Fleet,
        plan: Plan,
        *,
        metrics: FleetMetrics,
        log: Log,
        announce: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet = fleet
        self._plan = plan
        self._next: Plan | None = None
        self._generations = plan.generation
        self._metrics = metrics
        self._log = log
        self._announce = announce
        self._announced = False
        self._clock = clock
        self._crashes = Crashes()
        # Whether any worker has ever answered.
        self._answered = False
        self._reload_asked = self._waits = False
        self._outcome: Outcome | None = None
        self._pause, self._not_before = 0.0, 0.0

    def run(self, signals: SignalQueue) -> Outcome:
        """Look after the workers until the service has ended."""
        self._advance()
        while self._outcome is None or self._fleet.workers:
            wait([signals.fileno(), *(worker.control for worker in self._fleet.workers if not worker.silent)], _TICK_SECONDS)
            for number in signals.take():
                self._heed(number)
            for worker in self._fleet.workers:
                self._hear(worker)
            for worker, code in self._fleet.ended():
                self._hear(worker)
                self._mourn(worker, code)
            self._kill_late()
            self._advance()
            self._metrics.count(self._fleet.count())
        return self._outcome

    def _heed(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._reload_asked = True
        elif number in {signal.SIGTERM, signal.SIGINT}:
            if self._outcome is not None:
                self._log.warning("stopping_at_once")
                for worker in self._fleet.workers:
                    worker.process.kill()
            else:
                self._stop(Outcome(code=0))

    def _hear(self, worker: Worker) -> None:
        for said in worker.hear():
            if not isinstance(said, Ready):
                worker.failed = said
            elif worker.state is State.STARTING:
                worker.state, worker.deadline = State.READY, math.inf
                self._answered, self._pause = True, 0.0
                for plan in (self._plan, self._next):
                    if plan is not None and plan.generation == worker.generation:
                        plan.learn(said)
                self._log.info("worker_ready", worker=worker.serial, pid=worker.process.pid)
        if worker.silent:
            worker.deadline = min(worker.deadline, self._clock() + _SPARE_SECONDS)

    def _mourn(self, worker: Worker, code: int) -> None:
        """Decide what the end of a worker means."""
        text = "" if worker.failed is None else self._snapshot_of(worker).named(worker.failed.text)
        if self._next is not None:
            self._next.orderly = False
        if self._outcome is not None or worker.state in {State.RETIRING, State.STOPPING}:
            self._log.info("worker_ended", worker=worker.serial, exit=code)
        elif not self._answered:
            self._stop(Outcome(code=code if code > 0 else _BROKEN, text=text or f"the first worker ended with {code}"))
        elif self._next is not None and worker.generation == self._next.generation:
            self._give_up_reload(text or f"a new worker ended with {code}")
        elif worker.state is State.STARTING and code == _UNAVAILABLE:
            # The key store is down. The other workers go on with what they have; it is no fault of this one.
            self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE)
            self._not_before = self._clock() + self._pause
            self._log.warning("worker_cannot_start", worker=worker.serial, text=text, again_seconds=self._pause)
        else:
            self._replace(worker, code, text)

    def _replace(self, worker: Worker, code: int, text: str) -> None:
        self._metrics.restart()
        self._log.error("worker_died", worker=worker.serial, pid=worker.process.pid, exit=code, text=text)
        if self._crashes.note(self._clock(), self._plan.wanted):
            self._log.error("crash_loop", text="workers end again and again: the service stops")
            self._stop(Outcome(code=_BROKEN, text="workers end again and again; the log says why"))

    def _advance(self) -> None:
        """Do what is next."""
        if self._outcome is not None:
            return
        if self._next is not None:
            self._advance_reload(self._next)
        elif self._reload_asked and self._answered and not self._crowded():
            self._begin_reload()
        else:
            self._fill()

    def _crowded(self) -> bool:
        """Say whether so many workers are leaving that others have to wait: each has its memory and its connections."""
        leaving = sum(worker.state is State.RETIRING for worker in self._fleet.workers)
        before, self._waits = self._waits, leaving > _MOST_RETIRING * max(1, self._plan.wanted)
        if self._waits and not before:
            self._log.warning("reload_waits", retiring=leaving)
        return self._waits

    def _fill(self) -> None:
        """Start what is missing. The first worker alone: it makes what all need, or says what is wrong with the settings."""
        plan = self._plan
        there = self._fleet.of(plan.generation, *_SERVING)
        if not self._answered:
            if not there:
                self._launch(0, plan, deadline=math.inf)  # the schema may need long
            return
        if self._clock() >= self._not_before:
            for slot in sorted(set(range(plan.wanted)) - {worker.slot for worker in there}):
                self._launch(slot, plan)
        if not self._announced and len(self._fleet.of(plan.generation, State.READY)) >= plan.wanted:
            self._announced = True
            self._announce()

    def _begin_reload(self) -> None:
        self._reload_asked = False
        self._log.info("reloading")
        try:
            snapshot = Snapshot.of(self._fleet.environ)
        except ConfigError as error:
            self._metrics.reloaded(False)
            self._log.error("reload_failed", text=str(error))
            return
        self._generations += 1
        alone = all(worker.state is State.READY for worker in self._fleet.workers)
        self._next = Plan(generation=self._generations, snapshot=snapshot, orderly=alone)
        self._advance_reload(self._next)

    def _advance_reload(self, plan: Plan) -> None:
        """Start new workers one by one, and only when all of them answer, have the old ones give up their connections."""
        there = self._fleet.of(plan.generation, *_SERVING)
        if any(worker.state is State.STARTING for worker in there):
            return
        if not there or len(there) < plan.wanted:
            self._launch(len(there), plan)
            return
        before = len(self._fleet.of(self._plan.generation, State.READY))
        self._retire(self._plan, first_new=before if plan.orderly and plan.wanted >= before else None)
        self._plan.snapshot.close()
        self._plan, self._next = plan, None
        self._metrics.reloaded(True)
        self._log.info("reloaded", workers=plan.wanted)

    def _give_up_reload(self, text: str) -> None:
        """Go on with the old workers. New ones that answer already end as old ones would: gently."""
        failed, self._next = self._next, None
        if failed is None:
            return
        self._retire(failed)
        failed.snapshot.close()
        self._metrics.reloaded(False)
        self._log.error("reload_failed", text=text)

    def _retire(self, plan: Plan, *, first_new: int | None = None) -> None:
        for worker in self._fleet.of(plan.generation, State.READY):
            # It waits for its connections to end, and then for its calls.
            patience = 1.1 * plan.age + 2 * plan.grace + _RETIRING_SPARE_SECONDS
            worker.state, worker.deadline = State.RETIRING, self._clock() + patience
            worker.tell(messages.RETIRE if first_new is None else b"%b %d" % (messages.RETIRE, first_new))
        for worker in self._fleet.of(plan.generation, State.STARTING):
            worker.state = State.STOPPING
            worker.process.kill()

    def _stop(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._log.info("stopping", grace_seconds=self._plan.grace)
        for worker in self._fleet.workers:
            worker.state, worker.deadline = State.STOPPING, self._clock() + self._plan.grace + _SPARE_SECONDS
            worker.tell(messages.STOP)

    def _launch(self, slot: int, plan: Plan, *, deadline: float | None = None) -> None:
        until = self._clock() + _START_SECONDS if deadline is None else deadline
        try:
            self._fleet.launch(slot, generation=plan.generation, snapshot=plan.snapshot, deadline=until)
        except OSError as error:
            text = f"cannot start a worker: {error.strerror}"
            if plan is self._next:
                self._give_up_reload(text)
            elif not self._answered:
                self._stop(Outcome(code=_BROKEN, text=text))
            else:
                self._not_before = self._clock() + _TICK_SECONDS
                self._log.error("worker_cannot_start", text=text)

    def _kill_late(self) -> None:
        for worker in self._fleet.workers:
            if self._clock() > worker.deadline:
                worker.deadline = math.inf
                self._log.error("worker_killed", worker=worker.serial, text=f"took too long in state {worker.state.value}")
                worker.process.kill()

    def _snapshot_of(self, worker: Worker) -> Snapshot:
        plan = self._next
        return plan.snapshot if plan is not None and plan.generation == worker.generation else self._plan.snapshot
