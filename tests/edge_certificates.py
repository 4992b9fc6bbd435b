"""Client certificates of edges, as a trusted proxy passes them on."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def certificate(
    *names: x509.GeneralName, common_name: str = "edge", begins: float, seconds: float = 3600
) -> x509.Certificate:
    """A certificate that has signed itself, with these alternative names; `begins` in Unix seconds."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = datetime.fromtimestamp(begins, UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(seconds=seconds))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, None)


def field(one: x509.Certificate) -> str:
    """The value of `Client-Cert` (RFC 9440 §2.2)."""
    return f":{b64encode(one.public_bytes(Encoding.DER)).decode()}:"
