"""A service of several workers, put together."""

import os
from collections.abc import Mapping
from contextlib import ExitStack

from counterseal import __version__
from counterseal.server.config import Config
from counterseal.server.errors import ConfigError
from counterseal.server.signals import SignalQueue
from counterseal.server.supervisor.fleet import Fleet
from counterseal.server.supervisor.plan import Outcome, Plan
from counterseal.server.supervisor.port import reserve
from counterseal.server.supervisor.process import State
from counterseal.server.supervisor.snapshot import Snapshot
from counterseal.server.supervisor.supervisor import SIGNALS, Supervisor
from counterseal.server.telemetry.fleet import FleetMetrics
from counterseal.server.telemetry.log import open_log
from counterseal.server.telemetry.scrape import ScrapeListener
from counterseal.server.welcome import welcome


def check_supervised(config: Config) -> None:
    """Refuse what holds for one process alone. Also a single worker has company while it is being exchanged.

    Raises:
        ConfigError: the replay guard is the memory of one process.
    """
    if config.replay == "memory":
        raise ConfigError(
            "COUNTERSEAL_REPLAY: memory is known to one process alone, and workers are several, at a reload even where "
            "COUNTERSEAL_WORKERS is 1; use sql or redis"
        )


def supervise(config: Config, environ: Mapping[str, str]) -> Outcome:
    """Serve with `config.workers` processes until SIGTERM or SIGINT; reload at SIGHUP. Workers read `environ` as this did.

    Raises:
        ConfigError: a setting does not fit this machine, or is not for several workers. Those that only workers find out about
            are in the outcome.
    """
    check_supervised(config)
    log = open_log(config.log_level)
    with ExitStack() as parts:
        plan = Plan(
            generation=0,
            snapshot=Snapshot.of(environ),
            wanted=config.workers,
            grace=config.stop_grace,
            age=config.max_connection_age,
        )
        reservation = reserve(config.listen)
        parts.callback(reservation.close)
        fleet = Fleet(
            listen=str(config.listen),
            metrics=str(config.metrics_listen or ""),
            port=reservation.address.port,
            supervisor=os.getpid(),
            environ=environ,
        )
        metrics = FleetMetrics([state.value for state in State], fleet.gather)
        url = None
        if config.metrics_listen is not None:
            url = parts.enter_context(ScrapeListener(config.metrics_listen, metrics.registry)).url

        def announce() -> None:
            print(welcome(config, reservation.address, url), flush=True)  # noqa: T201  # for people; logs go to standard error
            log.info("started", address=str(reservation.address), version=__version__, tls=config.tls, workers=config.workers)

        signals = SignalQueue()
        parts.enter_context(signals.of(SIGNALS))
        outcome = Supervisor(fleet, plan, metrics=metrics, log=log, announce=announce).run(signals)
    log.info("stopped", exit=outcome.code)
    return outcome
