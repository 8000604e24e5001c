"""Print the token of a caller of the role `sessions` at a service on this machine, creating the caller the first time.

For trying things out: `make run-web` uses it where COUNTERSEAL_TOKEN is not set. The token is kept in the service's data folder
(COUNTERSEAL_DATA_DIR), which also holds the administrator's that it takes to create callers.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

NAME = "web"
CREATE = (sys.executable, "-m", "counterseal.server.cli.main", "callers", "create", NAME, "--role", "sessions", "--json")


def main() -> None:
    """Print the token, or say on one line why there is none."""
    kept = Path(os.environ.get("COUNTERSEAL_DATA_DIR", ".counterseal")) / f"{NAME}.token"
    if not kept.exists():
        done = subprocess.run(CREATE, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
        if done.returncode != 0:
            sys.exit(f"COUNTERSEAL_TOKEN is not set, and no caller was created: {' '.join(done.stderr.split())}")
        # Its mode from the first moment on: nobody else reads it in between.
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.loads(done.stdout)["bearer_token"])
    print(kept.read_text())


if __name__ == "__main__":
    main()
