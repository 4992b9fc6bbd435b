"""One case per dialect and kind of key: the same token for us and for the peer, both judging its time."""

from __future__ import annotations

import hashlib
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cwt
import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt as pyjwt
from akamai.edgeauth import EdgeAuth
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from auth import Algorithm, Claims, Gate, Key, KeyRing, PathScope, Realm, Secret, strict_json
from auth.jwk import public_jwk
from auth.rules.url import ExactUrl, UrlPrefixes
from auth.scope import PathRule, Rule
from benchmarks.micro.case import (
    FOR_FOLDER,
    FOR_URL,
    MESSAGE,
    NOW,
    SECRET,
    URL,
    Case,
    Setting,
    accepted,
    bare_mac,
    of_gate,
    shared_key,
    with_bare,
)
from benchmarks.micro.messages import g2o_case, signature_case
from benchmarks.micro.timing import Operation
from origin.keystore.generate import new_key

VIEWER = replace(FOR_FOLDER, subject="viewer-42", token_id="t-1")


def jwt_case(algorithm: Algorithm, others: int = 0) -> Callable[[], Case]:
    """JSON Web Tokens, beside PyJWT's and joserfc's decoding of the same token."""

    def make() -> Case:
        key = new_key(algorithm, "k1")
        name = f"jwt {algorithm}" + (f", {others + 1} keys" if others else "")
        case = of_gate(name, Setting(accepted("jwt"), key, VIEWER, others))
        token = Gate(Realm("/vod")).mint(VIEWER, KeyRing([key]), NOW).reveal()
        material = key.verifying.reveal() if isinstance(key.verifying, Secret) else key.verifying
        known = _joserfc_key(key)
        warnings.simplefilter("ignore", joserfc.errors.SecurityWarning)  # it says so of EdDSA at every call
        registry = joserfc.jwt.JWTClaimsRegistry()

        def decode() -> object:
            return pyjwt.decode(token, material, algorithms=[algorithm.value])

        def decode_and_validate() -> None:
            registry.validate(joserfc.jwt.decode(token, known, algorithms=[algorithm.value]).claims)

        return replace(case, peers={"PyJWT": decode, "joserfc": decode_and_validate})

    return make


def _joserfc_key(key: Key) -> Any:
    if isinstance(key.verifying, Secret):
        return joserfc.jwk.OctKey.import_key(key.verifying.reveal())
    return joserfc.jwk.import_key(dict(public_jwk(key) or {}))  # type: ignore[arg-type]


def cat_case(algorithm: Algorithm) -> Callable[[], Case]:
    """Common Access Tokens, beside PyPI `cwt`: envelope and times of the same token; it leaves other claims alone."""

    def make() -> Case:
        key = new_key(algorithm, "k1")
        claims = Claims(issuer="edge.example", expires=NOW + 3600, scope=PathScope.prefix("/vod/film/"))
        case = of_gate(f"cat {algorithm}", Setting(accepted("cat"), key, claims))
        token = Gate(Realm("/vod", (accepted("cat"),))).mint(claims, KeyRing([key]), NOW).reveal()
        text, known = token + "=" * (-len(token) % 4), _cose_key(key)
        return replace(case, peers={"cwt": lambda: cwt.decode(urlsafe_b64decode(text), known)})

    return make


def _cose_key(key: Key) -> Any:
    if isinstance(key.verifying, Secret):
        return cwt.COSEKey.from_symmetric_key(key.verifying.reveal(), alg=key.algorithm.value, kid=key.id)
    pem = key.verifying.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return cwt.COSEKey.from_pem(pem, kid=key.id, alg=key.algorithm.value)


def uri_signing_case() -> Case:
    """RFC 9246 with ES256, beside jwcrypto's verification of the same signature and claims."""
    key = new_key(Algorithm.ES256, "k1")
    claims = replace(FOR_FOLDER, strict_time=True)
    dialect = accepted("uri-signing")
    case = of_gate("uri-signing ES256", Setting(dialect, key, claims))
    token = Gate(Realm("/vod", (dialect,))).mint(claims, KeyRing([key]), NOW, URL).reveal()
    jwk = JWK.from_json(strict_json.dumps(public_jwk(key) or {}).decode())
    return replace(case, peers={"jwcrypto": lambda: JWT(jwt=token, key=jwk, algs=["ES256"])})


def akamai_case() -> Case:
    """A token for path patterns; Akamai publishes a generator and no verifier, so it stands beside our minting."""
    case = of_gate("akamai", Setting(accepted("akamai"), shared_key(), FOR_FOLDER))
    peer = EdgeAuth(key=SECRET.hex(), end_time=int(NOW + 3600))
    generate: Operation = lambda: peer.generate_acl_token("/vod/film/*")  # noqa: E731
    return replace(with_bare(case, bare_mac("sha256")), minters={"akamai-edgeauth": generate})


def signed_case(dialect: str, algorithm: Algorithm, claims: Claims, key_id: str = "K1") -> Callable[[], Case]:
    """A format with key pairs that no library verifies: the bare signature is all there is beside it."""
    return lambda: of_gate(f"{dialect} {algorithm}", Setting(accepted(dialect), new_key(algorithm, key_id), claims))


def hashed_case(
    dialect: str, claims: Claims, bare: Operation, options: dict[str, object] | None = None, key: Key | None = None
) -> Callable[[], Case]:
    """A format with a shared secret that no library verifies: the bare hash is all there is beside it."""
    return lambda: with_bare(of_gate(dialect, Setting(accepted(dialect, options), key or shared_key(), claims)), bare)


def _md5() -> bytes:
    return hashlib.md5(SECRET + MESSAGE, usedforsecurity=False).digest()


def _sha256() -> bytes:
    return hashlib.sha256(SECRET + MESSAGE).digest()


def _aes_gcm() -> Operation:
    cipher, nonce = AESGCM(SECRET), bytes(12)
    sealed = cipher.encrypt(nonce, MESSAGE, None)
    return lambda: cipher.decrypt(nonce, sealed, None)


_OF_PREFIX = Claims(expires=NOW + 3600, urls=UrlPrefixes(("https://cdn.example/vod/film/",)))
_OF_SESSION = replace(
    FOR_FOLDER, subject="viewer-42", session_id="s-1", issued_at=NOW, session_ends=NOW + 7200, dialect="session"
)
_OF_STREAM = Claims(subject="viewer-42", expires=NOW + 3600, scope=PathScope.prefix("/vod/film"))
_OF_MUX = Claims(
    subject="film",
    expires=NOW + 3600,
    scope=PathScope((PathRule(Rule.PREFIX, "/vod/film"), PathRule(Rule.GLOB, "/vod/film.*"))),
)

CASES: list[Callable[[], Case]] = [
    jwt_case(Algorithm.HS256),
    jwt_case(Algorithm.HS256, others=99),
    jwt_case(Algorithm.ES256),
    jwt_case(Algorithm.EDDSA),
    jwt_case(Algorithm.RS256),
    cat_case(Algorithm.HS256),
    cat_case(Algorithm.ES256),
    uri_signing_case,
    signed_case("cloudfront", Algorithm.RS256, FOR_FOLDER),
    signed_case("cloudfront", Algorithm.ES256, FOR_FOLDER),
    signed_case("media-cdn", Algorithm.EDDSA, FOR_FOLDER),
    signed_case("mux", Algorithm.RS256, _OF_MUX),
    signed_case("cloudflare-stream", Algorithm.RS256, replace(FOR_FOLDER, subject="film")),
    akamai_case,
    hashed_case("aws-smd", FOR_FOLDER, bare_mac("sha256"), key=shared_key(algorithm=Algorithm.HS256)),
    hashed_case("access-control", _OF_STREAM, bare_mac("sha256")),
    hashed_case("session", _OF_SESSION, bare_mac("sha256")),
    hashed_case("cloud-cdn", _OF_PREFIX, bare_mac("sha1")),
    hashed_case("bunny", FOR_FOLDER, bare_mac("sha256")),
    hashed_case("url-sig", Claims(expires=NOW + 3600, urls=ExactUrl(URL)), bare_mac("sha1"), key=shared_key("key1")),
    hashed_case("secure-link", FOR_URL, _md5, {"expression": "$secure_link_expires$uri $secret"}),
    hashed_case("fastly", FOR_URL, bare_mac("sha1")),
    hashed_case("keycdn", FOR_URL, _md5),
    hashed_case("gcore", FOR_URL, _md5),
    hashed_case("cdn77", Claims(expires=NOW + 3600, scope=PathScope.glob("/vod/film/720p/*")), _md5),
    hashed_case("alibaba", FOR_URL, _md5),
    hashed_case("wowza", replace(_OF_STREAM, subject=None), _sha256),
    hashed_case("ovenmedia", FOR_URL, bare_mac("sha1")),
    hashed_case("cloudflare", replace(FOR_URL, issued_at=NOW, expires=NOW + 10_800), bare_mac("sha256")),
    hashed_case("edgio", Claims(expires=NOW + 3600, scope=PathScope.glob("/vod/film/**")), _aes_gcm()),
    g2o_case,
    signature_case(Algorithm.HS256),
    signature_case(Algorithm.EDDSA),
]
