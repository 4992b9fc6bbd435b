"""One case per dialect and kind of key: the same token for us and for the peer, both judging its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import jwt as pyjwt

from auth import Accepted, Algorithm, Claims, Gate, Key, KeyRing, PathScope, Realm, Request, Secret, algorithms
from auth.enforce import judge_token
from auth.gate import doors_of
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


CASES: list[Callable[[], Case]] = [
    jwt_case(Algorithm.HS256),
    jwt_case(Algorithm.ES256),
    jwt_case(Algorithm.EDDSA),
    jwt_case(Algorithm.RS256),
]
