"""COSE messages: MACs and signatures made independently, and every envelope that must be refused."""

from __future__ import annotations

import hmac
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import cose
from auth.algorithms import Algorithm
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.secret import Secret, Token
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, RING, SECRET, key_of

PROTECTED = {1: 5}
KID: dict[object, object] = {4: b"k1"}


def message(
    protected: object = PROTECTED,
    unprotected: object = KID,
    *,
    context: str = "MAC0",
    tags: tuple[int, ...] = (61, 17),
    parts: list[object] | None = None,
) -> str:
    """A MAC that is valid over whatever stands in the message, made without our own code."""
    header = protected if isinstance(protected, bytes) else cbor2.dumps(protected)
    mac = hmac.digest(SECRET, cbor2.dumps([context, header, b"", b"payload"]), "sha256")
    value: object = [header, unprotected, b"payload", mac] if parts is None else parts
    for tag in reversed(tags):
        value = cbor2.CBORTag(tag, value)
    return base64url_encode(cbor2.dumps(value))


def denied(text: str, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        cose.verify(cose.parse(Token(text)), ring)
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        message(),
        message(tags=(17,)),
        message({1: 5, 4: b"k1"}, {}),
        message({1: 5, 4: b"k1"}),
        message({1: 5, 3: 61, 16: "application/cwt"}),
        message(unprotected={}),
    ],
    ids=["kid unprotected", "no CWT tag", "kid protected", "kid in both", "types", "no kid"],
)
def test_a_mac_is_accepted(text: str) -> None:
    read = cose.parse(Token(text))
    assert cose.verify(read, RING) == HMAC_KEY
    assert read.payload == b"payload"


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.ES256, Algorithm.PS256, Algorithm.EDDSA])
def test_every_algorithm_signs_and_verifies(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    token = cose.sign(b"payload", key)
    assert cose.verify(cose.parse(token), KeyRing([key])) == key
    with pytest.raises(Denied) as caught:
        cose.verify(cose.parse(token), KeyRing([Key(key.id, algorithm, new_key(algorithm, "x").material)]))
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_ecdsa_signatures_are_not_in_der() -> None:
    read = cose.parse(cose.sign(b"payload", key_of(Algorithm.ES256)))
    assert len(read.signature) == 64


def test_keys_that_do_not_sign() -> None:
    for key in (replace(HMAC_KEY, verify_only=True), key_of(Algorithm.HS512), key_of(Algorithm.RS256)):
        with pytest.raises(Misuse):
            cose.sign(b"payload", key)


def test_a_message_that_would_be_refused_is_not_made() -> None:
    with pytest.raises(Misuse):
        cose.sign(b"x" * 6100, HMAC_KEY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (message({}, {1: 5, 4: b"k1"}), Reason.UNSUPPORTED),  # alg where nobody authenticates it
        (message(b"", {4: b"k1"}), Reason.MALFORMED),
        (message({1: 4}), Reason.UNSUPPORTED),  # a MAC of 64 bits
        (message({1: -7}), Reason.UNSUPPORTED),  # a signature's algorithm in a MAC
        (message({1: "HS256"}), Reason.UNSUPPORTED),
        (message({1: True}), Reason.UNSUPPORTED),
        (message({1: None}), Reason.UNSUPPORTED),
        (message({1: 5, 2: [1]}), Reason.UNSUPPORTED),  # crit
        (message({1: 5, 2: []}), Reason.UNSUPPORTED),
        (message(unprotected={4: b"k1", 2: [1]}), Reason.UNSUPPORTED),
        (message(unprotected={4: b"k1", 5: b"iv"}), Reason.UNSUPPORTED),
        (message(unprotected={5: b"k1"}), Reason.UNSUPPORTED),
        (message({1: 5, 33: b"certificate"}), Reason.UNSUPPORTED),
        (message({1: 5, 4: b"k2"}), Reason.AMBIGUOUS),
        (message(unprotected={4: "k1"}), Reason.MALFORMED),
        (message(unprotected={4: b"\xff"}), Reason.UNKNOWN_KEY),
        (message(unprotected={4: b"k2"}), Reason.UNKNOWN_KEY),
        (message([1, 5]), Reason.MALFORMED),
        (message(b"\xa2\x01\x05\x01\x05"), Reason.MALFORMED),  # alg twice
        (message(b"\xa1\x01\x05\x00"), Reason.MALFORMED),
        (message(context="MAC"), Reason.BAD_SIGNATURE),  # COSE_Mac, with recipients
        (message(context="Signature1"), Reason.BAD_SIGNATURE),
        (message(tags=()), Reason.MALFORMED),
        (message(tags=(61,)), Reason.MALFORMED),
        (message(tags=(61, 61, 17)), Reason.MALFORMED),
        (message(tags=(17, 61)), Reason.MALFORMED),
        (message(tags=(97,)), Reason.MALFORMED),
        (message(tags=(16,)), Reason.MALFORMED),  # COSE_Encrypt0
        (message(tags=(18,)), Reason.UNSUPPORTED),  # a MAC called a signature
        (message(parts=[]), Reason.MALFORMED),
        (message(parts=[b"", {}, b"", b"", b""]), Reason.MALFORMED),
        (message(parts=[b"", {}, None, b""]), Reason.MALFORMED),  # detached payload
        (message(parts=["", {}, "", ""]), Reason.MALFORMED),
        ("", Reason.MALFORMED),
        ("eyJhbGciOiJub25lIn0.e30.", Reason.MALFORMED),
        (message() + "=", Reason.MALFORMED),
        (message() + "AAAA", Reason.MALFORMED),
        ("A" * 8193, Reason.TOO_LARGE),
    ],
)
def test_envelopes_that_are_refused(text: str, reason: Reason) -> None:
    assert denied(text) is reason


def test_the_key_decides_the_algorithm() -> None:
    """A public key is never taken for a secret, whatever the message says."""
    key = key_of(Algorithm.ES256)
    assert denied(message(unprotected={4: b"ES256"}), KeyRing([key])) is Reason.WRONG_ALGORITHM
    assert denied(message(unprotected={}), KeyRing([key])) is Reason.UNKNOWN_KEY


def test_without_a_key_id_the_newest_keys_are_tried() -> None:
    others = [Key(f"o{n}", Algorithm.HS256, Secret(bytes([n]) * 32)) for n in range(4)]
    text = message(unprotected={})
    assert cose.verify(cose.parse(Token(text)), KeyRing([*others[:3], HMAC_KEY])) == HMAC_KEY
    assert denied(text, KeyRing([HMAC_KEY, *others])) is Reason.BAD_SIGNATURE


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_altered_octet_is_accepted(position: int, change: int) -> None:
    data = bytearray(base64url_decode(message()))
    data[position % len(data)] ^= change
    denied(base64url_encode(bytes(data)))
