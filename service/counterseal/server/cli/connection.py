"""The options that say which server to call and how, shared by `keys` and `verify`."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterseal.server.cli.exits import NOT_PERMITTED, Failure

if TYPE_CHECKING:
    from counterseal.server.rpc.admin_client import AdminClient

DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_DATA_DIR: Final = ".counterseal"
TOKEN_VARIABLE: Final = "COUNTERSEAL_TOKEN"  # noqa: S105  (a name, not a secret)
_VISIBLE: Final = re.compile("[\x21-\x7e]+")
_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where to call, as the options and the environment say. `timeout` is in seconds."""

    server: str
    tls: bool
    ca: Path | None
    client_cert: Path | None
    client_key: Path | None
    data_dir: Path
    timeout: float

    def open(self, *, token_required: bool) -> "AdminClient":
        """Return a client, to be used as a context manager.

        Raises:
            Failure: a bearer token is required and there is none.
        """
        from counterseal.server.rpc.admin_channel import Endpoint  # brings gRPC: slow to import
        from counterseal.server.rpc.admin_client import AdminClient

        return AdminClient(
            Endpoint(
                address=self.server,
                token=self._token(required=token_required),
                tls=self.tls or self.ca is not None or self.client_cert is not None,
                ca=self.ca,
                client_certificate=self.client_cert,
                client_key=self.client_key,
                timeout=self.timeout,
            )
        )

    def _token(self, *, required: bool) -> str:
        """Return the bearer token from the environment, else from the data folder; empty when absent and not required."""
        import os

        path = self.data_dir / "admin.token"
        source, text = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE, "")
        if not text:
            if self.client_cert is not None:
                return ""  # the certificate says who calls
            source = str(path)
            text = _read_token(path, required=required)
        if text and not _VISIBLE.fullmatch(text):
            raise Failure(f"{source} does not hold a bearer token: one line of visible ASCII characters", NOT_PERMITTED)
        return text


def _read_token(path: Path, *, required: bool) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        if not required:
            return ""
        raise Failure(
            f"no bearer token: {TOKEN_VARIABLE} is not set, and {path.absolute()} cannot be read ({error.strerror})",
            NOT_PERMITTED,
            "The server writes its administrator's token into its data folder when it starts. Run this command where\n"
            "the server was started, or name that folder with --data-dir or COUNTERSEAL_DATA_DIR, or set COUNTERSEAL_TOKEN.",
        ) from None


def _address(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not an address like 127.0.0.1:50051, [::1]:50051 or host.example:443")
    return value


_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS: Final = (
    click.option(
        "--server", envvar="COUNTERSEAL_SERVER", default=DEFAULT_SERVER, show_default=True, metavar="HOST:PORT",
        callback=_address, help="Address of the server. [env: COUNTERSEAL_SERVER]",
    ),
    click.option("--tls", is_flag=True, help="Speak TLS, trusting the system's certificate authorities."),
    click.option("--ca", type=_FILE, help="Speak TLS, trusting the certificate authorities in this PEM file."),
    click.option("--client-cert", type=_FILE, help="Speak TLS and present this certificate chain (PEM)."),
    click.option("--client-key", type=_FILE, help="The private key of --client-cert (PEM)."),
    click.option(
        "--data-dir", envvar="COUNTERSEAL_DATA_DIR", default=DEFAULT_DATA_DIR, show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder whose admin.token is the bearer token, unless COUNTERSEAL_TOKEN is set. [env: COUNTERSEAL_DATA_DIR]",
    ),
    click.option(
        "--timeout", type=click.FloatRange(min=0.001, max=3600), default=10.0, show_default=True, metavar="SECONDS",
        help="How long to wait for each answer.",
    ),
)  # fmt: skip


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as one `connection` argument."""

    @functools.wraps(command)
    def with_connection(
        *args: Any, server: str, tls: bool, ca: Path | None, client_cert: Path | None, client_key: Path | None,
        data_dir: Path, timeout: float, **rest: Any,
    ) -> None:  # fmt: skip
        if (client_cert is None) != (client_key is None):
            raise click.UsageError("--client-cert and --client-key belong together")
        connection = Connection(
            server=server, tls=tls, ca=ca, client_cert=client_cert, client_key=client_key, data_dir=data_dir, timeout=timeout
        )
        command(*args, connection=connection, **rest)

    decorated: Callable[..., None] = with_connection
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
