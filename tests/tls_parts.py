"""Certificates made on the spot, and clients that speak TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.stories.gateway import Wire, connected

DAY = 86_400


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as it stands in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def write(self, folder: Path, name: str = "main") -> dict[str, str]:
        """Both as files; gives the table of settings that names them. The key appears closed to others."""
        key = folder / f"{name}.key"
        key.touch(0o600)
        key.write_bytes(pem_of(self.key))
        (folder / f"{name}.pem").write_bytes(self.pem)
        return {"certificate": f"{name}.pem", "key": f"{name}.key"}


class Authority:
    """Whoever issues the certificates of one test."""

    def __init__(self, name: str = "Test Authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.BasicConstraints(ca=True, path_length=None)
        made = self._builder(self._name, self._key.public_key(), time.time() - DAY, 30 * DAY)
        self.certificate = made.add_extension(usage, critical=True).sign(self._key, SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, *names: str, begins: float | None = None, seconds: float = 10 * DAY, is_client: bool = False
    ) -> Identity:
        """A certificate for DNS names, in force since an hour unless `begins` (Unix time) says otherwise."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "nobody")])
        builder = self._builder(subject, key.public_key(), time.time() - 3600 if begins is None else begins, seconds)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if is_client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return Identity(builder.sign(self._key, SHA256()), key)

    def client(self, identity: Identity | None = None, folder: Path | None = None) -> ssl.SSLContext:
        """A client that trusts this authority alone and shows `identity`, for which `folder` is needed."""
        context = ssl.create_default_context(cadata=self.pem.decode())
        if identity is not None and folder is not None:
            files = identity.write(folder, "client")
            context.load_cert_chain(folder / files["certificate"], folder / files["key"])
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: float, seconds: float
    ) -> x509.CertificateBuilder:
        start = datetime.fromtimestamp(begins, UTC)
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        return builder.not_valid_before(start).not_valid_after(start + timedelta(seconds=seconds))


@contextlib.asynccontextmanager
async def tls_connected(
    port: int, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None = None
) -> AsyncIterator[Wire]:
    """A connection that has shaken hands; `ssl.SSLError` or `ConnectionError` when the server does not."""
    async with connected(port) as wire:
        plain = wire.socket
        wire.socket = await asyncio.to_thread(context.wrap_socket, plain, server_hostname=host, session=session)
        try:
            yield wire
        finally:
            wire.socket.close()


def tls_of(wire: Wire) -> ssl.SSLSocket:
    """The TLS side of a connection that `tls_connected` has made."""
    assert isinstance(wire.socket, ssl.SSLSocket)
    return wire.socket


def shown(wire: Wire) -> bytes:
    """The server's certificate, in DER."""
    certificate = tls_of(wire).getpeercert(binary_form=True)
    assert certificate is not None
    return certificate
