"""JSON Web Keys, in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.errors import Misuse
from auth.jwk import key_from_jwk, private_jwk, public_jwk, public_jwks, ring_from_jwks, thumbprint, usable_keys
from auth.keys import Key, KeyRing
from auth.secret import Secret
from auth.strict_json import JsonObject, JsonValue
from tests.auth.samples import HMAC_KEY, key_of

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "jwt.json").read_text())
EC = private_jwk(key_of(Algorithm.ES256))
RSA = private_jwk(key_of(Algorithm.RS256))
OKP = private_jwk(key_of(Algorithm.EDDSA))
OCT = private_jwk(HMAC_KEY)
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k"}


def without(jwk: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize("algorithm", Algorithm)
def test_private_round_trip(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    again = key_from_jwk(private_jwk(key))
    assert private_jwk(again) == private_jwk(key)
    assert (again.id, again.algorithm, again.signing is not None) == (key.id, algorithm, True)


@pytest.mark.parametrize("algorithm", [a for a in Algorithm if not isinstance(key_of(a).material, Secret)])
def test_public_round_trip(algorithm: Algorithm) -> None:
    jwk = public_jwk(key_of(algorithm))
    assert jwk is not None
    assert not PRIVATE_MEMBERS & jwk.keys()
    again = key_from_jwk(jwk)
    assert again.signing is None
    assert public_jwk(again) == jwk


def test_validity_and_use_travel() -> None:
    key = Key("k", Algorithm.HS256, HMAC_KEY.material, verify_only=True, not_before=1, not_after=2.5)
    assert key_from_jwk(private_jwk(key)) == key
    key = Key("k", Algorithm.ES256, key_of(Algorithm.ES256).material, sign_from=1, sign_until=2, not_after=3)
    assert private_jwk(key_from_jwk(private_jwk(key))) == private_jwk(key)
    assert (private_jwk(key)["sign_from"], private_jwk(key)["sign_until"]) == (1, 2)
    assert not {"nbf", "exp", "sign_from", "sign_until"} & (public_jwk(key) or {}).keys()


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_use_is_told_and_may_be_left_out(algorithm: Algorithm) -> None:
    jwk = private_jwk(key_of(algorithm))
    assert jwk["use"] == key_of(algorithm).use
    assert private_jwk(key_from_jwk(without(jwk, "use"))) == jwk


def test_symmetric_keys_are_never_published() -> None:
    ring = KeyRing([HMAC_KEY, key_of(Algorithm.ES256), key_of(Algorithm.RS256)])
    published = public_jwks(ring)
    text = json.dumps(published)
    assert [jwk["kid"] for jwk in json.loads(text)["keys"]] == ["ES256", "RS256"]
    assert not PRIVATE_MEMBERS & {name for jwk in json.loads(text)["keys"] for name in jwk}
    assert json.loads(json.dumps(public_jwks(KeyRing([HMAC_KEY])))) == {"keys": []}


@pytest.mark.parametrize("vector", VECTORS["thumbprints"], ids=lambda vector: vector["source"])
def test_published_thumbprints(vector: Mapping[str, str]) -> None:
    jwk = next(jwk for jwk in VECTORS["keys"] if jwk["kid"] == vector["kid"])
    assert thumbprint(jwk) == vector["thumbprint"]
    assert key_from_jwk(without(jwk, "kid")).id == vector["thumbprint"]


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [(EC, Algorithm.ES256), (OKP, Algorithm.EDDSA), (private_jwk(key_of(Algorithm.ES384)), Algorithm.ES384)],
)
def test_a_curve_implies_its_algorithm(jwk: JsonObject, algorithm: Algorithm) -> None:
    assert key_from_jwk(without(jwk, "alg")).algorithm is algorithm


@pytest.mark.parametrize(
    ("jwk", "words"),
    [
        ({}, "kty"),
        (EC | {"kty": "ec"}, "kty"),
        (EC | {"kty": 1}, "kty"),
        (OCT | {"use": "enc"}, "use"),
        (OCT | {"use": None}, "use"),
        (OCT | {"k": "AA"}, "at least 32 bytes"),
        (OCT | {"k": "A=="}, "k is not base64url"),
        (OCT | {"k": 1}, "k is not a string"),
        (without(OCT, "k"), "k missing"),
        (without(OCT, "alg"), "alg"),
        (without(RSA, "alg"), "alg"),
        (OCT | {"alg": "none"}, "alg"),
        (OCT | {"alg": "RS256"}, "not for RS256"),
        (RSA | {"alg": "HS256"}, "not for HS256"),
        (EC | {"alg": "ES512"}, "alg"),
        (EC | {"alg": 5}, "alg"),
        (EC | {"alg": "ES384"}, "not for ES384"),
        (EC | {"crv": "P-999"}, "numbers"),
        (EC | {"crv": 1}, "crv is not a string"),
        (EC | {"y": EC["x"]}, "numbers"),
        (EC | {"x": "AA"}, "numbers"),
        (EC | {"d": private_jwk(key_of(Algorithm.ES384))["d"]}, "numbers"),
        (without(EC, "y"), "y missing"),
        (OKP | {"crv": "Ed448"}, "numbers|Ed25519"),
        (OKP | {"crv": "X25519"}, "numbers|Ed25519"),
        (OKP | {"x": "AA"}, "numbers"),
        (OKP | {"d": OCT["k"]}, "numbers|contradict"),
        (RSA | {"n": "AQ"}, "numbers"),
        (RSA | {"e": "AAEAAQ"}, "numbers|canonical"),
        (RSA | {"oth": []}, "two primes"),
        (EC | {"kid": 1}, "kid"),
        (EC | {"kid": "a b"}, "key id"),
        (EC | {"kid": None}, "kid"),
        (EC | {"key_ops": ["encrypt"]}, "key_ops"),
        (EC | {"key_ops": "verify"}, "key_ops"),
        (EC | {"nbf": "1"}, "nbf"),
        (EC | {"exp": True}, "exp"),
        (EC | {"nbf": 5, "exp": 5}, "not_after"),
        (EC | {"sign_from": "1"}, "sign_from"),
        (EC | {"sign_until": -1}, "sign_until"),
        (EC | {"sign_from": 5, "sign_until": 4}, "sign_until"),
    ],
)
def test_refused(jwk: JsonObject, words: str) -> None:
    with pytest.raises(Misuse, match=words) as error:
        key_from_jwk(jwk)
    secrets = [str(jwk[name]) for name in PRIVATE_MEMBERS & jwk.keys() if len(str(jwk[name])) > 8]
    assert not any(secret in str(error.value) for secret in secrets)


def test_a_set_keeps_its_order() -> None:
    keys: list[JsonValue] = [dict(EC), dict(OCT)]
    ring = ring_from_jwks(json.dumps({"keys": keys}).encode())
    assert [key.id for key in ring.keys] == ["ES256", "k1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys":{}}',
        '{"keys":[1]}',
        '{"keys":[{}]}',
        '{"keys":[],"keys":[]}',
        '{"keys":[' + "{}," * 1000 + "{}]}",
    ],
    ids=lambda text: text[:16],
)
def test_not_a_set(text: str) -> None:
    with pytest.raises(Misuse):
        ring_from_jwks(text.encode())


def test_a_bad_key_is_named_by_its_position() -> None:
    with pytest.raises(Misuse, match="key 2 of the set: kty"):
        ring_from_jwks(json.dumps({"keys": [OCT, {"kty": "x"}]}).encode())


def test_weak_vectors_can_be_replayed() -> None:
    text = json.dumps({"keys": [OCT | {"k": "c2VjcmV0"}]}).encode()
    with pytest.raises(Misuse, match="32 bytes"):
        ring_from_jwks(text)
    assert ring_from_jwks(text, allow_weak=True).keys[0].material == Secret(b"secret")


def test_of_a_foreign_set_what_verifies_is_used() -> None:
    strange: list[JsonValue] = [
        1,
        {},
        dict(OCT),
        dict(EC) | {"kid": "ES256", "x": "AA"},
        dict(RSA) | {"kid": "other", "alg": "RSA-OAEP"},
        dict(RSA) | {"kid": "enc", "use": "enc"},
        dict(OKP) | {"kid": "ES256"},
        without(RSA, "alg", "d", "p", "q", "dp", "dq", "qi"),
    ]
    ring = usable_keys(json.dumps({"keys": [dict(EC), *strange]}).encode())
    assert [(key.id, key.algorithm, key.signing) for key in ring.keys] == [
        ("ES256", Algorithm.ES256, None),
        ("RS256", Algorithm.RS256, None),
    ]
    assert not any(isinstance(key.material, Secret) for key in ring.keys)
    assert private_jwk(ring.keys[0]).keys() & PRIVATE_MEMBERS == set()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys":{}}', '{"keys":[],"keys":[]}'])
def test_what_is_no_set_is_no_foreign_set(text: str) -> None:
    with pytest.raises(Misuse, match="key set"):
        usable_keys(text.encode())
