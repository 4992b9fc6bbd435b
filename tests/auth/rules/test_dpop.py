"""Proofs of possession: the example of RFC 9449, proofs made by another library, and every way to cheat."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from auth.errors import Reason
from auth.request import Request
from auth.rules import CONDITIONS
from auth.rules.dpop import DpopProof, hash_of_token
from auth.strict_json import JsonValue

NOW = 1_800_000_000
KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
TOKEN_HASH = hash_of_token("the token")
CONDITION = DpopProof(KEY.thumbprint(), 60, TOKEN_HASH)
PAYLOAD = {
    "jti": "1",
    "htm": "GET",
    "htu": "https://cdn.example/vod/a.ts",
    "iat": NOW,
    "ath": TOKEN_HASH,
}


def proof(
    payload: Mapping[str, object] | None = None,
    header: Mapping[str, object] | None = None,
    key: ECKey | RSAKey | OctKey = KEY,
) -> str:
    """A proof by another library; None as a value leaves a member out."""
    members = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)} | dict(header or {})
    claims = {name: value for name, value in (PAYLOAD | dict(payload or {})).items() if value is not None}
    kept = {name: value for name, value in members.items() if value is not None}
    return jws.serialize_compact(kept, json.dumps(claims), key, algorithms=["ES256", "RS256", "PS256", "HS256"])


def reason(*proofs: str, now: float = NOW, condition: DpopProof = CONDITION, **changes: str) -> Reason | None:
    parts = {"method": "GET", "scheme": "https", "authority": "cdn.example", "path": "/vod/a.ts", "query": "x=1"}
    request = Request(**(parts | changes), headers=tuple(("dpop", each) for each in proofs))  # type: ignore[arg-type]
    objection = condition.objection(request, now)
    return None if objection is None else objection.reason


def test_the_example_of_the_standard() -> None:
    """RFC 9449 §4.1 and §7.1, whose proofs are for the URLs that they name."""
    text = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
        "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
        "In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90"
        "ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFF"
        "byJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    )
    condition = DpopProof(
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", 60, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    )
    where = {"authority": "resource.example.org", "path": "/protectedresource"}
    assert reason(text, now=1562262618, condition=condition, **where) is None
    assert reason(text[:-3] + "AAA", now=1562262618, condition=condition, **where) is Reason.PROOF_INVALID


def test_a_proof_is_accepted() -> None:
    assert reason(proof()) is None
    assert reason(proof({"htu": "https://CDN.example:443/vod/%61.ts"})) is None
    assert reason(proof({"iat": NOW - 60})) is None
    assert reason(proof({"iat": NOW + 60})) is None
    assert reason(proof({"extra": "x"})) is None


@pytest.mark.parametrize(
    "text",
    [
        proof({"iat": NOW - 61}),
        proof({"iat": NOW + 61}),
        proof({"iat": None}),
        proof({"iat": str(NOW)}),
        proof({"iat": True}),
        proof({"htm": "POST"}),
        proof({"htm": "get"}),
        proof({"htm": None}),
        proof({"htu": "https://cdn.example/vod/b.ts"}),
        proof({"htu": "http://cdn.example/vod/a.ts"}),
        proof({"htu": "https://other.example/vod/a.ts"}),
        proof({"htu": "https://cdn.example/vod/a.ts?x=1"}),
        proof({"htu": "https://cdn.example/vod/a.ts#x"}),
        proof({"htu": "https://cdn.example/vod/x/../a.ts"}),
        proof({"htu": "/vod/a.ts"}),
        proof({"htu": None}),
        proof({"htu": 1}),
        proof({"jti": None}),
        proof({"jti": ""}),
        proof({"ath": None}),
        proof({"ath": hash_of_token("another token")}),
        proof(key=OTHER),
        proof(header={"jwk": OTHER.as_dict(private=False)}),
        proof(header={"jwk": KEY.as_dict(private=True)}),
        proof(header={"jwk": None}),
        proof(header={"jwk": {"kty": "oct", "k": "AAAA"}}),
        proof(header={"jwk": {"kty": "EC"}}),
        proof(header={"typ": "JWT"}),
        proof(header={"typ": None}),
        proof(header={"kid": "x"}),
        proof()[:-4] + "AAAA",
        proof() + ".x",
        "",
        "a.b.c",
        "x" * 5000,
    ],
)
def test_proofs_that_are_refused(text: str) -> None:
    assert reason(text) is Reason.PROOF_INVALID


def test_one_proof_and_no_other() -> None:
    assert reason() is Reason.PROOF_INVALID
    assert reason(proof(), proof()) is Reason.PROOF_INVALID


def test_another_request() -> None:
    assert reason(proof(), method="HEAD") is Reason.PROOF_INVALID
    assert reason(proof(), path="/vod/b.ts") is Reason.PROOF_INVALID
    assert reason(proof(), path="/vod/../a.ts") is Reason.PROOF_INVALID


def test_a_condition_without_a_token_is_never_met() -> None:
    assert reason(proof({"ath": ""}), condition=DpopProof(KEY.thumbprint(), 60)) is Reason.PROOF_INVALID


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_other_kinds_of_keys() -> None:
    rsa, short, secret = RSAKey.generate_key(2048), RSAKey.generate_key(1024), OctKey.generate_key(256)
    for key, algorithm, expected in (
        (rsa, "PS256", None),
        (rsa, "RS256", None),
        (short, "RS256", Reason.PROOF_INVALID),
        (secret, "HS256", Reason.PROOF_INVALID),
    ):
        condition = DpopProof(key.thumbprint(), 60, TOKEN_HASH)
        header = {"alg": algorithm, "jwk": key.as_dict()} if key is secret else {"alg": algorithm}
        assert reason(proof(header=header, key=key), condition=condition) is expected


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}"))
def test_any_text_is_an_objection(text: str) -> None:
    assert reason(text) is Reason.PROOF_INVALID


def test_it_travels_as_json() -> None:
    read = CONDITIONS[CONDITION.WORD].from_json(CONDITION.to_json())
    assert read == CONDITION
    assert read.to_json() == [KEY.thumbprint(), 60, TOKEN_HASH]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["x", 60, ""],
        [TOKEN_HASH, 0, ""],
        [TOKEN_HASH, True, ""],
        [TOKEN_HASH, 60, "x"],
        [TOKEN_HASH, 60],
        {},
        [TOKEN_HASH, 86_401, ""],
        [TOKEN_HASH[:-1] + "=", 60, ""],
    ],
)
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError):
        DpopProof.from_json(value)
