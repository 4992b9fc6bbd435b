"""An edge whose client certificate TLS has verified: here, or at a proxy that passes it on (RFC 9440).

`Client-Cert` is believed of trusted proxies alone, which have to take away what a client sends under that name. Whoever
ends TLS has verified the chain and that the edge holds the key; which of its certificates is an edge's, is said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from auth.encoding import base64_decode
from auth.errors import Denied, Reason
from auth.keys import Rings
from origin.edge.edge_identity import EdgeIdentity, Shown
from origin.serving.inbound import Inbound

HEADER = "client-cert"
MAX_BYTES = 8192  # of the field; a certificate has one or two thousand
MAX_NAMES = 64  # alternative names of one certificate that are looked at

_FINGERPRINT = "sha256:"
_BYTES = re.compile(r":([A-Za-z0-9+/]+={0,2}):")  # RFC 9651 §3.3.5
_UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """The names, or SHA-256 fingerprints ("sha256:" and 64 hexadecimal digits), of the edges' certificates."""

    names: tuple[str, ...]

    def check(self, inbound: Inbound, _rings: Rings, now: float) -> Shown:
        """The certificate that is shown is in force and has one of the names; else Denied."""
        try:
            certificate = x509.load_der_x509_certificate(_shown(inbound))
            known = set(_names(certificate))
            begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except _UNREADABLE:
            raise Denied(Reason.MALFORMED, "a certificate that cannot be read") from None
        name = next((name for name in self.names if _folded(name) in known), None)
        if name is None:
            raise Denied(Reason.UNKNOWN_KEY)
        if not begins <= datetime.fromtimestamp(now, UTC).replace(microsecond=0) <= ends:  # RFC 5280 §4.1.2.5
            raise Denied(Reason.EXPIRED)
        return Shown(EdgeIdentity(name))


def _shown(inbound: Inbound) -> bytes:
    """The certificate that a trusted proxy passes on, or else the connection's own."""
    values = inbound.facts.fields(HEADER)
    if values and inbound.is_from_proxy:
        if len(values) > 1:
            raise Denied(Reason.AMBIGUOUS)
        return _der(values[0])
    if inbound.certificate is not None:
        return inbound.certificate
    if values:
        raise Denied(Reason.WRONG_NETWORK, "a certificate is believed of trusted proxies alone")
    raise Denied(Reason.ABSENT)


def _der(value: str) -> bytes:
    found = _BYTES.fullmatch(value) if len(value) <= MAX_BYTES else None
    if found is None:
        raise ValueError("not a sequence of octets")
    return base64_decode(found[1])


def _names(certificate: x509.Certificate) -> Iterator[str]:
    """What a certificate may be known by. Its common name counts only where it has no alternative names (RFC 9525)."""
    yield f"{_FINGERPRINT}{certificate.fingerprint(SHA256()).hex()}"
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            yield from _name(str(attribute.value))
        return
    for name in [*names][:MAX_NAMES]:
        if isinstance(name, x509.DNSName | x509.UniformResourceIdentifier):
            yield from _name(name.value)


def _name(name: str) -> Iterator[str]:
    """The name, unless it is spelt like a fingerprint: nobody may call himself so."""
    folded = _folded(name)
    if not folded.startswith(_FINGERPRINT):
        yield folded


def _folded(name: str) -> str:
    """DNS names and fingerprints are the same in any case; a URI is not."""
    return name if "://" in name else name.lower()
