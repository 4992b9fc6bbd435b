"""Keyed hashes and signatures outside JOSE, as CDNs use them. Comparison takes constant time.

SHA-1 and MD5 are here because tokens that are in use need them; a realm opens them by configuration alone.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import assert_never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from auth.algorithms import PrivateKey, PublicKey
from auth.secret import Secret


class Hash(StrEnum):
    """Hash functions by their names in `hashlib`."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


_HASHES: dict[Hash, hashes.HashAlgorithm] = {
    Hash.SHA1: hashes.SHA1(),  # noqa: S303  # CloudFront's default
    Hash.SHA256: hashes.SHA256(),
    Hash.SHA384: hashes.SHA384(),
    Hash.SHA512: hashes.SHA512(),
}


def mac(secret: Secret, message: bytes, using: Hash) -> bytes:
    """HMAC (RFC 2104)."""
    return hmac.digest(secret.reveal(), message, using.value)


def digest(message: bytes, using: Hash) -> bytes:
    """A plain hash; where a dialect hashes its secret with the message, the caller has put it in."""
    return hashlib.new(using.value, message, usedforsecurity=False).digest()


def same(one: bytes | str, other: bytes | str) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def sign(key: PrivateKey, message: bytes, using: Hash) -> bytes:
    """RSASSA-PKCS1-v1_5, ECDSA in DER, or Ed25519 (which has a hash of its own)."""
    match key:
        case RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), _HASHES[using])
        case EllipticCurvePrivateKey():
            return key.sign(message, ECDSA(_HASHES[using]))
        case Ed25519PrivateKey():
            return key.sign(message)
        case _:
            assert_never(key)


def is_signed(key: PublicKey, message: bytes, signature: bytes, using: Hash) -> bool:
    """Whether `key` made `signature`; the inverse of `sign`."""
    try:
        match key:
            case RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), _HASHES[using])
            case EllipticCurvePublicKey():
                key.verify(signature, message, ECDSA(_HASHES[using]))
            case Ed25519PublicKey():
                key.verify(signature, message)
            case _:
                assert_never(key)
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes(value: bytes | str) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
