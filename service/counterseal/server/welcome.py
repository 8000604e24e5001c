"""What a server that answers prints for people."""

from counterseal import __version__
from counterseal.server.callers import ADMIN_FILE
from counterseal.server.config import Config
from counterseal.server.settings import Address


def welcome(config: Config, address: Address, metrics_url: str | None) -> str:
    """Return a few lines about where it listens and what to try. `address` has the real port."""
    lines = [
        f"counterseal {__version__} listening on {address}" + (" (TLS)" if config.tls else " (plaintext, this machine only)"),
        f"metrics on {metrics_url}" if metrics_url else "metrics off (COUNTERSEAL_METRICS_LISTEN is empty)",
        f"data in {config.data_dir.resolve()}",
    ]
    if config.workers > 1:
        lines.append(f"{config.workers} workers; SIGHUP reloads")
    if config.listen.is_loopback:
        lines.append(f"administrator's bearer token in {config.data_dir.resolve() / ADMIN_FILE}")
    lines.append("try next: counterseal keys issue --principal alice")
    return "\n".join(lines)
