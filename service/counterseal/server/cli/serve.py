"""`counterseal serve`: run the server in the foreground."""

import click

from counterseal.server.cli.settings import read_settings


@click.command("serve", short_help="Run the server.")
def serve() -> None:
    """Run the server until it is told to stop (Ctrl-C or SIGTERM).

    Settings come from COUNTERSEAL_* variables and the TOML file named by COUNTERSEAL_CONFIG; `counterseal config check` shows
    them. Without any, it listens on 127.0.0.1:50051 and keeps its data in .counterseal.
    """
    config = read_settings()
    from counterseal.server.app import run  # brings gRPC and the database: slow to import

    click.get_current_context().exit(run(config))
