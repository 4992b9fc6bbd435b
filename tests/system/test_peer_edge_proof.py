"""An edge that signs with another implementation of RFC 9421 is told what it may keep."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from auth import Algorithm, Key, KeyRing
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from tests.stories.gateway import running

pytestmark = pytest.mark.system

COVERED = ("@method", "@authority", "@path", "@query")
EDGE = {"trust": "verifies", "proof": "signature", "keys": "edges"}
MOUNT: dict[str, object] = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main", "edge": EDGE}


@dataclass
class Message:
    """A request as the other side takes it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Resolver(HTTPSignatureKeyResolver):
    """One private key."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Any:
        """What signs."""
        assert key_id == self._key.id
        return self._key.signing


async def test_their_signature_proves_an_edge_once(tmp_path: Path) -> None:
    key = new_key(Algorithm.EDDSA, "edge-1")
    await asyncio.to_thread(write_ring, tmp_path / "edges.json", KeyRing([key]))
    async with running(tmp_path, [MOUNT], keyrings={"edges": {"file": "edges.json"}}) as gateway:
        gateway.put("film/1.ts", b"abc")
        message = Message("GET", "http://cdn.example/vod/film/1.ts?x=1")
        signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Resolver(key))
        signer.sign(
            message,
            key_id=key.id,
            created=datetime.now(UTC),
            nonce="n1",
            covered_component_ids=COVERED,
            include_alg=True,
        )
        fields = [f"{name}: {value}" for name, value in message.headers.items()]
        answer = await gateway.ask("/vod/film/1.ts?x=1", *fields)
        assert (answer.status, "cdn-cache-control" in answer) == (200, True)
        assert (await gateway.ask("/vod/film/1.ts?x=1", *fields)).status == 401
