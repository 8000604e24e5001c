"""The command line's entry point. Commands import what is slow (gRPC, the database) only when they run."""

import click

from counterseal import __version__
from counterseal.server.cli import db_commands, keys_change, keys_report, keys_rotate  # noqa: F401  (add their commands)
from counterseal.server.cli.audit import audit
from counterseal.server.cli.callers import callers
from counterseal.server.cli.completion import PROGRAM, VARIABLE, completion
from counterseal.server.cli.config_command import config_group
from counterseal.server.cli.exits import RootGroup
from counterseal.server.cli.keys import keys
from counterseal.server.cli.master_keys import master_keys
from counterseal.server.cli.principals import principals
from counterseal.server.cli.schemes_command import schemes
from counterseal.server.cli.serve import serve
from counterseal.server.cli.sessions import sessions
from counterseal.server.cli.sign import sign
from counterseal.server.cli.store_commands import db, secrets
from counterseal.server.cli.verify import verify


@click.group(cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Counterseal verifies signed HTTP requests for many gateways.

    \b
    counterseal serve                        run a server here
    counterseal keys issue                   issue a key on it
    counterseal sign --url ... --curl        sign a request
    counterseal verify request.http          ask for the verdict on one

    \b
    Exit codes: 0 done, or verified; 1 rejected; 2 usage; 3 no such key, or a conflict; 4 not permitted;
    5 no answer: try again; 70 internal error; 78 configuration.
    """


_COMMANDS = (
    *(serve, keys, audit, callers, principals, sessions, schemes, verify, sign),
    *(db, secrets, master_keys, config_group, completion),
)
for command in _COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with its code."""
    cli.main(prog_name=PROGRAM, complete_var=VARIABLE)


if __name__ == "__main__":
    main()
