"""Proof that a viewer holds a key: DPoP (RFC 9449), a JWT of the viewer's own in the request's `DPoP` field."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, Self

from auth import algorithms, strict_json
from auth.algorithms import SIGNATURE_NAMES
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.jwk import key_from_jwk, thumbprint
from auth.keys import Key
from auth.primitives import same
from auth.request import Request
from auth.rules.url import Url
from auth.scope import UnsafePath, normalise
from auth.strict_json import JsonObject, JsonValue

FIELD = "dpop"
MAX_PROOF_CHARS = 4096
MAX_WINDOW = 24 * 60 * 60

_TYPE = "dpop+jwt"
_HEADER_MEMBERS = frozenset({"typ", "alg", "jwk"})
_PUBLIC = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("e", "n")}
_HASH_CHARS = 43  # SHA-256 in base64url


@dataclass(frozen=True, slots=True)
class DpopProof:
    """The request carries one fresh proof by the key with this thumbprint (RFC 7638), made for it and for the token.

    That no proof comes twice is not asked here. ValueError for a thumbprint or window that is none.
    """

    WORD: ClassVar[str] = "dpop"
    thumbprint: str  # SHA-256, base64url
    window: float  # seconds that a proof may be old, or early
    # SHA-256 of the token that it belongs to, base64url: known once there is a token, and no part of what it asks.
    token_hash: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for digest in (self.thumbprint, self.token_hash or self.thumbprint):
            if len(digest) != _HASH_CHARS or len(base64url_decode(digest)) != 32:
                raise ValueError("a SHA-256 in base64url")
        if not 0 < self.window <= MAX_WINDOW:
            raise ValueError("a window is seconds, at most a day's")

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`."""
        proofs = request.fields(FIELD)
        if len(proofs) != 1:
            return _invalid("the request carries one DPoP proof")
        try:
            return self._examine(proofs[0], request, now)
        except (ValueError, Denied):  # Misuse is a ValueError; what a proof is made of, its maker decides
            return _invalid("the DPoP proof is malformed or not signed by its key")

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [self.thumbprint, self.window, self.token_hash]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        match value:
            case [str() as digest, int() | float() as window, str() as token_hash] if not isinstance(window, bool):
                return cls(digest, window, token_hash)
            case _:
                raise ValueError("a proof is a thumbprint, a window and the hash of a token")

    def _examine(self, proof: str, request: Request, now: float) -> Denied | None:
        """RFC 9449 §4.3, in an order that looks at the key before it is used."""
        if len(proof) > MAX_PROOF_CHARS:
            return _invalid(f"a DPoP proof has at most {MAX_PROOF_CHARS} characters")
        signed, _, signature = proof.rpartition(".")
        encoded_header, _, encoded_payload = signed.partition(".")
        jwk, key = _key(strict_json.loads_object(base64url_decode(encoded_header)))
        if not same(thumbprint(jwk), self.thumbprint):
            return _invalid("the DPoP proof is of another key")
        algorithms.verify(key.algorithm, key.verifying, signed.encode("ascii"), base64url_decode(signature))
        payload = strict_json.loads_object(base64url_decode(encoded_payload))
        if payload.get("htm") != request.method or not _is_for(payload.get("htu"), request):
            return _invalid("the DPoP proof is for another request")
        if not isinstance(payload.get("jti"), str) or not payload["jti"]:
            return _invalid("the DPoP proof has no jti")
        made = payload.get("iat")
        if isinstance(made, bool) or not isinstance(made, int | float) or abs(now - made) > self.window:
            return _invalid("the DPoP proof is not of now")
        if not self.token_hash or payload.get("ath") != self.token_hash:
            return _invalid("the DPoP proof is for another token")
        return None


def hash_of_token(text: str) -> str:
    """The `ath` of a token (RFC 9449 §4.2)."""
    return base64url_encode(hashlib.sha256(text.encode("utf-8")).digest())


def _invalid(detail: str) -> Denied:
    return Denied(Reason.PROOF_INVALID, detail)


def _key(header: JsonObject) -> tuple[JsonObject, Key]:
    """The public key that a proof brings, for the one algorithm that its header names. Never a secret."""
    jwk, algorithm = header.get("jwk"), header.get("alg")
    if set(header) != _HEADER_MEMBERS or header["typ"] != _TYPE or not isinstance(jwk, dict):
        raise Misuse("the header of a proof has typ dpop+jwt, alg and jwk")
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _PUBLIC or not isinstance(algorithm, str):
        raise Misuse("a proof is signed with a public key")
    if algorithm not in SIGNATURE_NAMES or any(name in jwk for name in ("d", "k", "p", "q")):
        raise Misuse("a proof is signed, and its key is public")
    public: JsonObject = {name: jwk[name] for name in ("kty", *_PUBLIC[kind]) if name in jwk}
    key = key_from_jwk(public | {"alg": algorithm, "kid": "proof"})
    return public, key


def _is_for(target: JsonValue, request: Request) -> bool:
    """Without query and fragment, each side normalised (RFC 9449 §4.3). A path is compared without a token in it."""
    if not isinstance(target, str) or "?" in target or "#" in target:
        return False
    named, asked = Url.parse(target), Url.of(request)
    try:
        is_same_path = normalise(named.path) == normalise(asked.path)
    except UnsafePath:
        return False
    return is_same_path and (named.scheme, named.authority) == (asked.scheme, asked.authority)
