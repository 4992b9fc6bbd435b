"""Keys of others: every spelling read to the same octets, and nothing guessed."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auth.algorithms import Algorithm
from auth.errors import Misuse
from auth.jwk import MAX_SET_BYTES, private_jwk, thumbprint
from auth.secret import Secret
from origin.keystore.foreign import Form, form_of, read_keys
from origin.keystore.generate import new_key

OCTETS = bytes(range(240, 256)) + bytes(range(16))
EC_KEY = new_key(Algorithm.ES256, "ec")
assert isinstance(EC_KEY.material, EllipticCurvePrivateKey)
EC_PEM = EC_KEY.material.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
EC_PUBLIC = EC_KEY.material.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
LOCKED = EC_KEY.material.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
OTHER_CURVE = ec.generate_private_key(ec.SECP256K1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
DSA = dsa.generate_private_key(1024).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_JWK = private_jwk(new_key(Algorithm.RS256, "rsa"))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.TEXT, OCTETS),
        (Form.TEXT, OCTETS + b"\n"),
        (Form.TEXT, OCTETS + b"\r\n"),
        (Form.HEX, OCTETS.hex().encode()),
        (Form.HEX, OCTETS.hex().upper().encode() + b"\n"),
        (Form.BASE64, b"8PHy8/T19vf4+fr7/P3+/wABAgMEBQYHCAkKCwwNDg8=\n"),
        (Form.BASE64URL, b"8PHy8_T19vf4-fr7_P3-_wABAgMEBQYHCAkKCwwNDg8="),
        (Form.BASE64URL, b"8PHy8_T19vf4-fr7_P3-_wABAgMEBQYHCAkKCwwNDg8"),
    ],
)
def test_a_secret_in_its_spellings(form: Form, text: bytes) -> None:
    (key,) = read_keys(text, form, Algorithm.HS256, "k")
    assert (key.id, key.material) == ("k", Secret(OCTETS))


def test_text_is_taken_as_it_is() -> None:
    (key,) = read_keys(b" sixteen or more \n\n", Form.TEXT, Algorithm.SHARED, "k")
    assert key.material == Secret(b" sixteen or more \n")


def test_pem_and_jwk_tell_themselves_apart() -> None:
    assert form_of(b"\n" + EC_PEM) is Form.PEM
    assert form_of(b' {"kty":"oct"}') is Form.JWK
    assert form_of(OCTETS.hex().encode()) is None


def test_what_a_key_implies_need_not_be_said() -> None:
    (private,) = read_keys(EC_PEM, Form.PEM)
    (public,) = read_keys(EC_PUBLIC, Form.PEM)
    assert private.algorithm is public.algorithm is Algorithm.ES256
    assert private.id == public.id == thumbprint(private_jwk(EC_KEY))
    assert (private.signing is None, public.signing is None) == (False, True)


def test_a_jwk_is_named_and_completed() -> None:
    bare = {name: value for name, value in RSA_JWK.items() if name not in {"kid", "alg"}}
    (key,) = read_keys(json.dumps(bare).encode(), Form.JWK, Algorithm.PS256, "mine")
    assert (key.id, key.algorithm) == ("mine", Algorithm.PS256)
    keys = read_keys(json.dumps({"keys": [RSA_JWK, private_jwk(EC_KEY)]}).encode(), Form.JWK)
    assert [key.id for key in keys] == ["rsa", "ec"]


@pytest.mark.parametrize(
    ("data", "form", "algorithm", "kid", "words"),
    [
        (OCTETS, Form.TEXT, None, "k", "an algorithm and a key id"),
        (OCTETS, Form.TEXT, Algorithm.HS256, None, "an algorithm and a key id"),
        (OCTETS, Form.TEXT, Algorithm.RS256, "k", "not for RS256"),
        (OCTETS[:8], Form.TEXT, Algorithm.SHARED, "k", "at least 16 bytes"),
        (OCTETS, Form.TEXT, Algorithm.A128GCM, "k", "exactly 16 bytes"),
        (b"xyz", Form.HEX, Algorithm.SHARED, "k", "not hex"),
        (b"8PHy8_T19vf4", Form.BASE64, Algorithm.SHARED, "k", "not base64"),
        (b"8PHy8/T19vf4", Form.BASE64URL, Algorithm.SHARED, "k", "not base64url"),
        (OCTETS, Form.BASE64, Algorithm.SHARED, "k", "not base64"),
        (EC_PEM + EC_PEM, Form.PEM, None, None, "one key"),
        (b"-----BEGIN CERTIFICATE-----", Form.PEM, None, None, "one key"),
        (LOCKED, Form.PEM, None, None, "decrypt it first"),
        (EC_PEM[:60], Form.PEM, None, None, "cannot|can be read"),
        (OTHER_CURVE, Form.PEM, None, None, "P-256 and P-384"),
        (DSA, Form.PEM, None, None, "RSA, EC or Ed25519"),
        (EC_PEM, Form.PEM, Algorithm.ES384, None, "not for ES384"),
        (EC_PEM, Form.PEM, None, "two words", "key id"),
        (EC_PEM, Form.PEM, None, "", "key id"),
        (b"[]", Form.JWK, None, None, "not a JSON Web Key"),
        (b"{}", Form.JWK, None, None, "kty"),
        (json.dumps(RSA_JWK).encode(), Form.JWK, Algorithm.PS256, None, "another algorithm"),
        (json.dumps({"keys": [RSA_JWK]}).encode(), Form.JWK, None, "k", "their own ids"),
        (b" " * (MAX_SET_BYTES + 1), Form.JWK, None, None, "more than"),
    ],
)
def test_refused(data: bytes, form: Form, algorithm: Algorithm | None, kid: str | None, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        read_keys(data, form, algorithm, kid)
