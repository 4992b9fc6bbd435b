"""Keys, requests and tokens that the tests of this room share; the tokens are not made by our minter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from auth import algorithms
from auth.algorithms import Algorithm, Family, family
from auth.carriage import Found, Transport
from auth.encoding import base64url_encode
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.secret import Secret, Token
from origin.keystore.generate import new_key

NOW = 1_800_000_000
SECRET = b"0123456789abcdef0123456789abcdef"
HMAC_KEY = Key("k1", Algorithm.HS256, Secret(SECRET))
RING = KeyRing([HMAC_KEY])
CLAIMS: dict[str, object] = {"exp": NOW + 60, "prefix": "/vod/film"}


@cache
def _rsa() -> Key:
    return new_key(Algorithm.RS256, "rsa")


@cache
def key_of(algorithm: Algorithm) -> Key:
    """One key per algorithm, named for it; RSA numbers are made once."""
    if family(algorithm) is Family.RSA:
        return Key(algorithm.value, algorithm, _rsa().material)
    return new_key(algorithm, algorithm.value)


def raw_token(header: bytes, payload: bytes, key: Key = HMAC_KEY) -> str:
    """A validly signed token around any bytes at all."""
    signed = f"{base64url_encode(header)}.{base64url_encode(payload)}"
    assert key.signing is not None
    signature = algorithms.sign(key.algorithm, key.signing, signed.encode())
    return f"{signed}.{base64url_encode(signature)}"


def token(
    claims: Mapping[str, object] | None = None,
    header: Mapping[str, object] | None = None,
    key: Key = HMAC_KEY,
) -> str:
    """A validly signed token; `header` adds to or replaces the usual one."""
    usual: dict[str, object] = {"alg": key.algorithm.value, "kid": key.id, "typ": "JWT"}
    merged = usual | dict(header or {})
    return raw_token(json.dumps(merged).encode(), json.dumps(CLAIMS if claims is None else claims).encode(), key)


def found(text: str) -> Found:
    """A token as a carriage would have found it."""
    return Found(Token(text), Transport.QUERY, "/vod/film/a.ts", "")


def get(path: str = "/vod/film/a.ts", query: str = "", *, method: str = "GET") -> Request:
    """A plain request."""
    return Request(method, "https", "cdn.example", path, query)
