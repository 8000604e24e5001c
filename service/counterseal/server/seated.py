"""One worker of several: a server as in `app.py`, on a port that it shares, told by a supervisor when to end."""

import dataclasses
import signal

from counterseal import __version__
from counterseal.server.app import serving
from counterseal.server.config import Config
from counterseal.server.errors import ConfigError
from counterseal.server.settings import Address
from counterseal.server.signals import ending_signals
from counterseal.server.supervisor.leaving import join_port, leave_port, wait_until_alone
from counterseal.server.supervisor.messages import Errand, Ready
from counterseal.server.supervisor.seat import Seat
from counterseal.server.supervisor.service import check_supervised
from counterseal.server.telemetry.log import open_log


def run_seated(config: Config, seat: Seat) -> int:
    """Serve until the supervisor says otherwise, or SIGTERM; then finish the calls in flight. Returns 0.

    Raises what `app.run` raises, and:
        ConfigError: the settings are for another address than the service was started with.
    """
    _check_same(config, seat.errand)
    check_supervised(config)
    log = open_log(config.log_level).bind(worker=seat.errand.serial)
    here = Address(host=config.listen.host, port=seat.errand.port)
    seated = dataclasses.replace(config, listen=here, metrics_listen=None)
    # SIGHUP is for the supervisor: here it would end what others rely on.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ending_signals(also=seat.stop), serving(seated, log, shared_port=True) as service:
        join_port(here.port)
        seat.show(service.metrics.registry)
        seat.ready(Ready(workers=config.workers, grace=config.stop_grace, age=config.max_connection_age))
        log.info("worker_started", slot=seat.errand.slot, version=__version__)
        seat.asked.wait()
        if seat.retiring:
            log.info("worker_retiring")
            leave_port(here.port, seat.first_new)
            wait_until_alone(here.port, age=config.max_connection_age, grace=config.stop_grace, hurry=seat.stopping.is_set)
        log.info("worker_stopping", grace_seconds=config.stop_grace)
    return 0


def _check_same(config: Config, errand: Errand) -> None:
    """Refuse addresses that came with a reload: the supervisor holds the ports, and it is as old as the service."""
    for name, now, then in (
        ("LISTEN", str(config.listen), errand.listen),
        ("METRICS_LISTEN", str(config.metrics_listen or ""), errand.metrics),
    ):
        if now != then:
            raise ConfigError(
                f"COUNTERSEAL_{name}: a reload cannot change it, and the service was started with {then or 'none'}"
            )
