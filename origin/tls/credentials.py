"""A certificate and its key as an operator wrote them: are they good, for which hosts, until when?

Pure but for no clock: `now` is an argument. What is wrong is said all at once, and never quotes a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one file: `file` is "certificate", "key" or "client_ca"."""

    file: str
    words: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a good pair is for: DNS names in lower case, and its last second (Unix time)."""

    names: tuple[str, ...]
    expires: float


def judge(certificate_pem: bytes | None, key_pem: bytes | None, now: float) -> tuple[Credentials | None, list[Flaw]]:
    """The pair, if it can be served at `now` (Unix time), and everything that is wrong with it.

    None is a file that could not be read, of which that has been said.
    """
    flaws: list[Flaw] = []
    leaf = None if certificate_pem is None else _leaf(certificate_pem, flaws)
    key = None if key_pem is None else _public_half(key_pem, flaws)
    if leaf is None:
        return None, flaws
    if key is not None and leaf.public_key().public_bytes(*_SPKI) != key:
        flaws.append(Flaw("key", "does not belong to the certificate"))
    flaws.extend(_untimely(leaf, now))
    return (
        None if flaws or key is None else Credentials(tuple(_names(leaf)), leaf.not_valid_after_utc.timestamp())
    ), flaws


def judge_authorities(pem: bytes) -> list[Flaw]:
    """What is wrong with a file of authorities."""
    try:
        x509.load_pem_x509_certificates(pem)
    except _UNREADABLE:
        return [Flaw("client_ca", "holds no certificates in PEM")]
    return []


def _leaf(pem: bytes, flaws: list[Flaw]) -> x509.Certificate | None:
    try:
        leaf = x509.load_pem_x509_certificates(pem)[0]
        leaf.public_key()
        list(_names(leaf))
    except (*_UNREADABLE, UnsupportedAlgorithm):
        flaws.append(Flaw("certificate", "holds no certificate in PEM that can be read"))
        return None
    return leaf


def _public_half(pem: bytes, flaws: list[Flaw]) -> bytes | None:
    try:
        return load_pem_private_key(pem, None).public_key().public_bytes(*_SPKI)
    except TypeError:
        flaws.append(Flaw("key", "is encrypted; nobody is there to enter a passphrase"))
    except (ValueError, UnsupportedAlgorithm):
        flaws.append(Flaw("key", "holds no private key in PEM that can be read"))
    return None


def _untimely(leaf: x509.Certificate, now: float) -> Iterator[Flaw]:
    moment = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    if moment > leaf.not_valid_after_utc:
        yield Flaw("certificate", f"expired at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC")
    if moment < leaf.not_valid_before_utc:
        yield Flaw("certificate", f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC")


def _names(leaf: x509.Certificate) -> Iterator[str]:
    """DNS names; a common name is none (RFC 9525 §2)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from (name.lower() for name in names.get_values_for_type(x509.DNSName))
