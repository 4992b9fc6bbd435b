"""What keys are for: the algorithms of JWS (RFC 7518 §3, RFC 8037, RFC 9864) and what lies outside of JOSE.

A closed list, and two functions for the part of it that JWS knows. There is no "none" here, so no token can ask for it.
"""

from __future__ import annotations

import hmac
from enum import Enum, StrEnum, auto
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt import algorithms as jwa

from auth.errors import Denied, Reason
from auth.secret import Secret

PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


class Algorithm(StrEnum):
    """The values are the names in the `alg` header parameter."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    EDDSA = "EdDSA"  # RFC 8037, here always with Ed25519
    ED25519 = "Ed25519"  # the same signature under its fully specified name (RFC 9864)
    SHARED = "shared-secret"  # of a CDN's own token format, which says what is done with it; never in a JOSE header
    A128GCM = "A128GCM"  # content encryption (RFC 7518 §5.3)
    A256GCM = "A256GCM"


class Family(Enum):
    """What kind of key an algorithm wants."""

    HMAC = auto()
    RSA = auto()
    EC = auto()
    OKP = auto()
    SHARED = auto()
    AES = auto()


HASHES = {Algorithm.HS256: "sha256", Algorithm.HS384: "sha384", Algorithm.HS512: "sha512"}
HASH_BYTES = {Algorithm.HS256: 32, Algorithm.HS384: 48, Algorithm.HS512: 64}
# The secrets of formats that others have designed are as long as their customers have made them.
SHARED_BYTES = 16
AES_BYTES = {Algorithm.A128GCM: 16, Algorithm.A256GCM: 32}
CURVES: dict[Algorithm, type[SECP256R1] | type[SECP384R1]] = {
    Algorithm.ES256: SECP256R1,
    Algorithm.ES384: SECP384R1,
}
ED25519_NAMES = frozenset({Algorithm.EDDSA, Algorithm.ED25519})

_SIGNATURES: dict[Algorithm, jwa.Algorithm] = {
    Algorithm.RS256: jwa.RSAAlgorithm(jwa.RSAAlgorithm.SHA256),
    Algorithm.RS384: jwa.RSAAlgorithm(jwa.RSAAlgorithm.SHA384),
    Algorithm.RS512: jwa.RSAAlgorithm(jwa.RSAAlgorithm.SHA512),
    Algorithm.PS256: jwa.RSAPSSAlgorithm(jwa.RSAPSSAlgorithm.SHA256),
    Algorithm.PS384: jwa.RSAPSSAlgorithm(jwa.RSAPSSAlgorithm.SHA384),
    Algorithm.PS512: jwa.RSAPSSAlgorithm(jwa.RSAPSSAlgorithm.SHA512),
    Algorithm.ES256: jwa.ECAlgorithm(jwa.ECAlgorithm.SHA256, SECP256R1),
    Algorithm.ES384: jwa.ECAlgorithm(jwa.ECAlgorithm.SHA384, SECP384R1),
    Algorithm.EDDSA: jwa.OKPAlgorithm(),
    Algorithm.ED25519: jwa.OKPAlgorithm(),
}


_FAMILIES = (
    dict.fromkeys(Algorithm, Family.RSA)
    | dict.fromkeys(HASHES, Family.HMAC)
    | dict.fromkeys(CURVES, Family.EC)
    | dict.fromkeys(ED25519_NAMES, Family.OKP)
    | dict.fromkeys(AES_BYTES, Family.AES)
    | {Algorithm.SHARED: Family.SHARED}
)
# What may stand in the `alg` of a signed token.
SIGNATURE_NAMES = frozenset(name.value for name, kind in _FAMILIES.items() if kind not in {Family.SHARED, Family.AES})


def family(algorithm: Algorithm) -> Family:
    """The kind of key that `algorithm` works with."""
    return _FAMILIES[algorithm]


def same_algorithm(name: str, algorithm: Algorithm) -> bool:
    """Whether a header's `alg` names this algorithm; the two names of Ed25519 mean one."""
    return name == algorithm or (algorithm in ED25519_NAMES and name in ED25519_NAMES)


def sign(algorithm: Algorithm, key: Secret | PrivateKey, message: bytes) -> bytes:
    """The MAC or signature in its JWS form (ECDSA as r‖s)."""
    if isinstance(key, Secret):
        return hmac.digest(key.reveal(), message, HASHES[algorithm])
    return _SIGNATURES[algorithm].sign(message, key)


def verify(algorithm: Algorithm, key: Secret | PublicKey, message: bytes, signature: bytes) -> None:
    """Denied(BAD_SIGNATURE) unless `key` made `signature` for `message`. MACs: compared in constant time."""
    if isinstance(key, Secret):
        valid = hmac.compare_digest(hmac.digest(key.reveal(), message, HASHES[algorithm]), signature)
    else:
        valid = _verify_public(algorithm, key, message, signature)
    if not valid:
        raise Denied(Reason.BAD_SIGNATURE)


def _verify_public(algorithm: Algorithm, key: PublicKey, message: bytes, signature: bytes) -> bool:
    # Whatever a library makes of bytes from outside, there is one answer to it: this signature is not valid.
    try:
        return _SIGNATURES[algorithm].verify(message, key, signature)
    except Exception:
        return False
