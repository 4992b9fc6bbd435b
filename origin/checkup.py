"""What `doctor` looks at: each dependency and each mount, one diagnosis with a remedy each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from auth.dialects.session import FAMILIES
from cache import BadRedisUrl, SecondTierUnavailable
from cache.l2_redis import RedisLimits, RedisSecondTier
from cache.outcome import Result
from origin.fleet import redis_tls
from origin.keyrings import read_rings
from origin.keystore.content_keys import ContentKeyFile
from origin.keystore.fault import Fault, KeystoreError
from origin.realms import exchanged
from origin.server.loop import LoopUnavailableError, has_c_parser, loop_factory
from origin.server.tls import certificates_of, sentences
from origin.settings import Mount, Settings
from origin.shields import is_pulled, upstream_of
from origin.storage.mounts import BadStorageUrl, open_store
from origin.storage.store import StoreError
from origin.tls.certificates import CertificatesUnusable
from origin.upstream.origin_server import UpstreamError

_PROBE_SECONDS = 5.0
_KEY_REMEDIES = {
    Fault.MISSING: "make one: headgate keys new {path}",
    Fault.EXPOSED: "chmod 600 {path}",
    Fault.UNREADABLE: "let the user that runs Headgate read {path}",
    Fault.INVALID: "restore {path} from a backup, or move it away and make a new one: headgate keys new {path}",
}
_CONTENT_KEY_REMEDIES = {
    Fault.EXPOSED: "chmod 600 {path}",
    Fault.UNREADABLE: "let the user that runs Headgate read {path}",
}
_CONTENT_KEYS_AS = 'write {{"keys": [{{"asset": "film", "kid": "HEX", "k": "HEX"}}]}} to {path}, mode 0600'
_SOURCE_REMEDIES = {
    Fault.MISSING: "put a private JWK Set there, such as a key file that headgate keys new has made",
    Fault.AWAY: "is its host up, and can it be reached from here? Until it answers, the last keys stay",
    Fault.REFUSED: "correct keyrings.*.jwks: the URL of the set itself",
}
_REDIS_FINDINGS: Mapping[str, str] = {
    Result.DENIED: "it does not accept the user and password",
    Result.FAILED: "cannot connect",
    Result.REFUSED: "it answers with an error",
    Result.TIMED_OUT: "no answer within cache.redis_timeout_seconds",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, and what to do when it is not well."""

    name: str
    is_ok: bool
    finding: str
    remedy: str = ""

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


async def examine(settings: Settings) -> list[Diagnosis]:
    """Every diagnosis, in the order in which a request meets its subjects."""
    rings = [_ring(name, settings) for name in settings.keyrings]
    mounts = [_mount(mount) for mount in settings.mount]
    sessions = [
        _sessions(mount, name, settings)
        for mount in settings.mount
        if (name := mount.session.keys or mount.keys) is not None and exchanged(mount)
    ]
    content_keys = [_content_keys(mount, mount.content_keys) for mount in settings.mount if mount.content_keys]
    tls = [_tls(settings)] if settings.public.tls.certificates else []
    found = await asyncio.gather(*tls, *rings, *mounts, *sessions, *content_keys, _redis(settings))
    return [_parser(), _loop(settings), *found]


def _parser() -> Diagnosis:
    if has_c_parser():
        return Diagnosis("HTTP parser", is_ok=True, finding="compiled")
    remedy = "install a wheel of aiohttp for this platform (pip install --only-binary :all: aiohttp)"
    return Diagnosis("HTTP parser", is_ok=False, finding="pure Python, many times slower", remedy=remedy)


def _loop(settings: Settings) -> Diagnosis:
    try:
        loop_factory(settings.server.loop)
    except LoopUnavailableError as error:
        return Diagnosis("event loop", is_ok=False, finding=str(error), remedy='set server.loop to "asyncio"')
    return Diagnosis("event loop", is_ok=True, finding=settings.server.loop)


async def _ring(name: str, settings: Settings) -> Diagnosis:
    subject = f"key ring {name}"
    where = settings.keyrings[name]
    try:
        ring = (await read_rings(settings, (name,)))[name]
    except KeystoreError as error:
        remedies = _KEY_REMEDIES if where.file is not None else _SOURCE_REMEDIES
        place = "the file" if where.file is not None else "what it holds"
        remedy = remedies.get(error.fault, f"see {place}").format(path=where.file)
        return Diagnosis(subject, is_ok=False, finding=str(error), remedy=remedy)
    signer = ring.signer(time.time())
    if signer is not None:
        return Diagnosis(subject, is_ok=True, finding=f"{len(ring.keys)} keys, {signer.id} signs")
    if where.jwks is not None:
        return Diagnosis(subject, is_ok=True, finding=f"{len(ring.keys)} keys that verify")
    remedy = f"headgate keys new {where.file or 'FILE'}, unless this ring only verifies"
    return Diagnosis(subject, is_ok=False, finding=f"{len(ring.keys)} keys, none can sign now", remedy=remedy)


async def _sessions(mount: Mount, ring: str, settings: Settings) -> Diagnosis:
    subject = f"sessions of {mount.prefix}"
    try:
        signer = (await read_rings(settings, (ring,)))[ring].signer(time.time(), FAMILIES)
    except KeystoreError as error:
        return Diagnosis(subject, is_ok=False, finding=str(error), remedy=f"see key ring {ring}")
    if signer is None:
        remedy = 'name a ring with an HS256 key in mount.session.keys, or set mount.session.exchange to "never"'
        return Diagnosis(subject, is_ok=False, finding="no key signs them, so no manifest is served", remedy=remedy)
    return Diagnosis(subject, is_ok=True, finding=f"{signer.id} signs them")


async def _content_keys(mount: Mount, path: Path) -> Diagnosis:
    subject, file = f"content keys of {mount.prefix}", ContentKeyFile(path)
    try:
        await file.open()
    except KeystoreError as error:
        remedy = _CONTENT_KEY_REMEDIES.get(error.fault, _CONTENT_KEYS_AS).format(path=path)
        return Diagnosis(subject, is_ok=False, finding=str(error), remedy=remedy)
    assets = file.keys().by_asset
    return Diagnosis(subject, is_ok=True, finding=f"{sum(map(len, assets.values()))} keys of {len(assets)} assets")


_OF_FILES = "is {storage} there, and may the user that runs Headgate read it?"
_OF_UPSTREAMS = "does {storage} answer from here, and is its network among upstream.private_networks if it is private?"
_OF_BUCKETS = "check the bucket's name, its region, and the credentials in the environment: reading and listing"
_REMEDIES = {"http": _OF_UPSTREAMS, "https": _OF_UPSTREAMS} | dict.fromkeys(("s3", "gs", "az"), _OF_BUCKETS)


async def _mount(mount: Mount) -> Diagnosis:
    subject = f"mount {mount.prefix}"
    try:
        # Settings hold absolute URLs.
        store = upstream_of(mount) if is_pulled(mount) else open_store(mount.storage, base=Path("/"))
    except BadStorageUrl as error:
        return Diagnosis(subject, is_ok=False, finding=str(error), remedy="correct the mount's storage")
    try:
        trouble = await _trouble(store.probe)
    finally:
        await store.close()
    if trouble is None:
        return Diagnosis(subject, is_ok=True, finding=f"{mount.access}, storage answers")
    remedy = _REMEDIES.get(mount.storage.partition(":")[0], _OF_FILES).format(storage=mount.storage)
    return Diagnosis(subject, is_ok=False, finding=trouble, remedy=remedy)


async def _redis(settings: Settings) -> Diagnosis:
    if settings.cache.redis is None:
        return Diagnosis("Redis", is_ok=True, finding="not configured; each process caches for itself")
    limits = RedisLimits(budget_seconds=settings.cache.redis_timeout_seconds)
    try:
        tier = RedisSecondTier(settings.cache.redis.get_secret_value(), limits=limits, tls=redis_tls(settings))
    except BadRedisUrl as error:
        return Diagnosis("Redis", is_ok=False, finding=str(error), remedy="correct cache.redis")
    try:
        trouble = await _trouble(tier.probe)
    finally:
        await tier.close()
    if trouble is None:
        return Diagnosis("Redis", is_ok=True, finding=f"{tier.where} answers")
    remedy = "check cache.redis (host, port, user, password); until it answers, viewers are served without it"
    finding = _REDIS_FINDINGS.get(trouble, trouble)
    return Diagnosis("Redis", is_ok=False, finding=f"{tier.where}: {finding}", remedy=remedy)


async def _tls(settings: Settings) -> Diagnosis:
    certificates = certificates_of(settings.public.tls)
    try:
        await certificates.open(time.time())
    except CertificatesUnusable as unusable:
        remedy = "put right what is named; a server that runs goes on with the files it has read"
        return Diagnosis("TLS", is_ok=False, finding="; ".join(sentences(unusable.faults)), remedy=remedy)
    ends = (f"{name} until {_day(expires)}" for name, expires in certificates.expiries.items())
    return Diagnosis("TLS", is_ok=True, finding=", ".join(ends))


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


async def _trouble(probe: Callable[[], Awaitable[None]]) -> str | None:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            await probe()
    except TimeoutError:
        return f"no answer in {_PROBE_SECONDS:.0f} s"
    except (StoreError, SecondTierUnavailable, UpstreamError) as error:
        return str(error)
    return None
