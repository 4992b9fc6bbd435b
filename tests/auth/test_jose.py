"""The JWS parser against RFC 8725's list, RFC 7515's rules and libraries' known lapses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth import jose
from auth.algorithms import Algorithm
from auth.encoding import base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.jwk import public_jwk
from auth.keys import Key, KeyRing
from auth.secret import Secret, Token
from tests.auth.samples import HMAC_KEY, RING, key_of, raw_token, token


def refusal(text: str, ring: KeyRing = RING) -> Denied:
    with pytest.raises(Denied) as denied:
        jose.verify(jose.parse(Token(text)), ring)
    assert text[-16:] not in str(denied.value) or len(text) < 16
    return denied.value


def with_header(header: str) -> str:
    """A token whose signature is right and whose header is these bytes."""
    return raw_token(header.encode(), b"{}")


def test_a_good_token() -> None:
    jws = jose.parse(Token(token()))
    assert jose.verify(jws, RING) is HMAC_KEY
    assert (jws.algorithm, jws.key_id, jws.type) == ("HS256", "k1", "jwt")
    assert json.loads(jws.payload)["prefix"] == "/vod/film"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "hs256", "HS1", "HS256 ", "ES512", "RS1", "dir"])
def test_algorithms_that_are_not_ours(alg: str) -> None:
    assert refusal(token(header={"alg": alg})).reason is Reason.UNSUPPORTED
    unsigned = token(header={"alg": alg}).rpartition(".")[0] + "."
    assert refusal(unsigned).reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("alg", [None, 1, True, [], ["HS256"], {}])
def test_an_algorithm_is_a_string(alg: object) -> None:
    assert refusal(token(header={"alg": alg})).reason is Reason.MALFORMED


def test_an_algorithm_is_named() -> None:
    assert refusal(with_header('{"kid":"k1"}')).reason is Reason.MALFORMED


@pytest.mark.parametrize("asymmetric", [Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA])
@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_a_public_key_is_no_shared_secret(asymmetric: Algorithm, form: str) -> None:
    key = key_of(asymmetric)
    assert not isinstance(key.verifying, Secret)
    pem = key.verifying.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    known = pem if form == "pem" else json.dumps(public_jwk(key)).encode()
    forged = token(key=Key(key.id, Algorithm.HS256, Secret(known), allow_weak=True))
    assert refusal(forged, KeyRing([key])).reason is Reason.WRONG_ALGORITHM
    nameless = token(header={"kid": "k"}, key=Key("k", Algorithm.HS256, Secret(known))).split(".")
    assert refusal(".".join(nameless), KeyRing([key])).reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("alg", ["HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"])
def test_the_key_decides_the_algorithm(alg: str) -> None:
    assert refusal(token(header={"alg": alg})).reason is Reason.WRONG_ALGORITHM


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("own", [Algorithm.EDDSA, Algorithm.ED25519])
def test_ed25519_under_both_names(alg: str, own: Algorithm) -> None:
    key = replace(key_of(Algorithm.EDDSA), algorithm=own)
    assert jose.verify(jose.parse(Token(token(header={"alg": alg}, key=key))), KeyRing([key])) == key


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": "b64"},
        {"crit": None},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/cert"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5c": ["MIIB"]},
    ],
    ids=str,
)
def test_headers_that_change_the_rules(extra: dict[str, object]) -> None:
    assert refusal(token(header=extra)).reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("kid", [1, None, True, [], {}, ["k1"]])
def test_a_key_id_is_a_string(kid: object) -> None:
    assert refusal(token(header={"kid": kid})).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "../../etc/passwd",
        "k1' OR '1'='1",
        "k1\r\nX: y",
        "k1\x00",
        "K1",
        "k1 ",
        "x" * 129,
        "é",
        "/dev/null",
    ],
)
def test_a_key_id_only_names_a_key(kid: str) -> None:
    assert refusal(token(header={"kid": kid})).reason is Reason.UNKNOWN_KEY


def test_ten_kilobytes_of_key_id() -> None:
    assert refusal(token(header={"kid": "x" * 10_000})).reason is Reason.TOO_LARGE
    assert refusal(token(header={"kid": "x" * 3000})).reason is Reason.MALFORMED


@pytest.mark.parametrize("typ", [1, None, [], True])
def test_a_type_is_a_string(typ: object) -> None:
    assert refusal(token(header={"typ": typ})).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "header",
    [
        "",
        "null",
        "[]",
        '"HS256"',
        '{"alg":"none","alg":"HS256","kid":"k1"}',
        '{"alg":"HS256","alg":"HS256","kid":"k1"}',
        '{"alg":"HS256","kid":"k1","kid":"k2"}',
        '{"alg":"HS256","\\u0061lg":"none"}',
        "{'alg':'HS256'}",
        '{"alg":"HS256","kid":"k1"',
        '{"alg":"HS256","kid":"k1"}x',
        '\ufeff{"alg":"HS256","kid":"k1"}',
        '{"alg":"HS256","kid":"k1","x":NaN}',
        '{"alg":"HS256","kid":"k1","x":[[[[]]]]}',
        '{"alg":"HS256","kid":"\\ud800"}',
        '{"alg":"HS256","x":' + "[" * 900 + "]" * 900 + "}",
    ],
    ids=lambda header: header[:40],
)
def test_headers_that_are_not_one_object(header: str) -> None:
    assert refusal(with_header(header)).reason is Reason.MALFORMED


def test_a_header_is_utf_8() -> None:
    text = raw_token('{"alg":"HS256","kid":"k1"}'.encode("utf-16"), b"{}")
    assert refusal(text).reason is Reason.MALFORMED


def test_harmless_headers_are_ignored() -> None:
    text = token(header={"x5t": "AAAA", "cty": "json", "custom": 1})
    assert jose.verify(jose.parse(Token(text)), RING) is HMAC_KEY


def respelled(text: str) -> list[str]:
    header, payload, signature = text.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = last[last.index(signature[-1]) ^ 1]  # same bytes to a lenient decoder: an unused bit is set
    return [
        f"{header}.{payload}.{signature}=",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}=.{signature}",
        f"{header}. {payload}.{signature}",
        f"{header}.{payload}.{signature}\n",
        f" {header}.{payload}.{signature}",
        f"{header}.{payload}.{signature[:-1]}{sibling}",
        f"{header}.{payload}.{signature[:4]}+{signature[5:]}",
        f"{header}.{payload}.{signature[:4]}/{signature[5:]}",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.",
        f".{payload}.{signature}",
        f"{header}\u200b.{payload}.{signature}",
        f"\ud800.{payload}.{signature}",
        "",
        ".",
        "..",
    ]


@pytest.mark.parametrize("index", range(len(respelled(token()))))
def test_other_spellings_of_a_good_token(index: int) -> None:
    assert refusal(respelled(token())[index]).reason is Reason.MALFORMED


def test_an_empty_signature() -> None:
    assert refusal(token().rpartition(".")[0] + ".").reason is Reason.BAD_SIGNATURE


def test_an_empty_payload_under_a_good_signature_is_not_ours_to_judge() -> None:
    assert jose.parse(Token(raw_token(b'{"alg":"HS256"}', b""))).payload == b""


def test_encrypted_tokens() -> None:
    assert refusal("a.b.c.d.e").reason is Reason.UNSUPPORTED


def test_size_is_capped_before_decoding() -> None:
    assert refusal("a" * 8193).reason is Reason.TOO_LARGE
    assert refusal("." * 5_000_000).reason is Reason.TOO_LARGE
    assert refusal("a" * 8192).reason is Reason.MALFORMED


class TestWithoutKeyId:
    nameless = with_header('{"alg":"HS256"}')

    def test_the_newest_keys_are_tried(self) -> None:
        others = [Key(f"o{n}", Algorithm.HS256, Secret(bytes([n]) * 32)) for n in range(8)]
        ring = KeyRing([*others, HMAC_KEY, *others[:0]])
        assert jose.verify(jose.parse(Token(self.nameless)), ring) is HMAC_KEY

    def test_but_only_a_few(self) -> None:
        others = [Key(f"o{n}", Algorithm.HS256, Secret(bytes([n]) * 32)) for n in range(4)]
        assert refusal(self.nameless, KeyRing([HMAC_KEY, *others])).reason is Reason.BAD_SIGNATURE

    def test_of_the_named_algorithm(self) -> None:
        assert refusal(self.nameless, KeyRing([key_of(Algorithm.ES256)])).reason is Reason.UNKNOWN_KEY


def test_signing_needs_a_signing_key_and_a_reasonable_size() -> None:
    with pytest.raises(Misuse, match="verifies only"):
        jose.sign(b"{}", replace(HMAC_KEY, verify_only=True), typ="JWT")
    for algorithm in (Algorithm.A128GCM, Algorithm.SHARED):
        with pytest.raises(Misuse, match="does not sign tokens"):
            jose.sign(b"{}", key_of(algorithm), typ="JWT")
    with pytest.raises(Misuse, match="8192"):
        jose.sign(b"x" * 7000, HMAC_KEY, typ="JWT")


def test_reprs_show_no_signature() -> None:
    text = token()
    shown = repr(jose.parse(Token(text)))
    assert text[-12:] not in shown
    assert base64url_encode(b"/vod/film") not in shown
    assert "/vod/film" not in shown


def test_rfc_7515_appendix_a1() -> None:
    """Line breaks in header and payload are part of what was signed there."""
    secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    text = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    from auth.encoding import base64url_decode

    key = Key("a1", Algorithm.HS256, Secret(base64url_decode(secret)))
    assert jose.verify(jose.parse(Token(text)), KeyRing([key])) is key
