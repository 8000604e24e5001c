"""Exit codes, and how errors become a sentence on standard error. Documented in docs/cli.md; tests hold the two together."""

import os
import sys
from typing import IO, Any, Final

import click

from counterseal.server import errors
from counterseal.server.rpc import client_errors

OK: Final = 0
REJECTED: Final = 1  # `verify` only: the verdict is *rejected*
USAGE: Final = 2  # also what click itself exits with
CONFLICT: Final = 3
NOT_PERMITTED: Final = 4
UNAVAILABLE: Final = 5
INTERNAL: Final = 70  # EX_SOFTWARE of sysexits.h
CONFIG: Final = 78  # EX_CONFIG of sysexits.h
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE

_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (errors.InvalidField, USAGE),
    (client_errors.UnreadableFile, USAGE),
    (errors.KeyNotFound, CONFLICT),
    (errors.KeyExists, CONFLICT),
    (errors.EtagMismatch, CONFLICT),
    (errors.KeyIsRevoked, CONFLICT),
    (errors.RequestIdReused, CONFLICT),
    (errors.CallerNotFound, CONFLICT),
    (errors.CallerExists, CONFLICT),
    (errors.PrincipalNotFound, CONFLICT),
    (errors.PrincipalExists, CONFLICT),
    (errors.SessionNotFound, CONFLICT),
    (errors.CallerUnknown, NOT_PERMITTED),
    (errors.CallerNotPermitted, NOT_PERMITTED),
    (client_errors.PlaintextRefused, NOT_PERMITTED),
    (errors.StoreUnavailable, UNAVAILABLE),
    (errors.SignInUnavailable, UNAVAILABLE),
    (client_errors.ServerUnreachable, UNAVAILABLE),
    (client_errors.ServerBusy, UNAVAILABLE),
    (errors.CallerLimitReached, UNAVAILABLE),
    (client_errors.CallTimedOut, UNAVAILABLE),
    (errors.ConfigError, CONFIG),
)

_HINTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        client_errors.ServerUnreachable,
        "Start one with `counterseal serve` (in a clone: `make run-server`), or name another with --server\n"
        "or COUNTERSEAL_SERVER. If the server speaks TLS, add --tls or --ca FILE.",
    ),
    (client_errors.CallTimedOut, "Whether the call took effect is not known. Look with `counterseal keys get` or `keys list`."),
    (
        errors.EtagMismatch,
        "It was changed meanwhile. Read it again (`counterseal keys get`, `callers get`, `principals get`), then retry.",
    ),
    (errors.KeyIsRevoked, "Issue a new one with `counterseal keys issue`."),
    (errors.CallerNotFound, "`counterseal callers list` shows those that there are, beside those of the configuration."),
    (errors.PrincipalNotFound, "`counterseal principals list` shows those that there are: is it another --tenant's?"),
    (errors.SessionNotFound, "`counterseal sessions list --all` shows those that there are."),
    (errors.KeyNotFound, "`counterseal keys list` shows those that there are."),
    (
        errors.CallerUnknown,
        "The bearer token is that of COUNTERSEAL_TOKEN, else of admin.token in --data-dir: is it this server's?",
    ),
)


class Failure(click.ClickException):
    """An error for people: one sentence, hints below it, and an exit code."""

    def __init__(self, message: str, exit_code: int, hint: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # declared per class by click, read per instance
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error to `file`, by default standard error."""
        from counterseal.server.cli.output import printable

        click.echo(f"Error: {printable(self.message)}", file=file or sys.stderr)
        if self.hint:
            click.echo(self.hint, file=file or sys.stderr)


def failure_of(error: errors.ServiceError) -> Failure:
    """Return the exit code and hint for an error of the service. Unknown kinds are defects: 70, never 0 or 1."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    return Failure(str(error) or type(error).__name__, code, hint)


class RootGroup(click.Group):
    """The outermost group: whatever happens inside ends in a documented exit code, never in a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what it raises into a Failure or an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except errors.ServiceError as error:
            raise failure_of(error) from None
        except (KeyboardInterrupt, EOFError, click.Abort):
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Nobody reads any more. Python would complain once again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)
        except Exception as error:
            if os.environ.get("COUNTERSEAL_DEBUG") == "1":
                raise
            # Its text may quote what it was given: only the kind is shown.
            kind = type(error).__name__
            raise Failure(f"internal error ({kind})", INTERNAL, "COUNTERSEAL_DEBUG=1 shows where.") from None
