"""Message signatures: the RFC's own, each component, each rule of a policy."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.errors import Denied, Misuse, Reason
from auth.http_signatures import Component, SignaturePolicy, SignedRequest, accept_signature, sign, verify
from auth.jwk import key_from_jwk
from auth.keys import Key, KeyRing
from auth.request import Pairs, Request
from auth.secret import Secret
from tests.auth.samples import NOW, key_of

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "http_signatures.json").read_text())
CREATED = 1618884473
SHARED = Key("test-shared-secret", Algorithm.HS256, Secret(b64decode(VECTORS["shared_secret"])))
RING = KeyRing([key_from_jwk(VECTORS["ed25519"]), key_from_jwk(VECTORS["ecc_p256"]), SHARED])
ED25519 = key_of(Algorithm.EDDSA)
KEYS = [key_of(Algorithm(name)) for name in ("EdDSA", "Ed25519", "ES256", "ES384", "HS256", "RS256", "PS512")]
SAMPLE_FIELDS: Pairs = (
    ("host", "example.com"),
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("content-type", "application/json"),
    ("content-length", "18"),
    ("client-cert", VECTORS["client_cert"]),
)
ASKED = Request("GET", "https", "cdn.example", "/vod/a.ts", "x=1&y=a%20b+c~", (("accept", " a "), ("accept", "b\t")))


def with_fields(request: Request, fields: Pairs) -> Request:
    return replace(request, headers=(*request.headers, *fields))


def covering(*ids: str, **others: Any) -> SignaturePolicy:
    return SignaturePolicy(tuple(map(Component, ids)), **others)


def signed(request: Request = ASKED, key: Key = ED25519, **others: Any) -> Request:
    return with_fields(request, sign(request, key, NOW, **others))


def denied(request: Request, policy: SignaturePolicy | None = None, now: float = NOW, key: Key = ED25519) -> Reason:
    with pytest.raises(Denied) as caught:
        verify(request, KeyRing([key]), now, policy or SignaturePolicy())
    return caught.value.reason


@pytest.mark.parametrize("vector", VECTORS["signatures"], ids=lambda vector: vector["section"])
def test_the_rfcs_signatures(vector: dict[str, str]) -> None:
    authority = vector.get("authority", "example.com")
    sample = Request("POST", "https", authority, "/foo", "param=Value&Pet=dog", SAMPLE_FIELDS)
    request = with_fields(sample, (("signature-input", vector["input"]), ("signature", vector["signature"])))
    said = verify(request, RING, CREATED, covering("@authority"))
    assert (said.label, said.created) == (vector["input"].partition("=")[0], CREATED)
    key = RING.find(said.key_id)
    assert key is not None
    again = dict(sign(sample, key, CREATED, said.components, label=said.label))
    assert again["signature-input"] == vector["input"]
    if key.algorithm is not Algorithm.ES256:  # which draws random numbers
        assert again["signature"] == vector["signature"]


def transformed(**changes: Any) -> Request:
    vector = VECTORS["transformed"]
    accept = changes.pop("accept", ("application/json", "*/*"))
    fields = (
        *(("accept", value) for value in accept),
        ("signature-input", vector["input"]),
        ("signature", vector["signature"]),
    )
    plain = Request("GET", "https", "example.org", "/demo", "name1=Value1&Name2=value2", fields)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"query": "name1=Value1&Name2=value2&param=added"},
        {"accept": ("application/json, */*",)},
        {"accept": ("  application/json", "*/* ")},
        {"authority": "EXAMPLE.org:443"},
    ],
)
def test_what_the_rfcs_signature_outlives(changes: dict[str, Any]) -> None:
    assert verify(transformed(**changes), RING, CREATED, covering("@method")).label == "transform"


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"authority": "example.com"},
        {"path": "/demo/"},
        {"accept": ("*/*", "application/json")},
        {"accept": ("application/json",)},
    ],
)
def test_what_it_does_not_outlive(changes: dict[str, Any]) -> None:
    with pytest.raises(Denied) as caught:
        verify(transformed(**changes), RING, CREATED, covering("@method"))
    assert caught.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_what_is_signed_is_read_back(key: Key) -> None:
    components = (
        *map(Component, ("@method", "@authority", "@scheme", "@path", "@query", "@target-uri", "@request-target")),
        Component("@query-param", "y"),
        Component("accept"),
    )
    request = signed(key=key, components=components, label="x-1", expires=NOW + 60, nonce='n"\\', tag="app")
    said = verify(request, KeyRing([key]), NOW, SignaturePolicy(components, tag="app", nonce_required=True))
    assert said == SignedRequest("x-1", key.id, components, NOW, NOW + 60, 'n"\\', "app")


def by_hand(lines: str, parameters: str, key: Key) -> str:
    """The field `signature` over a base that is written out."""
    assert isinstance(key.material, Secret)
    octets = hmac.digest(key.material.reveal(), f'{lines}"@signature-params": {parameters}'.encode(), "sha256")
    return f"sig1=:{b64encode(octets).decode()}:"


@pytest.mark.parametrize(
    ("component", "value"),
    [
        (Component("@method"), "GET"),
        (Component("@scheme"), "https"),
        (Component("@authority"), "cdn.example"),
        (Component("@path"), "/vod/a.ts"),
        (Component("@query"), "?x=1&y=a%20b+c~"),
        (Component("@request-target"), "/vod/a.ts?x=1&y=a%20b+c~"),
        (Component("@target-uri"), "https://cdn.example/vod/a.ts?x=1&y=a%20b+c~"),
        (Component("@query-param", "y"), "a%20b%20c%7E"),
        (Component("accept"), "a, b"),
    ],
)
def test_each_component(component: Component, value: str) -> None:
    """By the signature base that it makes, written out here."""
    key = key_of(Algorithm.HS256)
    fields = dict(sign(ASKED, key, NOW, (component,)))
    identifier = f'"{component.id}"' + (f';name="{component.name}"' if component.name else "")
    parameters = f'({identifier});created={NOW};keyid="HS256"'
    assert fields["signature-input"] == f"sig1={parameters}"
    assert fields["signature"] == by_hand(f"{identifier}: {value}\n", parameters, key)


def test_an_absent_query_is_a_question_mark() -> None:
    bare = replace(ASKED, query="")
    both = tuple(map(Component, ("@query", "@request-target")))
    assert verify(signed(bare, components=both), KeyRing([ED25519]), NOW, covering("@query")).components == both


@pytest.mark.parametrize(
    ("policy", "now", "reason"),
    [
        ({}, NOW - 5, None),
        ({}, NOW - 5.1, Reason.NOT_YET_VALID),
        ({}, NOW + 64.9, None),
        ({}, NOW + 65, Reason.EXPIRED),
        ({"max_age": 10}, NOW + 15, None),
        ({"max_age": 10}, NOW + 15.1, Reason.EXPIRED),
        ({"max_age": 10, "skew": 0}, NOW + 10.1, Reason.EXPIRED),
        ({"components": (Component("@scheme"),)}, NOW, Reason.SCOPE_MISSING),
        ({"nonce_required": True}, NOW, Reason.MALFORMED),
        ({"tag": "app"}, NOW, Reason.ABSENT),
        ({"label": "sig2"}, NOW, Reason.ABSENT),
        ({"label": "sig1"}, NOW, None),
    ],
)
def test_a_policy(policy: dict[str, Any], now: float, reason: Reason | None) -> None:
    request = signed(expires=NOW + 60)
    if reason is None:
        assert verify(request, KeyRing([ED25519]), now, SignaturePolicy(**policy)).expires == NOW + 60
    else:
        assert denied(request, SignaturePolicy(**policy), now) is reason


def test_the_algorithm_is_the_keys() -> None:
    request = signed()
    hmac_key = replace(key_of(Algorithm.HS256), id=ED25519.id)
    assert denied(request, key=hmac_key) is Reason.BAD_SIGNATURE
    assert denied(request, key=replace(key_of(Algorithm.ES256), id=ED25519.id)) is Reason.BAD_SIGNATURE
    assert denied(request, key=replace(key_of(Algorithm.RS512), id=ED25519.id)) is Reason.WRONG_ALGORITHM
    assert denied(request, key=key_of(Algorithm.HS256)) is Reason.UNKNOWN_KEY
    assert denied(request, key=replace(ED25519, not_after=NOW - 10)) is Reason.KEY_NOT_IN_FORCE


def with_input(text: str, signature: str = "sig1=:AAAA:") -> Request:
    return with_fields(ASKED, (("signature-input", text), ("signature", signature)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.ABSENT),
        ("sig1", Reason.MALFORMED),
        ("sig1=1", Reason.MALFORMED),
        ("sig1=(", Reason.MALFORMED),
        ("sig1=(), sig1=()", Reason.MALFORMED),
        ("sig2=()", Reason.MALFORMED),
        ("sig1=(), sig2=()", Reason.AMBIGUOUS),
        (", ".join(f"s{n}=()" for n in range(9)), Reason.TOO_LARGE),
        ("sig1=();created=1", Reason.UNKNOWN_KEY),
        ('sig1=();keyid="none"', Reason.UNKNOWN_KEY),
        ("sig1=();keyid=EdDSA", Reason.MALFORMED),
        ('sig1=();created="1"', Reason.MALFORMED),
        ("sig1=();created", Reason.MALFORMED),
        ("sig1=();created=1;created=1", Reason.MALFORMED),
        ("sig1=();x=1", Reason.UNSUPPORTED),
        ('sig1=();keyid="EdDSA";alg="hmac-sha256"', Reason.WRONG_ALGORITHM),
        ('sig1=();keyid="EdDSA";alg="ed25519"', Reason.BAD_SIGNATURE),
        ("sig1=(1)", Reason.MALFORMED),
        ("sig1=(method)", Reason.MALFORMED),
        ('sig1=("@method" "@method")', Reason.MALFORMED),
        ('sig1=("@query-param")', Reason.MALFORMED),
        ('sig1=("@query-param";name=1)', Reason.MALFORMED),
        ('sig1=("@query-param";name="x" "@query-param";name="x")', Reason.MALFORMED),
        *((f'sig1=("accept";{name})', Reason.UNSUPPORTED) for name in ("sf", "bs", "req", "tr", 'key="a"', 'name="a"')),
        ("sig1=(" + " ".join(f'"x{n}"' for n in range(33)) + ")", Reason.TOO_LARGE),
        *((f'sig1=("{name}");keyid="EdDSA"', Reason.UNSUPPORTED) for name in ("@status", "@nothing", "@")),
        ('sig1=("Accept");keyid="EdDSA"', Reason.MALFORMED),
        ('sig1=("");keyid="EdDSA"', Reason.MALFORMED),
        ('sig1=("x-absent");keyid="EdDSA"', Reason.WRONG_HEADER),
        ('sig1=("@query-param";name="z");keyid="EdDSA"', Reason.MALFORMED),
    ],
)
def test_inputs_that_are_refused(text: str, reason: Reason) -> None:
    assert denied(with_input(text)) is reason


@pytest.mark.parametrize(
    "signature", ["", "sig1", "sig1=1", 'sig1="AAAA"', "sig1=(:AAAA:)", "sig1=:AAA:", "sig2=:AAAA:"]
)
def test_signatures_that_are_none(signature: str) -> None:
    assert denied(with_input('sig1=("@method");created=1;keyid="EdDSA"', signature)) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("request_", "id_"),
    [
        (replace(ASKED, headers=(("accept", "ü"),)), "accept"),
        (replace(ASKED, headers=(("accept", 'a\n"@method": POST'),)), "accept"),
        (replace(ASKED, path="/\N{SNOWMAN}"), "@path"),
        (replace(ASKED, authority=""), "@authority"),
        (replace(ASKED, authority="a b:c"), "@method"),
    ],
)
def test_what_would_not_be_one_line_of_ascii(request_: Request, id_: str) -> None:
    fields = (("signature-input", f'sig1=("{id_}");keyid="EdDSA"'), ("signature", "sig1=:AAAA:"))
    assert denied(with_fields(request_, fields)) is Reason.MALFORMED
    with pytest.raises(Misuse):
        sign(request_, ED25519, NOW, (Component(id_),))


@pytest.mark.parametrize("query", ["y=1&y=2", "y=%FF", "x=1", ""])
def test_a_query_parameter_is_there_once(query: str) -> None:
    with pytest.raises(Misuse):
        sign(replace(ASKED, query=query), ED25519, NOW, (Component("@query-param", "y"),))


def test_a_signature_that_does_not_say_when() -> None:
    key = key_of(Algorithm.HS256)
    parameters = '("@method");keyid="HS256"'
    request = with_input(f"sig1={parameters}", by_hand('"@method": GET\n', parameters, key))
    assert denied(request, covering("@method"), key=key) is Reason.EXPIRY_MISSING


@given(st.data())
def test_an_altered_signature_is_denied(data: st.DataObject) -> None:
    fields = sign(ASKED, ED25519, NOW, expires=NOW + 60, nonce="n")
    which = data.draw(st.integers(0, 1))
    name, value = fields[which]
    at = data.draw(st.integers(0, len(value) - 1))
    altered = value[:at] + data.draw(st.characters().filter(lambda character: character != value[at])) + value[at + 1 :]
    changed = (*fields[:which], (name, altered), *fields[which + 1 :])
    try:
        said = verify(with_fields(ASKED, changed), KeyRing([ED25519]), NOW)
    except Denied:
        return
    # One space more between two words of a field changes nothing that it says.
    assert (said.nonce, said.expires, altered.replace("\t", " ").split()) == ("n", NOW + 60, value.split())


@given(st.text(max_size=60), st.text('sig1=();"@method :AA', max_size=60))
def test_any_fields_are_denied(one: str, other: str) -> None:
    assert denied(with_input(one, other)) in Reason
    assert denied(with_input(other, one)) in Reason


def test_asking_for_a_signature() -> None:
    assert accept_signature() == 'sig1=("@method" "@target-uri");created'
    policy = SignaturePolicy((Component("@query-param", "x"),), nonce_required=True, tag="app", label="edge")
    asked = accept_signature(policy, key_id="k")
    assert asked == 'edge=("@query-param";name="x");created;nonce;keyid="k";tag="app"'


@pytest.mark.parametrize("options", [{"components": ()}, {"max_age": 0}, {"skew": 301}, {"skew": -1}])
def test_policies_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(Misuse):
        SignaturePolicy(**options)


@pytest.mark.parametrize(
    ("key", "options"),
    [
        (replace(ED25519, verify_only=True), {}),
        (key_of(Algorithm.PS256), {}),
        (ED25519, {"label": "Sig"}),
        (ED25519, {"components": (Component("@method"), Component("@method"))}),
        (ED25519, {"components": (Component("@status"),)}),
        (ED25519, {"components": (Component("x-absent"),)}),
        (ED25519, {"nonce": "ü"}),
        (ED25519, {"expires": 10**15}),
    ],
)
def test_nonsense_is_not_signed(key: Key, options: dict[str, Any]) -> None:
    with pytest.raises(Misuse):
        sign(ASKED, key, NOW, **options)
