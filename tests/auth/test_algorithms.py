"""Signatures: each algorithm, and bytes that are not one."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import SIGNATURE_NAMES, Algorithm, same_algorithm, sign, verify
from auth.errors import Denied, Reason
from auth.secret import Secret
from tests.auth.samples import key_of

SIGNING = [Algorithm(name) for name in sorted(SIGNATURE_NAMES)]
LENGTHS = {"256": 32, "384": 48, "512": 64}


def refused(algorithm: Algorithm, message: bytes, signature: bytes) -> None:
    with pytest.raises(Denied) as denied:
        verify(algorithm, key_of(algorithm).verifying, message, signature)
    assert denied.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("algorithm", SIGNING)
def test_sign_and_verify(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    assert key.signing is not None
    signature = sign(algorithm, key.signing, b"message")
    verify(algorithm, key.verifying, b"message", signature)
    refused(algorithm, b"massage", signature)
    refused(algorithm, b"message", signature[:-1])
    refused(algorithm, b"message", signature + b"\0")
    refused(algorithm, b"message", b"")


@pytest.mark.parametrize("algorithm", [a for a in Algorithm if a.startswith("HS")])
def test_mac_length(algorithm: Algorithm) -> None:
    material = key_of(algorithm).verifying
    assert isinstance(material, Secret)
    assert len(sign(algorithm, material, b"")) == LENGTHS[algorithm[2:]]


@given(st.sampled_from(SIGNING), st.binary(max_size=300))
def test_no_bytes_raise_anything_else(algorithm: Algorithm, signature: bytes) -> None:
    refused(algorithm, b"message", signature)


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
def test_edges_of_ecdsa(r: int, s: int) -> None:
    refused(Algorithm.ES256, b"message", r.to_bytes(32) + s.to_bytes(32))


def test_ecdsa_takes_the_raw_form_only() -> None:
    """CloudFront's DER form is another dialect's business."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    key = key_of(Algorithm.ES256)
    assert isinstance(key.verifying, EllipticCurvePublicKey)
    assert key.signing is not None
    raw = sign(Algorithm.ES256, key.signing, b"message")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    refused(Algorithm.ES256, b"message", der)
    refused(Algorithm.ES256, b"message", b"\0" + raw[:32] + b"\0" + raw[32:])


@pytest.mark.parametrize(
    ("name", "algorithm", "same"),
    [
        ("HS256", Algorithm.HS256, True),
        ("hs256", Algorithm.HS256, False),
        ("EdDSA", Algorithm.ED25519, True),
        ("Ed25519", Algorithm.EDDSA, True),
        ("Ed448", Algorithm.EDDSA, False),
        ("RS256", Algorithm.PS256, False),
        ("HS256", Algorithm.RS256, False),
        ("none", Algorithm.HS256, False),
    ],
)
def test_names(name: str, algorithm: Algorithm, same: bool) -> None:
    assert same_algorithm(name, algorithm) is same
