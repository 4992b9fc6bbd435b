"""Answers for manifests: from the cache, rendered for this viewer, coded as the client likes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from urllib.parse import quote

from auth import Token
from cache import Cache, CacheKey, Entry, Hit, Lifetime, Load, Loaded
from origin.edge.admission import Admission
from origin.edge.boundaries import boundary_for
from origin.edge.cache_states import status_of
from origin.edge.codings import PREFERENCE, PREFERENCE_QUICK, WORTH_IT
from origin.edge.lifetimes import Audience, lifetime_headers
from origin.edge.manifest import MAX_MANIFEST_BYTES, Manifest, Rendering
from origin.edge.mount import Mount
from origin.edge.propagation import Carry, Place, splice
from origin.edge.sessions import Onward, hand_on
from origin.http.caching import age, cache_status
from origin.http.conditions import Conditions
from origin.http.negotiation import choose_coding
from origin.http.reply import Header, Reply
from origin.http.represent import Representation, represent
from origin.http.spans import ByteSpan
from origin.manifests.references import origin_of
from origin.manifests.template import Malformed, Spliced
from origin.media.delivery import delivery_directives
from origin.media.kinds import Kind
from origin.media.target import MountName, Target
from origin.serving.exchange import Exchange
from origin.serving.inbound import Inbound

_log = logging.getLogger(__name__)

# How long a manifest may be served after its store has failed.
STALE_IF_ERROR = 300.0


class MissingError(Exception):
    """There is no such object."""


class TooLargeError(Exception):
    """Larger than any manifest that is compiled."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """Everything about a request that shapes a manifest's bytes."""

    mount: Mount
    mounts: tuple[MountName, ...]  # all there are
    target: Target
    admission: Admission
    inbound: Inbound


class Manifests:
    """The manifest half of the public listener."""

    def __init__(self, cache: Cache[Manifest], refused: Callable[[str, str], None]) -> None:
        """`refused(mount, reason)` is told of every manifest that a signed mount would not serve."""
        self._cache = cache
        self._refused = refused

    async def answer(self, viewing: Viewing, exchange: Exchange, now: float) -> Reply:
        """The reply.

        Raises `MissingError`, `StoreError`, on an open mount `TooLargeError` and on a signed one `Malformed`.
        """
        try:
            hit = await self._look_up(viewing)
            manifest = hit.entry.value
            exchange.cache = hit.outcome
            if viewing.mount.upstream is not None and (ahead := viewing.mount.upstream.prefetcher) is not None:
                ahead.served(viewing.target.path, manifest.body)
            await _understood(viewing, manifest)
            onward = _onward(viewing, manifest, now)
            exchange.session_id, exchange.kind = onward.session_id, manifest.kind
            if onward.redirect is not None:
                return onward.redirect
            rendering, token = await _render(viewing, manifest, onward)
        except (Malformed, TooLargeError) as error:
            if viewing.mount.protection is None:
                raise
            refused = error if isinstance(error, Malformed) else Malformed("manifest_too_large")
            self._refused(viewing.mount.label, refused.reason)
            raise refused from None
        body = rendering.body(token)
        accepted = viewing.inbound.field("Accept-Encoding")
        coding = coding_of(viewing.mount, accepted, len(body), is_shared=rendering.is_shared)
        # What holds one viewer's token is for that viewer, whoever pulls it.
        has_token = bool(onward.cookies) or not rendering.is_shared
        audience = Audience.VIEWER if has_token else viewing.admission.audience
        representation = Representation(
            source=body if coding is None else await rendering.coded(body, coding),
            content_type=viewing.target.content_type,
            etag=rendering.etag(token).for_coding(coding),
            modified=manifest.modified,
            headers=(*manifest_headers(viewing.mount, audience, hit, coding), *onward.cookies),
        )
        conditions = Conditions.from_fields(viewing.inbound.facts.headers)
        return represent(viewing.inbound.method, conditions, representation, now, boundary_for(conditions))

    async def _look_up(self, viewing: Viewing) -> Hit[Manifest]:
        mount, target = viewing.mount, viewing.target
        has_uses = mount.upstream is not None and mount.upstream.open_manifest is not None
        directives = delivery_directives(viewing.admission.query) if has_uses else ""
        return await self._cache.get(manifest_key(mount, target, directives), loading(mount, target, directives))


def manifest_key(mount: Mount, target: Target, directives: str) -> CacheKey:
    """What a manifest is found under; `directives` are those of delivery that its upstream has uses for."""
    return CacheKey("manifest", f"{mount.name.prefix}/{target.path}", directives)


def loading(mount: Mount, target: Target, directives: str) -> Load[Manifest]:
    """How the cache reads that manifest, and compiles it unless it is the one that it has."""

    async def load(previous: Entry[Manifest] | None) -> Loaded[Manifest]:
        return await _load(mount, target, directives, previous)

    return load


async def _load(mount: Mount, target: Target, directives: str, previous: Entry[Manifest] | None) -> Loaded[Manifest]:
    """Read and compile, unless the store still has the version that `previous` was made of."""
    lifetime = Lifetime(
        fresh=mount.policy.recheck / 2,
        stale_while_revalidate=mount.policy.recheck / 2,
        stale_if_error=STALE_IF_ERROR,
    )
    as_asked = None if mount.upstream is None or not directives else mount.upstream.open_manifest
    content = await (mount.source.open(target.path) if as_asked is None else as_asked(target.path, directives))
    if content is None:
        raise MissingError
    try:
        info = content.info
        if previous is not None and previous.value.version == info.version:
            return Loaded(previous.value, lifetime, changed=False)
        if info.size > MAX_MANIFEST_BYTES:
            raise TooLargeError
        body = await content.read(ByteSpan(0, info.size))
    finally:
        content.release()
    manifest = Manifest(body, info.modified, info.version, target.kind)
    compiled = await manifest.compiled()
    if isinstance(compiled, Malformed):
        _log.warning("%s/%s is %s", mount.label, target.path, compiled)
    return Loaded(manifest, lifetime)


async def _understood(viewing: Viewing, manifest: Manifest) -> None:
    """Compile it, and on a signed mount raise the `Malformed` that it is."""
    compiled = await manifest.compiled()
    if isinstance(compiled, Malformed) and viewing.mount.protection is not None:
        raise Malformed(compiled.reason, compiled.detail)


def _onward(viewing: Viewing, manifest: Manifest, now: float) -> Onward:
    is_kept = is_kept_by_players(manifest)
    return hand_on(viewing.mount, viewing.target, viewing.admission, now, is_kept=is_kept)


def is_kept_by_players(manifest: Manifest) -> bool:
    """Whether it is loaded once, or what it names is kept."""
    return manifest.kind is Kind.MULTIVARIANT or manifest.live_target_duration is None


async def _render(viewing: Viewing, manifest: Manifest, onward: Onward) -> tuple[Rendering, bytes]:
    """The rendering, and the token that goes into it (empty where all viewers share it)."""
    compiled = await manifest.compiled()
    protection = viewing.mount.protection
    if protection is None or isinstance(compiled, Malformed):
        return await manifest.rendering(Carry.NOTHING, lambda: Spliced((manifest.body,))), b""
    facts, carry, name = viewing.inbound.facts, onward.carry, onward.name or protection.token_name

    def make() -> Spliced:
        try:
            return splice(compiled, carry, _place(viewing, name), annex_i=protection.annex_i)
        except Malformed as malformed:
            _log.warning("%s/%s cannot be rendered: %s", viewing.mount.label, viewing.target.path, malformed)
            raise

    key = rendering_key(viewing.mount, onward, viewing.admission.path, facts.scheme, facts.authority)
    rendering = await manifest.rendering(key, make)
    if rendering.is_shared:
        return rendering, b""
    if onward.token is None:
        raise Malformed("reference_unprotectable", "a URI needs a token, and the pull has none")
    return rendering, as_written(onward.token)


def rendering_key(mount: Mount, onward: Onward, path: str, scheme: str, authority: str) -> Hashable:
    """What a manifest's rendering depends on beside the manifest."""
    if mount.protection is None:
        return Carry.NOTHING
    return (onward.carry, onward.name or mount.protection.token_name, path, scheme, authority)


def as_written(token: Token) -> bytes:
    """A token as it stands in the URIs of a manifest."""
    return quote(token.reveal(), safe="").encode()


def _place(viewing: Viewing, token_name: str) -> Place:
    """Absolute URIs are ours when they name a configured host, or the one that this request was made to.

    A manifest that came by https sends no token by http.
    """
    facts = viewing.inbound.facts
    schemes = ("https",) if facts.scheme == "https" else ("http", "https")
    hosts = viewing.mount.own_hosts or {facts.authority} - {""}
    return Place(
        mount=viewing.mount.name,
        mounts=viewing.mounts,
        path=viewing.admission.path,
        own_origins=frozenset(origin_of(scheme, host) for scheme in schemes for host in hosts),
        token_name=token_name,
    )


def coding_of(mount: Mount, accepted: str | None, length: int, *, is_shared: bool) -> str | None:
    """The content coding for `length` bytes and this Accept-Encoding; None is identity."""
    if not mount.compress or length < WORTH_IT:
        return None
    return choose_coding(accepted, PREFERENCE if is_shared else PREFERENCE_QUICK)


def manifest_headers(mount: Mount, audience: Audience, hit: Hit[Manifest], coding: str | None) -> tuple[Header, ...]:
    """The fields of a manifest that is for `audience`, in this content coding."""
    manifest = hit.entry.value
    lifetime = lifetime_headers(manifest.kind, audience, mount.policy, manifest.live_target_duration)
    coded: tuple[Header, ...] = () if coding is None else (("Content-Encoding", coding),)
    vary: tuple[Header, ...] = (("Vary", "Accept-Encoding"),) if mount.compress else ()
    return (
        *lifetime,
        *coded,
        *vary,
        cache_status(status_of(hit.outcome, hit.entry.lifetime.fresh - hit.age_seconds)),
        age(hit.age_seconds),
    )
