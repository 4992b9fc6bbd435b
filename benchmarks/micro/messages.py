"""What proves that a request comes from an edge or another program: no gate, and no memory of what was verified."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

from auth import Algorithm, Key, KeyRing, Request, Secret, g2o, http_signatures
from benchmarks.micro.case import NOW, PATH, URL, Case, bare_mac, bare_signature, shared_key
from origin.keystore.generate import new_key

_THEIRS: dict[Algorithm, Any] = {
    Algorithm.HS256: algorithms.HMAC_SHA256,
    Algorithm.EDDSA: algorithms.ED25519,
}


def g2o_case() -> Case:
    """Akamai's signature of an edge, in its version 5."""
    key = shared_key()
    ring = KeyRing([key])
    edge = ip_address("192.0.2.1")
    claims = g2o.EdgeClaims(edge, ip_address("198.51.100.7"), int(NOW), "unique-1", key.id)
    fields = g2o.mint(claims, PATH, key)
    return Case(
        "g2o",
        {
            "verify": lambda: g2o.verify(fields, PATH, ring, NOW),
            "mint": lambda: g2o.mint(claims, PATH, key),
            "bare": bare_mac("sha256"),
        },
    )


@dataclass(frozen=True, slots=True)
class _Message:
    method: str
    url: str
    headers: dict[str, str]


class _Resolver(HTTPSignatureKeyResolver):
    def __init__(self, key: Key) -> None:
        self._verifying = key.verifying.reveal() if isinstance(key.verifying, Secret) else key.verifying

    def resolve_public_key(self, key_id: str) -> Any:
        """The one key that there is."""
        return self._verifying


def signature_case(algorithm: Algorithm) -> Callable[[], Case]:
    """RFC 9421 over method and URL, beside http-message-signatures."""

    def make() -> Case:
        key = new_key(algorithm, "k1")
        ring, created = KeyRing([key]), int(time.time())  # the peer asks the clock
        bare = Request("GET", "https", "cdn.example", PATH)
        fields = http_signatures.sign(bare, key, created)
        request = Request("GET", "https", "cdn.example", PATH, headers=fields)
        peer = HTTPMessageVerifier(signature_algorithm=_THEIRS[algorithm], key_resolver=_Resolver(key))
        message = _Message("GET", URL, dict(fields))
        return Case(
            f"http signatures {algorithm}",
            {
                "verify": lambda: http_signatures.verify(request, ring, created),
                "mint": lambda: http_signatures.sign(bare, key, created),
                "bare": bare_signature(key) or bare_mac("sha256"),
            },
            peers={"http-message-signatures": lambda: peer.verify(message)},
        )

    return make
