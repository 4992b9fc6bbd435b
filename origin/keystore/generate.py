"""New keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.algorithms import AES_BYTES, CURVES, HASH_BYTES, Algorithm, Family, family
from auth.jwk import private_jwk, thumbprint
from auth.keys import Key, Material
from auth.secret import Secret

RSA_BITS = 2048
SECRET_BYTES = {**HASH_BYTES, **AES_BYTES, Algorithm.SHARED: 32}
_UNNAMED = "unnamed"


def new_key(
    algorithm: Algorithm,
    key_id: str | None = None,
    *,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    not_before: float | None = None,
    not_after: float | None = None,
) -> Key:
    """A fresh key that signs; without `key_id` it is named by its thumbprint (RFC 7638).

    `random_bytes` makes secrets and Ed25519 keys; RSA and elliptic-curve keys come from the operating
    system's generator, for their library takes no other.
    """
    key = Key(
        _UNNAMED if key_id is None else key_id,
        algorithm,
        _new_material(algorithm, random_bytes),
        not_before=not_before,
        not_after=not_after,
    )
    return key if key_id is not None else replace(key, id=thumbprint(private_jwk(key)))


def _new_material(algorithm: Algorithm, random_bytes: Callable[[int], bytes]) -> Material:
    kind = family(algorithm)
    match kind:
        case Family.HMAC | Family.SHARED | Family.AES:
            return Secret(random_bytes(SECRET_BYTES[algorithm]))
        case Family.RSA:
            return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        case Family.EC:
            return ec.generate_private_key(CURVES[algorithm]())
        case Family.OKP:
            return Ed25519PrivateKey.from_private_bytes(random_bytes(32))
        case _:
            assert_never(kind)
