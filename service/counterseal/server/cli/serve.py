"""`counterseal serve`: run the server in the foreground."""

import os

import click

from counterseal.server.cli.exits import Failure
from counterseal.server.cli.settings import read_settings

_MOST_WORKERS = 256


@click.command("serve", short_help="Run the server.")
@click.option(
    "--workers", type=click.IntRange(1, _MOST_WORKERS), help="Processes on the one port, best one for each core. [default: 1]"
)
@click.option("--pin-workers", is_flag=True, help="Keep each worker on a core of its own.")
@click.option("--supervise", is_flag=True, help="Look after a single worker also: it is replaced, and SIGHUP reloads.")
def serve(workers: int | None, pin_workers: bool, supervise: bool) -> None:
    """Run the server until it is told to stop (Ctrl-C or SIGTERM).

    Settings come from COUNTERSEAL_* variables and the TOML file named by COUNTERSEAL_CONFIG; `counterseal config check` shows
    them. Without any, it listens on 127.0.0.1:50051 and keeps its data in .counterseal.

    With more than one worker, one that dies is replaced, and SIGHUP exchanges all of them for new ones, with the settings and
    the code as they are then, without refusing a call.
    """
    environ = dict(os.environ)
    if workers is not None:
        environ["COUNTERSEAL_WORKERS"] = str(workers)
    if pin_workers:
        environ["COUNTERSEAL_PIN_WORKERS"] = "true"
    config = read_settings(environ)
    if config.workers == 1 and not supervise:
        from counterseal.server.app import run  # brings gRPC and the database: slow to import

        click.get_current_context().exit(run(config))

    from counterseal.server.supervisor.service import supervise as look_after

    outcome = look_after(config, environ)
    if outcome.text:
        raise Failure(outcome.text, outcome.code)
    click.get_current_context().exit(outcome.code)
