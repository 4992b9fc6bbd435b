"""Keys as others hand them over: PEM, JSON Web Keys, and secrets in one of the usual spellings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from auth import strict_json
from auth.algorithms import CURVES, Algorithm
from auth.encoding import base64_decode, base64url_decode
from auth.errors import Misuse
from auth.jwk import MAX_SET_BYTES, key_from_jwk, private_jwk, ring_from_jwks, thumbprint
from auth.keys import Key, Material
from auth.secret import Secret
from auth.strict_json import JsonObject

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)KEY-----")
_UNNAMED = "unnamed"


class Form(StrEnum):
    """How a key is written down. The last four are secrets."""

    PEM = "pem"
    JWK = "jwk"  # one key or a set
    TEXT = "text"  # the octets as they are, without the end of the line
    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"


def form_of(data: bytes) -> Form | None:
    """PEM or JWK, which tell themselves apart; None for anything else, for a secret may look like any spelling."""
    start = data.lstrip()
    if start.startswith(b"-----BEGIN "):
        return Form.PEM
    return Form.JWK if start.startswith(b"{") else None


def read_keys(data: bytes, form: Form, algorithm: Algorithm | None = None, key_id: str | None = None) -> list[Key]:
    """The keys in `data`. Misuse, which quotes nothing of them, when any cannot be used.

    `algorithm` is needed where the key does not imply it: for RSA in PEM and for secrets. Without `key_id` a key is
    named by its thumbprint (RFC 7638); a secret is not, for who sees the thumbprint of a weak one can guess it (§7).
    """
    if len(data) > MAX_SET_BYTES:
        raise Misuse(f"more than {MAX_SET_BYTES} bytes")
    match form:
        case Form.PEM:
            return [_named(_pem_material(data), algorithm, key_id)]
        case Form.JWK:
            return _from_jwk(data, algorithm, key_id)
        case _:
            if algorithm is None or key_id is None:
                raise Misuse("a secret needs an algorithm and a key id")
            return [Key(key_id, algorithm, Secret(_octets(data, form)))]


def _named(material: Material, algorithm: Algorithm | None, key_id: str | None) -> Key:
    key = Key(_UNNAMED if key_id is None else key_id, algorithm or _implied(material), material)
    return key if key_id is not None else Key(thumbprint(private_jwk(key)), key.algorithm, material)


def _implied(material: Material) -> Algorithm:
    if isinstance(material, Ed25519PrivateKey | Ed25519PublicKey):
        return Algorithm.EDDSA
    if isinstance(material, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        for algorithm, curve in CURVES.items():
            if isinstance(material.curve, curve):
                return algorithm
        raise Misuse("of elliptic curves only P-256 and P-384 are used")
    raise Misuse("an RSA key needs an algorithm, such as RS256")


def _pem_material(data: bytes) -> Material:
    blocks = _PEM_BLOCK.findall(data)
    if len(blocks) != 1:
        raise Misuse("a PEM text holds one key, private or public")
    if b"ENCRYPTED" in data:
        raise Misuse("the key is encrypted; decrypt it first")
    try:
        material: object = load_pem_public_key(data) if b"PUBLIC" in blocks[0] else load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misuse("not a PEM key that can be read") from None
    if isinstance(
        material,
        RSAPrivateKey
        | RSAPublicKey
        | EllipticCurvePrivateKey
        | EllipticCurvePublicKey
        | Ed25519PrivateKey
        | Ed25519PublicKey,
    ):
        return material
    raise Misuse("a PEM key is RSA, EC or Ed25519")


def _from_jwk(data: bytes, algorithm: Algorithm | None, key_id: str | None) -> list[Key]:
    try:
        jwk = strict_json.loads_object(data, max_bytes=MAX_SET_BYTES)
    except ValueError as error:
        raise Misuse(f"not a JSON Web Key: {error}") from None
    if "keys" in jwk:
        if algorithm is not None or key_id is not None:
            raise Misuse("the keys of a set have their own ids and algorithms")
        return list(ring_from_jwks(data).keys)
    given: JsonObject = {}
    if algorithm is not None:
        given["alg"] = algorithm.value
    if key_id is not None:
        given["kid"] = key_id
    if "alg" in given and jwk.get("alg", given["alg"]) != given["alg"]:
        raise Misuse("the key names another algorithm")
    return [key_from_jwk(jwk | given)]


def _octets(data: bytes, form: Form) -> bytes:
    if form is Form.TEXT:
        return data.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return _SPELLINGS[form](data.decode("ascii").strip())
    except ValueError:
        raise Misuse(f"not {form}") from None


_SPELLINGS: Mapping[Form, Callable[[str], bytes]] = {
    Form.HEX: bytes.fromhex,
    Form.BASE64: base64_decode,
    Form.BASE64URL: lambda text: base64url_decode(text.rstrip("=")),
}
