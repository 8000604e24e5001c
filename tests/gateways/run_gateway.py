"""`examples/gateway.py` in a process of its own, writing down what it passes on.

Prints its port. RECORD names the file that gets one JSON line per request that reaches the upstream, HTTP uvicorn's parser;
TLS_CERT and TLS_KEY make it speak https.
"""

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


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    gateway = runpy.run_path(str(ROOT / "examples" / "gateway.py"))["make_gateway"](dict(os.environ))
    gateway._app = recorded(gateway._app, Path(os.environ["RECORD"]))
    listener = socket.create_server(("127.0.0.1", 0))
    parser = os.environ.get("HTTP", "auto")
    config = uvicorn.Config(gateway, proxy_headers=False, server_header=False, access_log=False, http=parser)
    config.ssl_certfile, config.ssl_keyfile = os.environ.get("TLS_CERT"), os.environ.get("TLS_KEY")
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
