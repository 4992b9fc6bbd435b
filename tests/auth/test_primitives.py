"""Keyed hashes and signatures outside JOSE."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.algorithms import PrivateKey
from auth.primitives import Hash, digest, is_signed, mac, same, sign
from auth.secret import Secret

# RFC 2202 and RFC 4231, test case 2 each: key "Jefe".
VECTORS = {
    Hash.MD5: "750c783e6ab0b503eaa86e310a5db738",
    Hash.SHA1: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    Hash.SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
}


@pytest.mark.parametrize("using", VECTORS)
def test_published_macs(using: Hash) -> None:
    assert mac(Secret(b"Jefe"), b"what do ya want for nothing?", using).hex() == VECTORS[using]


def test_a_plain_hash() -> None:
    assert digest(b"", Hash.MD5).hex() == "d41d8cd98f00b204e9800998ecf8427e"  # RFC 1321 §A.5


@pytest.mark.parametrize("using", [Hash.SHA1, Hash.SHA256])
@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP256R1()),
        Ed25519PrivateKey.generate(),
    ],
    ids=["rsa", "ec", "ed25519"],
)
def test_signatures(key: PrivateKey, using: Hash) -> None:
    signature = sign(key, b"message", using)
    assert is_signed(key.public_key(), b"message", signature, using)
    assert not is_signed(key.public_key(), b"massage", signature, using)
    for wrong in (b"", signature[:-1], signature + b"\0", bytes(len(signature))):
        assert not is_signed(key.public_key(), b"message", wrong, using)


def test_same() -> None:
    assert same("a", b"a")
    assert not same("a", "b")
    assert not same("\udc80", "b")
