"""URI signing against jwcrypto: signed and encrypted by one, read by the other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from auth import jwe
from auth.algorithms import Algorithm
from auth.dialects.uri_signing import UriSigning, UriSigningOptions
from auth.jwk import private_jwk
from auth.keys import Key, KeyRing
from auth.secret import Secret
from tests.auth.dialects.test_uri_signing import FULL, RULE
from tests.auth.samples import HMAC_KEY, found, key_of

pytestmark = pytest.mark.system

AES = [Algorithm.A128GCM, Algorithm.A256GCM]
SIGNING = [Algorithm.HS256, Algorithm.RS256, Algorithm.PS256, Algorithm.ES256, Algorithm.ES384, Algorithm.EDDSA]


def theirs(key: Key) -> JWK:
    """Our key as jwcrypto's; it takes neither our validity nor a content encryption as a key's algorithm."""
    return JWK(**{name: value for name, value in private_jwk(key).items() if name not in {"alg", "use", "nbf", "exp"}})


def key_for(algorithm: Algorithm) -> Key:
    return HMAC_KEY if algorithm is Algorithm.HS256 else key_of(algorithm)


@pytest.mark.parametrize("algorithm", AES)
def test_what_one_encrypts_the_other_reads(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    opened = JWE()
    opened.deserialize(jwe.encrypt(b"viewer-42", key), theirs(key))
    assert opened.payload == b"viewer-42"
    header = json.dumps({"alg": "dir", "enc": algorithm.value, "kid": key.id})
    sealed = JWE(b"viewer-43", protected=header, recipient=theirs(key)).serialize(compact=True)
    assert jwe.decrypt(sealed, KeyRing([key])) == b"viewer-43"


@pytest.mark.parametrize("algorithm", SIGNING)
@pytest.mark.parametrize("encryption", AES)
def test_jwcrypto_reads_our_tokens(algorithm: Algorithm, encryption: Algorithm) -> None:
    key, sealing = key_for(algorithm), key_of(encryption)
    assert isinstance(sealing.material, Secret)
    options = UriSigningOptions(encryption_key=sealing.material, encryption_key_id=sealing.id)
    text = UriSigning(options).mint(FULL, key).reveal()
    signed = JWS()
    signed.allowed_algs = [algorithm.value]
    signed.deserialize(text, theirs(key))
    said = json.loads(signed.payload)
    for name, value in (("sub", "viewer-42"), ("cdniip", "192.0.2.0/24")):
        opened = JWE()
        opened.deserialize(said.pop(name), theirs(sealing))
        assert opened.payload.decode() == value
    assert said["cdniuc"] == f"regex:{RULE.pattern}"
    assert (said["jti"], said["exp"], said["aud"]) == ("t-1", FULL.expires, ["edge", "other"])


@pytest.mark.parametrize("algorithm", SIGNING)
@pytest.mark.parametrize("encryption", AES)
def test_we_read_tokens_of_jwcrypto(algorithm: Algorithm, encryption: Algorithm) -> None:
    key, sealing = key_for(algorithm), key_of(encryption)
    header = json.dumps({"alg": "dir", "enc": encryption.value, "kid": sealing.id})
    payload = {
        "iss": FULL.issuer,
        "aud": list(FULL.audience),
        "nbf": FULL.not_before,
        "exp": FULL.expires,
        "iat": FULL.issued_at,
        "jti": FULL.token_id,
        "cdniv": 1,
        "cdniuc": f"regex:{RULE.pattern}",
        "sub": JWE(b"viewer-42", protected=header, recipient=theirs(sealing)).serialize(compact=True),
        "cdniip": JWE(b"[192.0.2.0/24]", protected=header, recipient=theirs(sealing)).serialize(compact=True),
    }
    signed = JWS(json.dumps(payload))
    signed.allowed_algs = [algorithm.value]
    signed.add_signature(theirs(key), protected=json.dumps({"alg": algorithm.value, "kid": key.id}))
    claims = UriSigning(UriSigningOptions()).verify(found(signed.serialize(compact=True)), KeyRing([key, sealing]))
    assert claims == replace(FULL, key_id=key.id, dialect="uri-signing")
