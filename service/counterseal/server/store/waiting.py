"""A watch for engines that tell nobody of changes."""

import threading


class Waiting:
    """Waits, and knows of nothing: whoever waits finds changes by reading again."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, seconds: float) -> None:
        """See Watch."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """See Watch."""
        self._closed.set()
