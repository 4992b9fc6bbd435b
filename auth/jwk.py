"""Keys as JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037) and key sets.

A key's validity travels in the members `nbf` and `exp`, and the part of it in which the key signs in `sign_from` and
`sign_until`: names of our own, all in Unix seconds, and none of them is published. A key without `kid` is named by its
thumbprint (RFC 7638).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import assert_never

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt import algorithms as jwa
from jwt.exceptions import PyJWTError

from auth import strict_json
from auth.algorithms import Algorithm
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Misuse
from auth.keys import Key, KeyRing, Material
from auth.secret import Secret
from auth.strict_json import JsonObject, JsonValue

MAX_KEYS = 1000
MAX_SET_BYTES = 4 * 1024 * 1024

_IDENTITY = {"oct": ("k",), "RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_PRIVATE = {"oct": (), "RSA": ("d", "p", "q", "dp", "dq", "qi"), "EC": ("d",), "OKP": ("d",)}
_IMPLIED = {
    ("EC", "P-256"): Algorithm.ES256,
    ("EC", "P-384"): Algorithm.ES384,
    ("OKP", "Ed25519"): Algorithm.EDDSA,
}


def ring_from_jwks(data: bytes, *, allow_weak: bool = False) -> KeyRing:
    """A ring from the text of a JWK Set (RFC 7517 §5), in its order. Misuse when any key cannot be used."""
    ring = []
    for position, jwk in enumerate(_set_members(data), start=1):
        if not isinstance(jwk, dict):
            raise Misuse(f"key {position} of the set is not an object")
        try:
            ring.append(key_from_jwk(jwk, allow_weak=allow_weak))
        except Misuse as error:
            raise Misuse(f"key {position} of the set: {error}") from None
    return KeyRing(ring)


def usable_keys(data: bytes) -> KeyRing:
    """The keys of somebody else's published set that we can verify with; the others are passed over (RFC 7517 §5).

    Passed over are what is malformed, weak or of another algorithm, what is for encryption, secrets, for what is
    published is none, and the later of two keys with one id. RSA keys that name no algorithm are for RS256. Misuse when
    the text is no key set at all.
    """
    found: dict[str, Key] = {}
    for jwk in _set_members(data):
        if not isinstance(jwk, dict) or jwk.get("kty") == "oct":
            continue
        implied: JsonObject = {"alg": Algorithm.RS256.value} if jwk.get("kty") == "RSA" else {}
        try:
            key = key_from_jwk(implied | jwk)
        except Misuse:
            continue
        found.setdefault(key.id, replace(key, material=key.verifying, verify_only=True))
    return KeyRing(found.values())


def key_from_jwk(jwk: JsonObject, *, allow_weak: bool = False) -> Key:
    """One key, private or public. Misuse when it is malformed, weak, or of an algorithm we do not use."""
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _IDENTITY:
        raise Misuse("kty is oct, RSA, EC or OKP")
    material = _material(kind, jwk)
    algorithm = _algorithm(kind, jwk)
    key = Key(
        _key_id(kind, jwk),
        algorithm,
        material,
        _is_verify_only(jwk),
        not_before=_instant(jwk, "nbf"),
        not_after=_instant(jwk, "exp"),
        sign_from=_instant(jwk, "sign_from"),
        sign_until=_instant(jwk, "sign_until"),
        allow_weak=allow_weak,
    )
    if jwk.get("use", key.use) != key.use:
        raise Misuse(f"the use of a key for {algorithm} is {key.use}")
    return key


def private_jwk(key: Key) -> JsonObject:
    """The whole key, secrets included: for a key file, never for an answer."""
    jwk = _members(key.material) | {"kid": key.id, "alg": key.algorithm.value, "use": key.use.value}
    if key.verify_only:
        jwk["key_ops"] = ["verify"]
    times = {"nbf": key.not_before, "exp": key.not_after, "sign_from": key.sign_from, "sign_until": key.sign_until}
    return jwk | {name: instant for name, instant in times.items() if instant is not None}


def public_jwk(key: Key) -> JsonObject | None:
    """What the world needs to verify with this key; None for a symmetric key, which is never published."""
    if isinstance(key.verifying, Secret):
        return None
    return _members(key.verifying) | {"kid": key.id, "alg": key.algorithm.value, "use": "sig"}


def public_jwks(ring: KeyRing) -> JsonObject:
    """The JWK Set of a ring's public keys, for `/.well-known/jwks.json`."""
    return {"keys": [jwk for key in ring.keys if (jwk := public_jwk(key)) is not None]}


def thumbprint(jwk: JsonObject) -> str:
    """The SHA-256 thumbprint of a key (RFC 7638 §3), base64url."""
    kind = str(jwk["kty"])
    required: JsonObject = {name: jwk[name] for name in sorted((*_IDENTITY[kind], "kty"))}
    return base64url_encode(hashlib.sha256(strict_json.dumps(required)).digest())


def _set_members(data: bytes) -> list[JsonValue]:
    try:
        keys = strict_json.loads_object(data, max_bytes=MAX_SET_BYTES).get("keys")
    except ValueError as error:
        raise Misuse(f"a key set is a JSON object: {error}") from None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise Misuse(f'a key set has a member "keys": a list of at most {MAX_KEYS} keys')
    return keys


def _material(kind: str, jwk: JsonObject) -> Material:
    if kind == "RSA" and "oth" in jwk:
        raise Misuse("RSA keys with more than two primes are not used")
    wanted = (*_IDENTITY[kind], *_PRIVATE[kind])
    given = {"kty": kind} | {name: _member(jwk, name) for name in wanted if name in jwk}
    if missing := [name for name in _IDENTITY[kind] if name not in given]:
        raise Misuse(f"{' and '.join(missing)} missing")
    material = _import(kind, given)
    # Read back: padding zeros, mismatched halves and any other second spelling of a key end here.
    if any(_members(material)[name] != given[name] for name in _IDENTITY[kind]):
        raise Misuse("its members contradict each other or are not canonical")
    return material


def _import(kind: str, given: dict[str, str]) -> Material:
    if kind == "oct":
        return Secret(base64url_decode(given["k"]))
    try:
        match kind:
            case "RSA":
                material: object = jwa.RSAAlgorithm.from_jwk(given)
            case "EC":
                material = jwa.ECAlgorithm.from_jwk(given)
            case _:
                material = jwa.OKPAlgorithm.from_jwk(given)
    except (PyJWTError, ValueError, TypeError):
        raise Misuse("its numbers are not a valid key") from None
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
    raise Misuse("of OKP keys only Ed25519 is used")


def _members(material: Material) -> JsonObject:
    """The members that make the key, without its name and use."""
    match material:
        case Secret():
            return {"kty": "oct", "k": base64url_encode(material.reveal())}
        case RSAPrivateKey() | RSAPublicKey():
            exported = jwa.RSAAlgorithm.to_jwk(material, as_dict=True)
        case EllipticCurvePrivateKey() | EllipticCurvePublicKey():
            exported = jwa.ECAlgorithm.to_jwk(material, as_dict=True)
        case Ed25519PrivateKey() | Ed25519PublicKey():
            exported = jwa.OKPAlgorithm.to_jwk(material, as_dict=True)
        case _:
            assert_never(material)
    kind = exported["kty"]
    return {name: exported[name] for name in ("kty", *_IDENTITY[kind], *_PRIVATE[kind]) if name in exported}


def _member(jwk: JsonObject, name: str) -> str:
    value = jwk[name]
    if not isinstance(value, str):
        raise Misuse(f"{name} is not a string")
    if name != "crv":
        try:
            base64url_decode(value)
        except ValueError:
            raise Misuse(f"{name} is not base64url") from None
    return value


def _algorithm(kind: str, jwk: JsonObject) -> Algorithm:
    name = jwk.get("alg", _IMPLIED.get((kind, str(jwk.get("crv")))))
    if not isinstance(name, str):
        raise Misuse(f"a key of kty {kind} names its one algorithm in alg")
    try:
        return Algorithm(name)
    except ValueError:
        raise Misuse(f"alg is one of {' '.join(Algorithm)}") from None


def _key_id(kind: str, jwk: JsonObject) -> str:
    if "kid" not in jwk:
        return thumbprint(jwk)
    if not isinstance(jwk["kid"], str):
        raise Misuse("kid is not a string")
    return jwk["kid"]


def _is_verify_only(jwk: JsonObject) -> bool:
    operations: JsonValue = jwk.get("key_ops", ["sign", "verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        if operations == ["sign"]:
            return False  # a private key file of another tool; its public half verifies all the same
        raise Misuse("key_ops does not allow verifying")
    return "sign" not in operations


def _instant(jwk: JsonObject, name: str) -> float | None:
    value = jwk.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
        return value
    raise Misuse(f"{name} is not Unix seconds")
