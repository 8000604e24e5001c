"""Addresses to listen on."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

_ADDRESS: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+|localhost)):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An IP address and a TCP port (0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return `host:port`, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return ipaddress.ip_address(self.host).is_loopback


def read_address(text: str) -> Address:
    """Read `host:port`. The host is an IP address: what a name resolves to could be reached from anywhere.

    `localhost` is read as 127.0.0.1. Raises ValueError.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError("must be <IP address>:<port>, with an IPv6 address in brackets")
    host = match[1] or ("127.0.0.1" if match[2] == "localhost" else match[2])
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError("must be <IP address>:<port>, with an IPv6 address in brackets") from None
    port = int(match[3])
    if port > 65_535:
        raise ValueError("the port must be at most 65535")
    return Address(host=str(ip), port=port)
