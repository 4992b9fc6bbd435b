"""Mounts over memory, and requests to them, for the tests of the public listener's parts."""

from __future__ import annotations

import time
from dataclasses import replace

from multidict import CIMultiDict, CIMultiDictProxy

from auth import Accepted, Algorithm, Carriage, Claims, Gate, PathScope, Policy, Realm, Request
from auth.keys import KeyRing
from origin.edge.edge_identity import EdgeIdentity
from origin.edge.edge_proof import EdgeProof, Trust
from origin.edge.edge_secret import SecretProof
from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount, Propagation, Protection
from origin.http.cors import CorsPolicy
from origin.keystore.generate import new_key
from origin.ledger.ledger import Ledger
from origin.ledger.memory_ledger import MemoryLedger
from origin.media.target import MountName
from origin.serving.inbound import Inbound
from origin.storage.descriptors import DescriptorCache
from origin.storage.memory import MemoryStore
from origin.telemetry.metrics import Metrics, Vocabulary

EDGE = EdgeIdentity("secret")
SECRET = "an-edge-secret-of-32-characters!"
RING = KeyRing([new_key(Algorithm.HS256, "k1")])
GATE = Gate(Realm("/vod", (Accepted("jwt", Carriage("token")),), Policy()))
OPEN, VOD = MountName("/open"), MountName("/vod")


def inbound(path: str, *fields: tuple[str, str], query: str = "", method: str = "GET") -> Inbound:
    """A request as the listener reads it."""
    pairs = tuple((name.lower(), value) for name, value in fields)
    facts = Request(method, "https", "cdn.example", path, query, pairs)
    return Inbound(facts, CIMultiDictProxy(CIMultiDict(fields)))


def token(now: float | None = None) -> str:
    """A token for everything below /vod."""
    now = time.time() if now is None else now
    return GATE.mint(Claims(expires=now + 600, scope=PathScope.prefix("/vod")), RING, now).reveal()


def open_mount(store: MemoryStore) -> Mount:
    """An open mount over `store`."""
    objects = DescriptorCache(store, clock=time.monotonic)
    return Mount(OPEN, store, objects, None, CorsPolicy(), CachePolicy(), frozenset())


def signed_mount(store: MemoryStore, propagation: Propagation = Propagation.QUERY, trust: Trust | None = None) -> Mount:
    """A signed mount over `store`; with `trust` there is an edge in front, which knows `SECRET`."""
    proof = None if trust is None else EdgeProof(trust, SecretProof("x-edge", (SECRET.encode(),)))
    protection = Protection(GATE, lambda: RING, propagation, "token", annex_i=False, proof=proof)
    return replace(open_mount(store), name=VOD, protection=protection)


def memory_ledger() -> Ledger:
    """A ledger of one process, in which nothing is revoked."""
    return Ledger(MemoryLedger(time.time), Metrics(Vocabulary(), "0"), clock=time.time, monotonic=time.monotonic)
