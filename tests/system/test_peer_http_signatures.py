"""Another implementation of RFC 9421 and ours, both ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from auth.algorithms import Algorithm
from auth.http_signatures import Component, SignaturePolicy, sign, verify
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.secret import Secret
from tests.auth.samples import key_of

pytestmark = pytest.mark.system

THEIRS: dict[Algorithm, Any] = {
    Algorithm.EDDSA: algorithms.ED25519,
    Algorithm.ES256: algorithms.ECDSA_P256_SHA256,
    Algorithm.HS256: algorithms.HMAC_SHA256,
    Algorithm.RS256: algorithms.RSA_V1_5_SHA256,
    Algorithm.PS512: algorithms.RSA_PSS_SHA512,
}
COVERED = ("@method", "@authority", "@scheme", "@path", "@query", "@target-uri", "@request-target", "accept")
COMPONENTS = (*map(Component, COVERED), Component("@query-param", "y"))
ASKED = Request("GET", "https", "cdn.example:8443", "/vod/a%20b.ts", "x=1&y=a%20b+c~*%C3%BC", (("accept", "a, b"),))


@dataclass
class Message:
    """A request as the other side takes it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Resolver(HTTPSignatureKeyResolver):
    """One key for everything."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> Any:
        """What verifies."""
        assert key_id == self._key.id
        return self._key.verifying.reveal() if isinstance(self._key.verifying, Secret) else self._key.verifying

    def resolve_private_key(self, key_id: str) -> Any:
        """What signs."""
        assert key_id == self._key.id
        return self._key.signing.reveal() if isinstance(self._key.signing, Secret) else self._key.signing


def message() -> Message:
    url = f"{ASKED.scheme}://{ASKED.authority}{ASKED.path}?{ASKED.query}"
    return Message(ASKED.method, url, {"Accept": "a, b"})


@pytest.mark.parametrize("algorithm", THEIRS)
@pytest.mark.parametrize("include_alg", [False, True])
def test_they_sign_and_we_verify(algorithm: Algorithm, include_alg: bool) -> None:
    key, now, sent = key_of(algorithm), datetime.now(UTC).replace(microsecond=0), message()
    HTTPMessageSigner(signature_algorithm=THEIRS[algorithm], key_resolver=Resolver(key)).sign(
        sent,
        key_id=key.id,
        created=now,
        nonce="n-1",
        tag="app",
        label="edge",
        include_alg=include_alg,
        covered_component_ids=(*COVERED, '"@query-param";name="y"'),
    )
    headers = tuple((name.lower(), value) for name, value in sent.headers.items())
    request = Request(ASKED.method, ASKED.scheme, ASKED.authority, ASKED.path, ASKED.query, headers)
    said = verify(request, KeyRing([key]), now.timestamp(), SignaturePolicy(COMPONENTS, tag="app", nonce_required=True))
    assert (said.label, said.components, said.nonce) == ("edge", COMPONENTS, "n-1")


@pytest.mark.parametrize("algorithm", THEIRS)
def test_we_sign_and_they_verify(algorithm: Algorithm) -> None:
    key, now, sent = key_of(algorithm), int(datetime.now(UTC).timestamp()), message()
    sent.headers |= dict(sign(ASKED, key, now, COMPONENTS, label="edge", expires=now + 60, nonce="n-1", tag="app"))
    results = HTTPMessageVerifier(signature_algorithm=THEIRS[algorithm], key_resolver=Resolver(key)).verify(
        sent, expect_tag="app", require_components=COVERED
    )
    assert [result.label for result in results] == ["edge"]
    assert results[0].parameters["nonce"] == "n-1"
