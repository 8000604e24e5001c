"""`examples/gateway.py` in a process of its own, writing down what it passes on.

Prints its port. RECORD names the file that gets one JSON line per request that reaches the upstream, HTTP uvicorn's parser;
TLS_CERT and TLS_KEY make it speak https. BODIES names a folder that gets a file for each body that is handed to the upstream,
with what has been handed over so far; `.whole` is put behind its name with the last piece. DEMAND names a file that holds the
demand as JSON, and `allow_uncovered`, read anew for every request.
"""

import functools
import itertools
import json
import logging
import os
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))

from counterseal_client import Connection, Demand  # noqa: E402


def recorded(app: Any, path: Path) -> Any:
    """Write a line once the upstream answers, before the client knows; what was broken off on its way leaves none."""

    async def record(scope: Any, receive: Any, send: Any) -> None:
        async def send_and_record(message: Any) -> None:
            if message["type"] == "http.response.start":
                line = {
                    "method": scope["method"],
                    "target": (scope["raw_path"] + b"?" + scope["query_string"]).decode("latin-1").removesuffix("?"),
                    "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
                }
                with path.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            await send(message)

        await app(scope, receive, send_and_record)

    return record


def with_bodies(app: Any, folder: Path) -> Any:
    """Keep every piece of a body at the moment at which the upstream could have it, also of one that is broken off later."""
    numbers = itertools.count()

    async def keep(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] not in {"PUT", "POST"}:
            await app(scope, receive, send)
            return
        path = folder / f"{next(numbers):06d}"

        async def receive_and_keep() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                with path.open("ab") as file:
                    file.write(message.get("body", b""))
                if not message.get("more_body", False):
                    path.rename(path.with_suffix(".whole"))
            return message

        await app(scope, receive_and_keep, send)

    return keep


def with_demand(gateway: Any, path: Path) -> Any:
    """Demand of each request what the file says at that moment."""

    async def demanding(scope: Any, receive: Any, send: Any) -> None:
        if path.exists():
            stated: dict[str, Any] = json.loads(path.read_text())
            for name, value in stated.items():
                stated[name] = tuple(value) if isinstance(value, list) else value
            # Webhooks leave these open, and SigV2 most of the query.
            gateway._required_parts = {"method", "path", "query"} - set(stated.pop("allow_uncovered", ()))
            gateway._demand = Demand(**stated)
        await gateway(scope, receive, send)

    return demanding


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    make_gateway = runpy.run_path(str(ROOT / "examples" / "gateway.py"))["make_gateway"]
    # The second that a verdict may take by default is too short for a machine that runs all tests at once.
    make_gateway.__globals__["Connection"] = functools.partial(Connection, timeout=60)
    gateway = make_gateway(dict(os.environ))
    gateway._app = recorded(gateway._app, Path(os.environ["RECORD"]))
    if "BODIES" in os.environ:
        gateway._app = with_bodies(gateway._app, Path(os.environ["BODIES"]))
    if "DEMAND" in os.environ:
        gateway = with_demand(gateway, Path(os.environ["DEMAND"]))
    listener = socket.create_server(("127.0.0.1", 0))
    parser = os.environ.get("HTTP", "auto")
    config = uvicorn.Config(gateway, proxy_headers=False, server_header=False, access_log=False, http=parser)
    config.ssl_certfile, config.ssl_keyfile = os.environ.get("TLS_CERT"), os.environ.get("TLS_KEY")
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
