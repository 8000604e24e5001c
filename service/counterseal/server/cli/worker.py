"""What a supervisor starts: one worker. Not a command for people; `counterseal serve --workers N` is."""

import os
import sys

from counterseal.server.cli.exits import INTERNAL, USAGE, failure_of
from counterseal.server.cli.settings import read_settings
from counterseal.server.errors import ServiceError
from counterseal.server.supervisor.messages import Errand
from counterseal.server.supervisor.seat import Seat


def main() -> int:
    """Serve as the only argument says. Returns an exit code, as `counterseal serve` would have it."""
    try:
        errand = Errand.read(sys.argv[1])
    except (IndexError, ValueError, KeyError, TypeError):
        sys.stderr.write("Error: workers are started by `counterseal serve --workers N`\n")
        return USAGE
    seat = Seat(errand)
    try:
        config = read_settings()
        if config.pin_workers:
            seat.pin()  # before there is any thread of gRPC
        from counterseal.server.seated import run_seated

        return run_seated(config, seat)
    except ServiceError as error:
        failure = failure_of(error)
        seat.failed(failure.message, failure.exit_code)
        return failure.exit_code
    except Exception as error:
        if os.environ.get("COUNTERSEAL_DEBUG") == "1":
            raise
        from counterseal.server.telemetry.log import describe, open_log

        open_log("info").bind(worker=errand.serial).error("worker_cannot_start", **describe(error))
        # Its text may quote what it was given: only the kind is said.
        seat.failed(f"internal error ({type(error).__name__})", INTERNAL)
        return INTERNAL


if __name__ == "__main__":
    sys.exit(main())
