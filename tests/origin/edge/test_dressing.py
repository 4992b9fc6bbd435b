"""What every answer carries."""

from __future__ import annotations

from dataclasses import replace

from origin.edge.dressing import dressed, finished
from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount
from origin.http.cors import CorsPolicy
from origin.http.reply import Bytes, Reply
from origin.media.target import MountName
from origin.storage.descriptors import DescriptorCache
from origin.storage.memory import MemoryStore

STORE = MemoryStore()
OPEN = Mount(
    MountName("/vod"),
    STORE,
    DescriptorCache(STORE, clock=lambda: 0.0),
    None,
    CorsPolicy(frozenset({"https://player.example"})),
    CachePolicy(),
    frozenset(),
)


def test_pages_are_told_whether_they_may_read() -> None:
    reply = Reply(200, (("Vary", "Accept-Encoding"),), Bytes(b"x"), must_close=True)
    known = dressed(reply, OPEN, "https://player.example")
    assert ("Access-Control-Allow-Origin", "https://player.example") in known.headers
    assert ("Vary", "Accept-Encoding, Origin") in known.headers
    assert not any(name.startswith("Access-Control") for name, _ in dressed(reply, OPEN, None).headers)
    assert known == replace(reply, headers=known.headers)


def test_every_answer_can_be_found_again() -> None:
    assert finished(Reply(404), 1.23456, "00ff").headers == (
        ("X-Content-Type-Options", "nosniff"),
        ("Server-Timing", "origin;dur=1.235"),
        ("X-Request-Id", "00ff"),
    )
