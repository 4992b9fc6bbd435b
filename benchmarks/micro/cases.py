"""One case per dialect and kind of key: the same token for us and for the peer, both judging its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import jwt as pyjwt
from akamai.edgeauth import EdgeAuth
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from auth import (
    DIALECTS,
    Accepted,
    Algorithm,
    Claims,
    Gate,
    Key,
    KeyRing,
    PathScope,
    Realm,
    Request,
    Secret,
    algorithms,
    strict_json,
)
from auth.enforce import judge_token
from auth.gate import doors_of
from auth.jwk import public_jwk
from auth.options import read_options
from auth.rules.url import UrlPrefixes
from auth.verified import VerifiedTokens
from benchmarks.micro.timing import Operation
from origin.keystore.generate import new_key

NOW = 1_800_000_000.0
URL = "https://cdn.example/vod/film/720p/segment-000123.m4s"
PATH = "/vod/film/720p/segment-000123.m4s"


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed, for one token.

    `operations` are "verify" (a token that is seen for the first time, and its times judged), "again" (the same from
    memory), "admit" (the whole gate, from request to grant, when the token is remembered), "mint", and where there are
    any, "bare" (the signature alone, by `cryptography`) and "peer".
    """

    name: str
    operations: dict[str, Operation] = field(repr=False)
    peer: str = ""


def of_gate(name: str, accepted: Accepted, key: Key, claims: Claims) -> Case:
    """A case without a peer."""
    ring, realm = KeyRing([key]), Realm("/vod", (accepted,))
    gate = Gate(realm)
    signed = gate.issue(URL, claims, ring, NOW)
    path, _, query = signed.url.removeprefix("https://cdn.example").partition("?")
    request = Request("GET", "https", "cdn.example", path, query)
    door = doors_of(realm)[0]
    found = door.dialect.locate(request, accepted.carriage, "/vod")
    assert found is not None
    memory = VerifiedTokens(1024)
    identity = (found.token.reveal(), found.bound)
    memory.put(identity, door.dialect.verify(found, ring), ring)

    def again() -> object:
        remembered = memory.get(identity, ring)
        return remembered is not None and judge_token(remembered, realm.policy, NOW)

    operations: dict[str, Operation] = {
        "verify": lambda: judge_token(door.dialect.verify(found, ring), realm.policy, NOW),
        "again": again,
        "admit": lambda: gate.admit(request, ring, NOW),
        "mint": lambda: gate.mint(claims, ring, NOW, URL),
    }
    if not isinstance(key.verifying, Secret):
        assert key.signing is not None and not isinstance(key.signing, Secret)  # noqa: PT018
        signature = algorithms.sign(key.algorithm, key.signing, b"x" * 200)
        operations["bare"] = lambda: algorithms.verify(key.algorithm, key.verifying, b"x" * 200, signature)
    return Case(name, operations)


CLAIMS = Claims(subject="viewer-42", expires=NOW + 3600, token_id="t-1", scope=PathScope.prefix("/vod/film/"))


def jwt_case(algorithm: Algorithm) -> Callable[[], Case]:
    """JSON Web Tokens, beside PyJWT's decode of the same token."""

    def make() -> Case:
        key = new_key(algorithm, "k1")
        case = of_gate(f"jwt {algorithm}", Accepted("jwt"), key, CLAIMS)
        token = Gate(Realm("/vod")).mint(CLAIMS, KeyRing([key]), NOW).reveal()
        material = key.verifying.reveal() if isinstance(key.verifying, Secret) else key.verifying

        def decode() -> object:
            return pyjwt.decode(token, material, algorithms=[algorithm.value])

        return replace(case, operations=case.operations | {"peer": decode}, peer="PyJWT")

    return make


def uri_signing_case() -> Case:
    """RFC 9246 with ES256, beside jwcrypto's verification of the same signature and claims."""
    key = new_key(Algorithm.ES256, "k1")
    claims = Claims(expires=NOW + 3600, scope=PathScope.prefix("/vod/film/"), strict_time=True)
    accepted = _accepted("uri-signing")
    case = of_gate("uri-signing ES256", accepted, key, claims)
    token = Gate(Realm("/vod", (accepted,))).mint(claims, KeyRing([key]), NOW, URL).reveal()
    jwk = JWK.from_json(strict_json.dumps(public_jwk(key) or {}).decode())
    return _beside(case, "jwcrypto", lambda: JWT(jwt=token, key=jwk, algs=["ES256"]))


def cloudfront_case(algorithm: Algorithm) -> Callable[[], Case]:
    """A custom policy; no library verifies one, so the bare signature is all there is beside it."""
    return lambda: of_gate(
        f"cloudfront {algorithm}",
        _accepted("cloudfront"),
        new_key(algorithm, "K1"),
        Claims(expires=NOW + 3600, scope=PathScope.prefix("/vod/film/")),
    )


def akamai_case() -> Case:
    """A token for path patterns, beside Akamai's own generator, whose work a verifier repeats."""
    key = Key("k1", Algorithm.SHARED, Secret(bytes(range(32))))
    case = of_gate(
        "akamai HMAC-SHA256",
        _accepted("akamai"),
        key,
        Claims(expires=NOW + 3600, scope=PathScope.prefix("/vod/film/")),
    )
    peer = EdgeAuth(key=bytes(range(32)).hex(), end_time=int(NOW + 3600))
    return _beside(case, "akamai-edgeauth", lambda: peer.generate_acl_token("/vod/film/*"))


def shared_case(dialect: str, claims: Claims, options: dict[str, object] | None = None) -> Callable[[], Case]:
    """A format with a shared secret and no library to verify it."""
    key = Key("k1", Algorithm.SHARED, Secret(bytes(range(32))))
    return lambda: of_gate(f"{dialect}", _accepted(dialect, options), key, claims)


def _accepted(dialect: str, options: dict[str, object] | None = None) -> Accepted:
    spec = DIALECTS[dialect]
    return Accepted(dialect, spec.carriage, read_options(spec.options, options or {}))


def _beside(case: Case, peer: str, operation: Operation) -> Case:
    return replace(case, operations=case.operations | {"peer": operation}, peer=peer)


_FOR_URL = Claims(expires=NOW + 3600, scope=PathScope.exact(PATH))

CASES: list[Callable[[], Case]] = [
    jwt_case(Algorithm.HS256),
    jwt_case(Algorithm.ES256),
    jwt_case(Algorithm.EDDSA),
    jwt_case(Algorithm.RS256),
    uri_signing_case,
    cloudfront_case(Algorithm.RS256),
    cloudfront_case(Algorithm.ES256),
    akamai_case,
    shared_case("cloud-cdn", Claims(expires=NOW + 3600, urls=UrlPrefixes(("https://cdn.example/vod/film/",)))),
    shared_case("secure-link", _FOR_URL, {"expression": "$secure_link_expires$uri $secret"}),
    shared_case("fastly", _FOR_URL),
    shared_case("keycdn", _FOR_URL),
]
