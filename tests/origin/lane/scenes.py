"""Parts of a lane over a store in memory, as its tests need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from auth import Gate, Realm
from auth.keys import KeyRing
from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount, Propagation, Protection
from origin.http.cors import CorsPolicy
from origin.lane.heads import Head, Heads
from origin.lane.routes import Route, Routes
from origin.media.target import MountName
from origin.storage.descriptors import DescriptorCache
from origin.storage.memory import MemoryStore
from origin.storage.store import Reader
from origin.telemetry.redaction import redactor
from tests.auth.samples import RING
from tests.clock import Clock

REDACTOR = redactor(frozenset({"token"}))
_HEADS = Heads()
BLOCK = b"Host: cdn.example\r\n\r\n"


def message(*fields: tuple[str, str], method: str = "GET", **changes: object) -> RawRequestMessage:
    """What aiohttp's parser makes of a request with these fields, and a Host."""
    headers = CIMultiDictProxy(CIMultiDict([("Host", "cdn.example"), *fields]))
    values: dict[str, object] = {
        "method": method,
        "path": "/",
        "version": HttpVersion11,
        "headers": headers,
        "raw_headers": (),
        "should_close": False,
        "compression": None,
        "upgrade": False,
        "chunked": False,
        "url": URL("/"),
    }
    return RawRequestMessage(*(values | changes).values())  # type: ignore[arg-type]  # in this order


def head_of(*fields: tuple[str, str]) -> Head:
    """A known header block."""
    block = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields) + BLOCK
    for _ in range(2):
        _HEADS.learn(block, 0, message(*fields))
    found = _HEADS.find(block, 0)
    assert found is not None
    return found[0]


def protection(ring: KeyRing = RING, **more: object) -> Protection:
    """One that takes JWTs."""
    known: Mapping[str, object] = {
        "gate": Gate(Realm("/vod")),
        "rings": lambda: ring,
        "propagation": Propagation.QUERY,
        "token_name": "token",
        "annex_i": False,
        "proof": None,
    }
    return Protection(**{**known, **more})  # type: ignore[arg-type]


@dataclass
class Site:
    """Two mounts over one store: everybody's at /open, and one with tokens at /vod."""

    store: Reader = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    closed: Protection = field(default_factory=protection)

    def __post_init__(self) -> None:
        self.objects = DescriptorCache(self.store, clock=self.clock)

    def mounts(self) -> list[Mount]:
        """Both."""
        policy, cors, hosts = CachePolicy(), CorsPolicy(), frozenset[str]()
        return [
            Mount(MountName("/open"), self.store, self.objects, None, cors, policy, hosts),
            Mount(MountName("/vod"), self.store, self.objects, self.closed, cors, policy, hosts),
        ]

    def routes(self) -> Routes:
        """Of both."""
        return Routes(self.mounts(), lambda path: path == "/open/taken", REDACTOR)

    def route(self, path: bytes) -> Route:
        """Where it leads."""
        found = self.routes().find(path)
        assert found is not None
        return found
