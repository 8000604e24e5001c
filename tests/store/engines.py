"""The databases that the store runs on. A further one is a further entry: from a folder to the URL of an empty database."""

from collections.abc import Callable, Mapping
from pathlib import Path

ENGINES: Mapping[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/keys.db",
}
