"""Certificates made in the test: a CA, servers, clients."""

import datetime as dt
import ipaddress
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.require import require


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM."""

    cert: bytes
    key: bytes

    def write(self, cert: Path, key: Path) -> None:
        for path, data in ((key, self.key), (cert, self.cert)):
            draft = path.with_suffix(".new")
            draft.write_bytes(data)
            draft.rename(path)


class Authority:
    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self._cert = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self._cert.public_bytes(serialization.Encoding.PEM)

    def server(self, name: str = "localhost", curve: ec.EllipticCurve | None = None) -> Pair:
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return self._issue(name, [x509.DNSName(name), loopback], ExtendedKeyUsageOID.SERVER_AUTH, curve)

    def client(self, *sans: str, common: str = "client") -> Pair:
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(san) if "://" in san else x509.DNSName(san) for san in sans
        ]
        return self._issue(common, names, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self, common: str, sans: list[x509.GeneralName], usage: x509.ObjectIdentifier, curve: ec.EllipticCurve | None = None
    ) -> Pair:
        key = ec.generate_private_key(curve or ec.SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]), key)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        cert = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return Pair(cert.public_bytes(serialization.Encoding.PEM), private)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(hours=1))
        )


def unknown_curve(folder: Path) -> Pair:
    """Return a pair on a curve that hardly any library knows any more."""
    openssl = shutil.which("openssl")
    require(openssl is not None, "no openssl")
    key, cert = folder / "odd.key", folder / "odd.pem"
    subprocess.run([str(openssl), "ecparam", "-name", "secp112r1", "-genkey", "-noout", "-out", str(key)], check=True)
    subprocess.run([str(openssl), "req", "-x509", "-key", str(key), "-subj", "/CN=x", "-out", str(cert)], check=True)
    return Pair(cert.read_bytes(), key.read_bytes())
