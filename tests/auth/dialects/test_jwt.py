"""The `jwt` dialect: the contract, other libraries' tokens, and each claim's meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import SIGNATURE_NAMES, Algorithm
from auth.claims import Claims
from auth.dialects.jwt import Jwt
from auth.errors import Denied, Misuse, Reason
from auth.jwk import key_from_jwk
from auth.keys import Key, KeyRing
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Secret
from origin.keystore.generate import new_key
from tests.auth.samples import CLAIMS, HMAC_KEY, NOW, RING, found, key_of, raw_token, token
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "jwt.json").read_text())
VECTOR_RING = KeyRing(key_from_jwk(jwk) for jwk in VECTORS["keys"])
JWT = Jwt()

FULL = Claims(
    issuer="https://issuer.example",
    subject="viewer-42",
    audience=("edge", "other"),
    not_before=NOW - 10,
    expires=NOW + 60.5,
    issued_at=NOW,
    token_id="t-1",
    session_id="s-1",
    scope=PathScope(
        (
            PathRule(Rule.EXACT, "/vod/k.key"),
            PathRule(Rule.PREFIX, "/vod/film"),
            PathRule(Rule.GLOB, "/vod/*/x.m3u8"),
        )
    ),
    methods=frozenset({"GET", "PUT"}),
    networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
)


def denied(text: str, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        JWT.verify(found(text), ring)
    return caught.value.reason


class TestContract(DialectContract):
    name = "jwt"
    key = HMAC_KEY
    other_key = Key("k1", Algorithm.HS256, Secret(b"x" * 32))
    verify_only_key = replace(HMAC_KEY, verify_only=True)
    claims = FULL


class TestContractWithSignatures(TestContract):
    key = key_of(Algorithm.ES256)
    other_key = new_key(Algorithm.ES256, "ES256")
    verify_only_key = replace(key_of(Algorithm.ES256), verify_only=True)


@pytest.mark.parametrize("algorithm", [Algorithm(name) for name in sorted(SIGNATURE_NAMES)])
def test_every_algorithm_mints_and_verifies(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    claims = JWT.verify(found(JWT.mint(FULL, key).reveal()), KeyRing([key]))
    assert claims == replace(FULL, key_id=key.id, dialect="jwt")


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: f"{vector['algorithm']}-{vector['source']}")
def test_other_libraries_tokens(vector: Mapping[str, str]) -> None:
    claims = JWT.verify(found(vector["token"]), VECTOR_RING)
    assert (claims.issuer, claims.expires, claims.subject, claims.audience) == (
        "edge.example",
        4102444800,
        "viewer-42",
        ("edge-test",),
    )


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["source"])
def test_tokens_of_other_profiles(vector: Mapping[str, str]) -> None:
    """They are authentic, and restrict in ways that this dialect does not enforce."""
    assert denied(vector["token"], VECTOR_RING) == vector["reason"]


@pytest.mark.parametrize("typ", ["at+jwt", "secevent+jwt", "JWS", "", "JOSE"])
def test_another_type_of_token(typ: str) -> None:
    assert denied(token(header={"typ": typ})) is Reason.UNSUPPORTED


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt"])
def test_the_type_in_any_spelling(typ: str) -> None:
    assert JWT.verify(found(token(header={"typ": typ})), RING).key_id == "k1"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "literal",
    [
        *('"4102444800"', '""', "true", "false", "null", "[1]", "{}", "-1", "NaN", "Infinity", "-Infinity"),
        *("1e400", "9" * 400, "9007199254740993", "1e17"),
    ],
)
def test_times_are_numbers(name: str, literal: str) -> None:
    payload = f'{{"{name}":{literal}}}'.encode()
    assert denied(raw_token(b'{"alg":"HS256","kid":"k1"}', payload)) is Reason.MALFORMED


@pytest.mark.parametrize("literal", ["0", "1800000000", "1800000000.25", "18e8", "9007199254740992"])
def test_times_may_be_fractions(literal: str) -> None:
    payload = f'{{"exp":{literal}}}'.encode()
    assert JWT.verify(found(raw_token(b'{"alg":"HS256","kid":"k1"}', payload)), RING).expires == float(literal)


WRONG: dict[str, list[object]] = {
    **{name: [1, None, [], "", "a\nb", "x" * 513] for name in ("iss", "sub", "jti", "sid")},
    "aud": [1, None, [], [1], ["a", None], {}, "", ["x"] * 65],
    "path": [1, None, [], [1], {}, "", "a/b", True, "/a/../b", "/a?b"],
    "prefix": [1, None, [], [1], {}, "", "a/b", True, "/a%2fb", "/a//b"],
    "glob": [1, None, [], [1], {}, "", "a/b", True, "/a/***", "/" + "a" * 1024],
    "methods": ["GET", None, [], ["get"], [1], ["GET "], {}],
    "networks": ["10.0.0.0/8", None, [], [1], ["10.0.0.1/8"], ["x"], ["10.0.0.0/255.0.0.0"], ["10.0.0.0/33"]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_a_known_claim_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    assert denied(token(CLAIMS | {name: value})) is Reason.MALFORMED


@pytest.mark.parametrize("name", ["cnf", "ip", "cdniuc", "cdniip", "cdnicrit", "cdniets"])
def test_a_restriction_that_is_not_enforced_is_refused(name: str) -> None:
    assert denied(token(CLAIMS | {name: "x"})) is Reason.UNSUPPORTED


def test_other_claims_are_kept_for_explanations() -> None:
    claims = JWT.verify(found(token(CLAIMS | {"tier": "gold", "n": [1, "x" * 100]})), RING)
    assert claims.extra[0] == ("tier", "gold")
    assert claims.extra[1][0] == "n"
    assert len(claims.extra[1][1]) < 80


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b'"x"',
        b"",
        b"{",
        b'{"exp":1,"exp":4102444800}',
        b'{"exp":1,"\\u0065xp":4102444800}',
        b"\xef\xbb\xbf{}",
        '{"exp":1}'.encode("utf-16"),
        b'{"sub":"\xff"}',
        b'{"sub":"\\ud800"}',
        b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"exp":1} {}',
    ],
)
def test_payloads_that_are_not_one_object(payload: bytes) -> None:
    assert denied(raw_token(b'{"alg":"HS256","kid":"k1"}', payload)) is Reason.MALFORMED


@given(
    st.dictionaries(
        st.sampled_from(["exp", "aud", "path", "glob", "methods", "networks", "sub", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_authentic_payload_is_claims_or_denied(payload: dict[str, object]) -> None:
    """An issuer's mistakes are no bug of ours: claims come back or Denied is raised, nothing else."""
    try:
        claims = JWT.verify(found(token(payload)), RING)
    except Denied as refusal:
        reason = refusal.reason
        assert reason in {Reason.MALFORMED, Reason.TOO_LARGE}
        return
    assert claims.key_id == "k1"


@pytest.mark.parametrize(
    "claims",
    [
        Claims(expires=NOW, not_before=NOW),
        Claims(expires=NOW, issued_at=NOW + 1),
        Claims(expires=-1),
        Claims(expires=float("nan")),
        Claims(expires=True),
        Claims(subject=""),
        Claims(subject="a\r\nb"),
        Claims(methods=frozenset()),
        Claims(methods=frozenset({"get"})),
        Claims(networks=()),
        Claims(networks=(ip_network("::ffff:192.0.2.0/120"),)),
        Claims(audience=("x",) * 65),
        Claims(extra=(("tier", "gold"),)),
        Claims(subject="x" * 500, audience=tuple(f"{n:0500}" for n in range(20))),
    ],
)
def test_nonsense_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        JWT.mint(claims, HMAC_KEY)


def test_a_minted_token_says_what_it_is() -> None:
    text = JWT.mint(Claims(expires=NOW + 60.0, scope=PathScope.prefix("/vod/a", "/vod/b")), HMAC_KEY).reveal()
    said = dict(JWT.describe(found(text)))
    assert said == {"alg": "HS256", "kid": "k1", "exp": str(NOW + 60), "prefix": '["/vod/a","/vod/b"]'}
