"""JWS in its compact form (RFC 7515 §7.1), read strictly (RFC 8725).

The library underneath does cryptography only. What a header may say is decided here, before any key is
touched, and the key, not the header, decides the algorithm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from auth import algorithms, strict_json
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import KEY_ID, Key, KeyRing
from auth.secret import Token
from auth.strict_json import JsonObject

MAX_TOKEN_CHARS = 8192
MAX_HEADER_BYTES = 2048
MAX_HEADER_DEPTH = 4

# Header parameters that bring their own key, change what is signed, or need an understanding that we do not
# have.
_REFUSED = ("crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c")
_COMPACT = re.compile(r"([^.]*)\.([^.]*)\.([^.]*)")


@dataclass(frozen=True, slots=True)
class Jws:
    """A well-formed JWS that nobody has verified yet."""

    algorithm: str
    key_id: str | None
    type: str | None  # the media type in `typ`, lower case, without "application/"
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse(token: Token) -> Jws:
    """The parts of a compact JWS. Denied with TOO_LARGE, MALFORMED or UNSUPPORTED."""
    text = token.reveal()
    if len(text) > MAX_TOKEN_CHARS:
        raise Denied(Reason.TOO_LARGE, f"a token has at most {MAX_TOKEN_CHARS} characters")
    if text.count(".") == 4:
        raise Denied(Reason.UNSUPPORTED, "encrypted tokens are not accepted")
    parts = _COMPACT.fullmatch(text)
    if parts is None:
        raise Denied(Reason.MALFORMED, "a compact JWS has three parts")
    try:
        algorithm, key_id, typ = _read_header(parts[1])
        payload, signature = base64url_decode(parts[2]), base64url_decode(parts[3])
    except ValueError:
        raise Denied(Reason.MALFORMED, "each part is base64url without padding") from None
    return Jws(algorithm, key_id, typ, payload, text.rpartition(".")[0].encode("ascii"), signature)


def verify(jws: Jws, ring: KeyRing) -> Key:
    """The key that signed. Denied with UNKNOWN_KEY, WRONG_ALGORITHM or BAD_SIGNATURE.

    A token without a key id is tried with the few newest keys of its algorithm.
    """
    if jws.key_id is not None:
        key = ring.find(jws.key_id) if KEY_ID.fullmatch(jws.key_id) else None
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY, "no key of that id")
        if not key.accepts(jws.algorithm):
            raise Denied(Reason.WRONG_ALGORITHM, "alg is not its key's algorithm")
        algorithms.verify(key.algorithm, key.verifying, jws.signed, jws.signature)
        return key
    candidates = ring.candidates(jws.algorithm)
    if not candidates:
        raise Denied(Reason.UNKNOWN_KEY, "no kid, and no key of that algorithm")
    for key in candidates:
        try:
            algorithms.verify(key.algorithm, key.verifying, jws.signed, jws.signature)
        except Denied:
            continue
        return key
    raise Denied(Reason.BAD_SIGNATURE)


def sign(payload: bytes, key: Key, *, typ: str) -> Token:
    """A compact JWS by `key`. Misuse when the key cannot sign or the token would be refused for its size."""
    header: JsonObject = {"alg": key.algorithm.value, "kid": key.id, "typ": typ}
    return sign_under(base64url_encode(strict_json.dumps(header)), payload, key)


def sign_under(header: str, payload: bytes, key: Key) -> Token:
    """A compact JWS with an encoded header that the caller answers for. Misuse as for `sign`."""
    if key.signing is None:
        raise Misuse(f"key {key.id} verifies only")
    if key.algorithm not in algorithms.SIGNATURE_NAMES:
        raise Misuse(f"key {key.id}: {key.algorithm} does not sign tokens")
    signed = f"{header}.{base64url_encode(payload)}"
    signature = algorithms.sign(key.algorithm, key.signing, signed.encode("ascii"))
    text = f"{signed}.{base64url_encode(signature)}"
    if len(text) > MAX_TOKEN_CHARS:
        raise Misuse(f"the token would be longer than {MAX_TOKEN_CHARS} characters")
    return Token(text)


@lru_cache(maxsize=256)
def _read_header(encoded: str) -> tuple[str, str | None, str | None]:
    """Algorithm, key id and type of an encoded header; all tokens of one key have the same."""
    fields = _header(base64url_decode(encoded))
    return _algorithm(fields), _text(fields, "kid"), _type(fields)


def _header(data: bytes) -> JsonObject:
    try:
        fields = strict_json.loads_object(data, max_bytes=MAX_HEADER_BYTES, max_depth=MAX_HEADER_DEPTH)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"header: {error}") from None
    for name in _REFUSED:
        if name in fields:
            raise Denied(Reason.UNSUPPORTED, f"header parameter {name} is not accepted")
    return fields


def _algorithm(fields: JsonObject) -> str:
    name = _text(fields, "alg")
    if name is None:
        raise Denied(Reason.MALFORMED, "header: alg is missing")
    if name not in algorithms.SIGNATURE_NAMES:
        raise Denied(Reason.UNSUPPORTED, "alg is not an algorithm that is accepted")
    return name


def _type(fields: JsonObject) -> str | None:
    """`typ` may leave out "application/" and does not mind case (RFC 7515 §4.1.9)."""
    name = _text(fields, "typ")
    return None if name is None else name.lower().removeprefix("application/")


def _text(fields: JsonObject, name: str) -> str | None:
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, str):
        raise Denied(Reason.MALFORMED, f"header: {name} is not a string")
    return value
