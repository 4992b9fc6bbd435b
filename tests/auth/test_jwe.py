"""JWE: what it seals it opens, and nothing else is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from auth import jwe
from auth.algorithms import Algorithm
from auth.encoding import base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import KeyRing
from auth.secret import Secret
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, key_of

KEY = key_of(Algorithm.A128GCM)
RING = KeyRing([HMAC_KEY, KEY, key_of(Algorithm.A256GCM)])
SEALED = jwe.encrypt(b"viewer-42", KEY)


def denied(text: str, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        jwe.decrypt(text, ring)
    return caught.value.reason


def with_header(header: Mapping[str, object] | bytes) -> str:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return ".".join([base64url_encode(data), *SEALED.split(".")[1:]])


@pytest.mark.parametrize("algorithm", [Algorithm.A128GCM, Algorithm.A256GCM])
@given(plaintext=st.binary(max_size=200))
def test_what_is_sealed_is_opened(algorithm: Algorithm, plaintext: bytes) -> None:
    assert jwe.decrypt(jwe.encrypt(plaintext, key_of(algorithm)), RING) == plaintext


def test_the_same_value_is_the_same_text_and_another_has_another_nonce() -> None:
    assert jwe.encrypt(b"viewer-42", KEY) == SEALED
    assert jwe.encrypt(b"viewer-43", KEY).split(".")[2] != SEALED.split(".")[2]


def test_without_a_key_id_the_keys_of_the_algorithm_are_tried() -> None:
    assert isinstance(KEY.material, Secret)
    protected = base64url_encode(b'{"alg":"dir","enc":"A128GCM"}')
    sealed = AESGCM(KEY.material.reveal()).encrypt(b"n" * 12, b"x", protected.encode())
    text = ".".join([protected, "", *map(base64url_encode, (b"n" * 12, sealed[:-16], sealed[-16:]))])
    newer = new_key(Algorithm.A128GCM, "newer")
    assert jwe.decrypt(text, KeyRing([KEY, newer])) == b"x"
    assert denied(text, KeyRing([newer])) is Reason.BAD_SIGNATURE
    assert denied(text, KeyRing([HMAC_KEY])) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MALFORMED),
        ("a.b.c", Reason.MALFORMED),
        ("....", Reason.MALFORMED),
        ("x" * 4097, Reason.TOO_LARGE),
        (SEALED + "=", Reason.MALFORMED),
        (SEALED.replace("..", ".AAAA."), Reason.MALFORMED),
        (with_header(b"{"), Reason.MALFORMED),
        (with_header({"alg": "dir", "enc": "A128GCM", "kid": 1}), Reason.MALFORMED),
        (with_header({"alg": "dir", "enc": "A128GCM", "kid": "\n"}), Reason.UNKNOWN_KEY),
        (with_header({"alg": "dir", "enc": "A128GCM", "kid": "other"}), Reason.UNKNOWN_KEY),
        (with_header({"alg": "dir", "enc": "A128GCM", "kid": KEY.id, "typ": "x"}), Reason.BAD_SIGNATURE),
        (with_header({"alg": "dir", "enc": "A256GCM", "kid": KEY.id}), Reason.WRONG_ALGORITHM),
        (with_header({"alg": "dir", "enc": "A128GCM", "kid": HMAC_KEY.id}), Reason.WRONG_ALGORITHM),
        (with_header({"alg": "dir", "enc": "HS256", "kid": HMAC_KEY.id}), Reason.UNSUPPORTED),
        (with_header({"alg": "A128KW", "enc": "A128GCM", "kid": KEY.id}), Reason.UNSUPPORTED),
        (with_header({"alg": "dir", "enc": "A128CBC-HS256", "kid": KEY.id}), Reason.UNSUPPORTED),
        (with_header({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}), Reason.UNSUPPORTED),
        (with_header({"alg": "dir", "enc": "A128GCM", "crit": ["x"]}), Reason.UNSUPPORTED),
    ],
)
def test_what_is_not_opened(text: str, reason: Reason) -> None:
    assert denied(text) is reason


@given(st.integers(0, len(SEALED) - 1))
def test_an_altered_one_is_denied(at: int) -> None:
    denied(SEALED[:at] + chr(ord(SEALED[at]) ^ 1) + SEALED[at + 1 :])


def test_only_encryption_keys_seal_and_only_what_fits() -> None:
    with pytest.raises(Misuse):
        jwe.encrypt(b"x", HMAC_KEY)
    with pytest.raises(Misuse):
        jwe.encrypt(b"x" * 4096, KEY)


def test_another_key_of_that_name() -> None:
    assert denied(SEALED, KeyRing([new_key(Algorithm.A128GCM, KEY.id)])) is Reason.BAD_SIGNATURE
