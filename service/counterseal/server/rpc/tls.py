"""TLS by file, reloaded without a restart: certificates are renewed under running servers."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from counterseal.server.errors import ConfigError
from counterseal.server.telemetry.log import Log

# What gRPC's TLS library (BoringSSL) serves with, and takes from a server as a client.
_CURVES: Final = frozenset({"secp256r1", "secp384r1"})
_KINDS: Final = "the key must be RSA, or lie on the curve P-256 or P-384"

_Print = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the certificate chain, its private key, and the CA that clients' certificates must come from, if any.

    With a client CA every client has to present a certificate; grpcio knows no optional ones.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All the files."""
        return (self.cert, self.key) + (() if self.client_ca is None else (self.client_ca,))


@dataclass(frozen=True, slots=True)
class _Loaded:
    configuration: grpc.ServerCertificateConfiguration = field(repr=False)
    print: _Print


def server_credentials(files: TlsFiles, log: Log) -> grpc.ServerCredentials:
    """Return credentials that look at the files before every handshake and take up what changed.

    Files that do not fit together, as while they are being replaced, are logged and left: the former ones stay in use.

    Raises:
        ConfigError: a file cannot be read now, or the private key is not the certificate's.
    """
    watch = _Watch(files, log)
    return grpc.dynamic_ssl_server_credentials(
        watch.loaded.configuration,
        watch.changed,  # type: ignore[arg-type]  # None means unchanged (grpc's own documentation); types-grpcio forgets it
        require_client_authentication=files.client_ca is not None,
    )


class _Watch:
    def __init__(self, files: TlsFiles, log: Log) -> None:
        self._files = files
        self._log = log
        self.loaded = _load(files)
        self._refused: _Print | None = None

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new configuration, or None when the files are as they were. Called by gRPC before each handshake."""
        try:
            now = _print(self._files.paths)
            if now in {self.loaded.print, self._refused}:
                return None
            self._refused = now
            self.loaded = _load(self._files)
        except ConfigError as error:
            self._log.error("tls_reload_failed", text=str(error))
            return None
        self._log.info("tls_reloaded")
        return self.loaded.configuration


def _print(paths: Sequence[Path]) -> _Print:
    """Return what changes when a file does: inode, size, time of change."""
    found = []
    for path in paths:
        try:
            state = path.stat()
        except OSError as error:
            raise ConfigError(f"TLS: cannot read {path}: {error.strerror}") from None
        found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)


def _load(files: TlsFiles) -> _Loaded:
    # Taken before reading: a file replaced in between looks changed next time.
    taken = _print(files.paths)
    cert, key = _read("TLS_CERT", files.cert), _read("TLS_KEY", files.key)
    ca = None if files.client_ca is None else _read("TLS_CLIENT_CA", files.client_ca)
    _check_pair(files, cert, key)
    if ca is not None:
        _check_ca(ca)
    return _Loaded(grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=ca), taken)


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"COUNTERSEAL_{setting}: cannot read {path}: {error.strerror}") from None


def _check_pair(files: TlsFiles, cert: bytes, key: bytes) -> None:
    """gRPC takes much without a word, and every handshake fails; or it fails to listen, for no reason that it gives. So what it
    would not use is found out here: a key that is not the certificate's, a curve that it does not know, a chain that is cut.
    """
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        certified = x509.load_pem_x509_certificates(cert)[0].public_key()
    except (ValueError, IndexError):
        raise ConfigError("COUNTERSEAL_TLS_CERT: holds no PEM certificate") from None
    except UnsupportedAlgorithm:
        raise ConfigError(f"COUNTERSEAL_TLS_CERT: {_KINDS}") from None
    try:
        held = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError):
        raise ConfigError("COUNTERSEAL_TLS_KEY: holds no PEM private key without a passphrase") from None
    except UnsupportedAlgorithm:
        raise ConfigError(f"COUNTERSEAL_TLS_KEY: {_KINDS}") from None
    if certified.public_bytes(*form) != held.public_bytes(*form):
        raise ConfigError("COUNTERSEAL_TLS_KEY: is not the private key of the certificate in COUNTERSEAL_TLS_CERT")
    if not isinstance(certified, RSAPublicKey) and getattr(getattr(certified, "curve", None), "name", "") not in _CURVES:
        raise ConfigError(f"COUNTERSEAL_TLS_CERT: {_KINDS}")
    try:
        # Also what only a TLS library knows, such as keys that are too short. With a password, so that it never asks for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise ConfigError(f"COUNTERSEAL_TLS_CERT: cannot be used for TLS ({why})") from None


def _check_ca(ca: bytes) -> None:
    try:
        x509.load_pem_x509_certificates(ca)
    except ValueError:
        raise ConfigError("COUNTERSEAL_TLS_CLIENT_CA: holds no PEM certificate") from None
