"""New keys."""

from __future__ import annotations

import pytest

from auth.algorithms import Algorithm, sign, verify
from auth.errors import Misuse
from auth.jwk import private_jwk, thumbprint
from origin.keystore.generate import new_key


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.RS256, Algorithm.ES384, Algorithm.ED25519])
def test_a_new_key_signs(algorithm: Algorithm) -> None:
    key = new_key(algorithm)
    assert key.signing is not None
    verify(algorithm, key.verifying, b"m", sign(algorithm, key.signing, b"m"))
    assert key.id == thumbprint(private_jwk(key))


def test_name_and_window_are_kept() -> None:
    key = new_key(Algorithm.HS512, "main-2", not_before=5, not_after=6)
    assert (key.id, key.not_before, key.not_after) == ("main-2", 5, 6)
    named = new_key(Algorithm.HS512, not_before=5, not_after=6)
    assert (named.not_before, named.not_after) == (5, 6)


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.EDDSA])
def test_randomness_is_an_argument(algorithm: Algorithm) -> None:
    def fixed(size: int) -> bytes:
        return b"\x07" * size

    assert private_jwk(new_key(algorithm, random_bytes=fixed)) == private_jwk(new_key(algorithm, random_bytes=fixed))
    assert new_key(algorithm).id != new_key(algorithm).id


def test_an_empty_id_is_no_id() -> None:
    with pytest.raises(Misuse):
        new_key(Algorithm.HS256, "")
