"""An explanation agrees with the gate and tells no secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.algorithms import Algorithm
from auth.enforce import REQUEST_RULES, TOKEN_RULES, Policy
from auth.errors import Denied
from auth.explain import Verdict, explain
from auth.gate import Gate
from auth.keys import Key, KeyRing
from auth.realm import Realm
from auth.request import Request
from auth.secret import Secret
from tests.auth.samples import CLAIMS, HMAC_KEY, NOW, RING, SECRET, get, token

REALM = Realm("/vod", policy=Policy(issuers=frozenset({"us"})))
GOOD = CLAIMS | {"iss": "us", "sub": "viewer"}
NAMES = ["token", "says", "authentic", "key", *TOKEN_RULES, *REQUEST_RULES]


def asked(text: str, path: str = "/vod/film/a.ts") -> Request:
    return get(path, f"token={text}")


def verdicts(request: Request, ring: KeyRing = RING) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in explain(request, REALM, ring, NOW)}


def failing(request: Request, ring: KeyRing = RING) -> set[str]:
    return {name for name, verdict in verdicts(request, ring).items() if verdict is Verdict.FAILED}


CASES = [
    (asked(token(GOOD)), RING, set[str]()),
    (get(), RING, {"token"}),
    (get(query="token=a&token=b"), RING, {"token"}),
    (asked("junk"), RING, {"says", "authentic"}),
    (asked(token(GOOD)[:-4] + "AAAA"), RING, {"authentic"}),
    (asked(token(GOOD)), KeyRing(), {"authentic"}),
    (asked(token(GOOD)), KeyRing([replace(HMAC_KEY, not_after=1)]), {"key"}),
    (asked(token(GOOD), "/vod/other"), RING, {"path"}),
    (
        asked(token({"exp": 1, "methods": ["PUT"], "aud": "x"})),
        RING,
        {"expiry", "issuer", "audience", "scope", "method"},
    ),
    (asked(token(GOOD | {"networks": ["192.0.2.0/24"], "nbf": NOW + 1})), RING, {"beginning", "network"}),
]


@pytest.mark.parametrize(("request_", "ring", "failed"), CASES, ids=range(len(CASES)))
def test_every_objection_is_told(request_: Request, ring: KeyRing, failed: set[str]) -> None:
    assert failing(request_, ring) == failed


@pytest.mark.parametrize(("request_", "ring", "failed"), CASES, ids=range(len(CASES)))
def test_it_agrees_with_the_gate(request_: Request, ring: KeyRing, failed: set[str]) -> None:
    checks = explain(request_, REALM, ring, NOW)
    assert [check.name for check in checks] == NAMES
    try:
        Gate(REALM).admit(request_, ring, NOW)
    except Denied as denied:
        said = {check.words for check in checks if check.verdict is Verdict.FAILED}
        verdict = str(denied)
        assert verdict in said
    else:
        assert not failed


def test_a_forgers_words_get_no_verdict() -> None:
    forged = token(GOOD, key=Key("k1", Algorithm.HS256, Secret(b"x" * 32)))
    told = verdicts(asked(forged))
    assert told["says"] is Verdict.OK
    assert {told[name] for name in ("key", *TOKEN_RULES, *REQUEST_RULES)} == {Verdict.SKIPPED}


def test_the_words_help() -> None:
    words = {check.name: check.words for check in explain(asked(token(GOOD)), REALM, RING, NOW)}
    assert words["token"] == "jwt, in the query"
    assert words["says"] == f"alg: HS256; kid: k1; exp: {NOW + 60}; prefix: /vod/film; iss: us; sub: viewer"
    assert words["key"] == "k1, HS256"


def test_no_secrets() -> None:
    text = token(GOOD)
    shown = repr(explain(asked(text), REALM, RING, NOW))
    assert SECRET.decode() not in shown
    assert text not in shown
    assert text.rpartition(".")[2] not in shown
