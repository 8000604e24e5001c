"""Loaded by every Python process that the tests start: it writes down each secret value that comes into being there.

Signing keys, derived keys and expected signatures all come out of `hmac.digest`; stored secrets come out of `AESGCM.decrypt`.
What is written goes into a folder of the test run, and is searched for in everything that the service lets out.
"""

import hmac
import importlib.abc
import importlib.machinery
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import TextIO

_FOLDER = os.environ.get("COUNTERSEAL_TEST_SECRETS")
_seen: set[bytes] = set()
_lock = threading.Lock()
_files: dict[int, TextIO] = {}
_MOST = 50_000  # for each process; only property tests of the core, which let nothing out, make more


def _file() -> TextIO:
    """Return this process's file; a fork gets one of its own. Unbuffered by line, because servers are killed."""
    if os.getpid() not in _files:
        _files[os.getpid()] = (Path(str(_FOLDER)) / f"{os.getpid()}.hex").open("a", buffering=1)
    return _files[os.getpid()]


def record(value: bytes) -> None:
    """Append a secret value, in hex, to this process's file, once."""
    if _FOLDER is None or len(value) < 8 or value == b"this opens":  # the last is the constant of keys/canary.py
        return
    with _lock:
        if value in _seen or len(_seen) >= _MOST:
            return
        _seen.add(value)
        _file().write(value.hex() + "\n")


def _watch_hmac() -> None:
    digest = hmac.digest

    def watched(key: bytes, msg: bytes, digest_name: str) -> bytes:
        result = digest(key, msg, digest_name)
        record(result)
        return result

    hmac.digest = watched  # type: ignore[assignment]


class _WatchCipher(importlib.abc.MetaPathFinder):
    """Wraps AESGCM in `server/keys/cipher.py` and `server/keys/tickets.py` once those modules are imported."""

    def __init__(self) -> None:
        self._waiting = {"counterseal.server.keys.cipher", "counterseal.server.keys.tickets"}

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self._waiting:
            return None
        self._waiting.remove(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path)  # type: ignore[arg-type]
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            plain = module.AESGCM

            class Watched:
                def __init__(self, key: bytes) -> None:
                    self._plain = plain(key)
                    record(key)

                def encrypt(self, nonce: bytes, data: bytes, associated: bytes | None) -> bytes:
                    record(data)
                    sealed = bytes(self._plain.encrypt(nonce, data, associated))
                    if name.endswith("tickets"):  # whoever has a ticket goes on with an upload; what rests sealed is no secret
                        record(sealed)
                    return sealed

                def decrypt(self, nonce: bytes, data: bytes, associated: bytes | None) -> bytes:
                    opened = bytes(self._plain.decrypt(nonce, data, associated))
                    record(opened)
                    return opened

            module.AESGCM = Watched  # type: ignore[attr-defined]

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if _FOLDER is not None:
    _watch_hmac()
    sys.meta_path.insert(0, _WatchCipher())
