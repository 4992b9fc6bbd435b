"""The public listener's one handler: find the mount, admit, name the target, answer, send, observe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from random import getrandbits

from aiohttp import web

from auth import Denied
from auth.dialects.uri_signing import NAME as URI_SIGNING
from auth.uri_signing_codes import code_of
from origin.edge.admission import Admission, admit_with_new_keys
from origin.edge.content_keys import LICENCE_METHODS, MAX_REQUEST_BYTES, answer_keys, asks_for_keys, asks_for_licences
from origin.edge.dressing import dressed, finished
from origin.edge.edge_identity import EdgeIdentity
from origin.edge.edge_proof import prove
from origin.edge.lifetimes import MANIFESTS, Audience, not_found_headers
from origin.edge.manifests import Manifests, MissingError, TooLargeError, Viewing
from origin.edge.mount import Mount
from origin.edge.objects import answer_object
from origin.edge.pages import Pages, answer_page
from origin.edge.playback import METHODS as PLAYBACK_METHODS
from origin.edge.playback import PREFIX as PLAYBACK_PREFIX
from origin.edge.playback import Playback
from origin.edge.pulled import answer_pulled
from origin.edge.purge_door import PurgeDoor
from origin.edge.purge_method import METHOD as PURGE
from origin.edge.remembered import recall
from origin.edge.renewals import renewal_fields
from origin.edge.sessions import SessionUnsigned, renewed_cookie
from origin.http.cors import preflight
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Header, Reply
from origin.ledger.ledger import Ledger
from origin.media.kinds import Kind
from origin.media.target import MountName, Refusal, Refused, Target, find_mount, parse_target
from origin.serving.exchange import Exchange
from origin.serving.faults import reply_to
from origin.serving.inbound import Inbound, Received, with_body
from origin.serving.observe import Observer
from origin.serving.send import Delivery, send
from origin.storage.store import StoreError

_log = logging.getLogger(__name__)

_SUCCESS = range(200, 300)
METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PLAYBACK, _PLAYBACK_METHODS = f"{PLAYBACK_PREFIX}/", frozenset(PLAYBACK_METHODS)
_LICENCE_METHODS = frozenset(LICENCE_METHODS)
# Paths remembered, and how long one of them may be: a token in a path makes it long, and never asked for again.
_PATHS_KEPT = 4096
_KEPT_AT_MOST = 256

# How long the body of a licence request may take.
_BODY_SECONDS = 5.0

ReadRequest = Callable[[Received, frozenset[str], int], Inbound]  # methods, bytes that a body may have
TokenDecision = Callable[[str, str, str], None]  # mount, dialect, reason ("ok" when granted)


@dataclass(frozen=True, slots=True)
class Doors:
    """What the listener answers beside its mounts' objects."""

    playback: Playback | None = None
    purging: PurgeDoor | None = None


class PublicHandler:
    """An aiohttp low-level handler over finished mounts."""

    def __init__(
        self,
        mounts: Sequence[Mount],
        manifests: Manifests,
        pages: Pages,
        read: ReadRequest,
        observer: Observer,
        decided: TokenDecision,
        ledger: Ledger,
        doors: Doors | None = None,
    ) -> None:
        """`decided(mount, dialect, reason)` is told of every decision about a token."""
        self._mounts = {mount.name.prefix: mount for mount in mounts}
        self._names: tuple[MountName, ...] = tuple(mount.name for mount in mounts)
        # A path is asked for by many viewers, and what it names never changes while the process runs.
        self._mount_of = lru_cache(_PATHS_KEPT)(partial(find_mount, mounts=self._names))
        self._target_of = lru_cache(_PATHS_KEPT)(partial(parse_target, mounts=self._names))
        self._manifests = manifests
        self._pages = pages
        self._read_request = read
        self._observer = observer
        self._decided = decided
        self._playback = None if doors is None else doors.playback
        self._purging = None if doors is None else doors.purging
        self._ledger = ledger
        self._has_licences = any(mount.content_keys is not None for mount in mounts)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        exchange = Exchange(f"{getrandbits(64):016x}")
        delivery: Delivery | None = None
        self._observer.began()
        try:
            reply = await self._reply(request, exchange)
            try:
                delivery = await send(request, reply)
            except StoreError as error:
                failed = self._dressed(self._fault(error, exchange), exchange)
                delivery = await send(request, self._finished(failed, exchange))
        finally:
            self._observer.finished(request, exchange, delivery)
        return delivery.response

    async def _reply(self, request: web.BaseRequest, exchange: Exchange) -> Reply:
        methods = METHODS
        try:
            methods, max_body = self._expected(request)
            exchange.inbound = inbound = self._read_request(request, methods, max_body)
            if max_body and inbound.method not in METHODS:
                exchange.inbound = inbound = await with_body(request, inbound, _BODY_SECONDS)
            reply = await self._route(inbound, exchange)
        except Exception as error:  # the table decides; a defect is logged and told apart
            reply = self._fault(error, exchange, methods)
        return self._finished(reply, exchange)

    def _expected(self, request: web.BaseRequest) -> tuple[frozenset[str], int]:
        """The methods that this path knows, and how many bytes the body of an unsafe request may have."""
        if self._playback is not None and request.path.startswith(_PLAYBACK):
            return _PLAYBACK_METHODS, 0
        if self._purging is not None and request.method == PURGE:
            return METHODS | {PURGE}, 0
        if request.method in METHODS and not self._has_licences:
            return METHODS, 0
        path = request.rel_url.raw_path
        name = self._mount_named(path)
        if name is None:
            return METHODS, 0
        mount = self._mounts[name.prefix]
        if self._has_licences and asks_for_licences(mount, path):
            return _LICENCE_METHODS, MAX_REQUEST_BYTES
        upstream = mount.upstream
        return (METHODS, 0) if upstream is None else (METHODS | upstream.methods, upstream.max_body)

    def has_door(self, path: str) -> bool:
        """Whether something else than a mount answers at `path`."""
        is_playback = self._playback is not None and path.startswith(_PLAYBACK)
        return is_playback or self._pages.get(path) is not None

    def _mount_named(self, path: str) -> MountName | None:
        return self._mount_of(path) if len(path) <= _KEPT_AT_MOST else find_mount(path, self._names)

    def _finished(self, reply: Reply, exchange: Exchange) -> Reply:
        return finished(reply, (time.perf_counter() - exchange.started_at) * 1000, exchange.request_id)

    async def _route(self, inbound: Inbound, exchange: Exchange) -> Reply:
        now = time.time()
        page = self._pages.get(inbound.facts.path)
        if page is not None:
            return answer_page(page, inbound, now)
        path = inbound.facts.path
        if self._playback is not None and path.startswith(_PLAYBACK):
            reply, exchange.reason = self._playback.answer(inbound, now)
            return reply
        if self._purging is not None and inbound.method == PURGE:
            return await self._purging.answer(inbound)
        name = self._mount_named(path)
        if name is None:
            raise Refused(Refusal.NOT_FOUND, "no mount has this prefix")
        mount = self._mounts[name.prefix]
        exchange.mount = mount.label
        if inbound.method == "OPTIONS":
            is_licence = asks_for_licences(mount, path)
            cors = replace(mount.cors, methods=LICENCE_METHODS) if is_licence else mount.cors
            return preflight(cors, inbound.field("Origin"))
        try:
            reply = await self._below(mount, inbound, exchange, now)
        except Exception as error:  # as above; here the mount's CORS fields go with it
            reply = self._fault(error, exchange).with_headers(*_challenge(mount, error))
        return self._dressed(reply, exchange)

    def _dressed(self, reply: Reply, exchange: Exchange) -> Reply:
        """The reply with what every answer below its mount carries, refusals and failures too."""
        mount, inbound = self._mounts.get(exchange.mount), exchange.inbound
        return reply if mount is None or inbound is None else dressed(reply, mount, inbound.field("Origin"))

    async def _below(self, mount: Mount, inbound: Inbound, exchange: Exchange, now: float) -> Reply:
        edge = await self._proven(mount, inbound, exchange, now)
        if edge is not None and edge.client is not None:
            exchange.inbound = inbound = inbound.asked_for(edge.client)
        admission = await self._admit(mount, inbound, exchange, now, edge)
        path = admission.path
        target = self._target_of(path) if len(path) <= _KEPT_AT_MOST else parse_target(path, self._names)
        if target.mount != mount.name.prefix:
            # Without its token the path would belong to another mount, with rules of its own.
            raise Refused(Refusal.NOT_FOUND, "no mount has this prefix")
        is_key = asks_for_keys(mount, target, inbound)
        exchange.kind = Kind.KEY if is_key else target.kind
        await self._recall(mount, admission, target.asset, exchange)
        if is_key:
            reply, exchange.reason = answer_keys(mount, target, inbound)
            reply = _with_cookie(reply, mount, target, admission, now)
        elif target.kind in MANIFESTS and not mount.is_transparent:
            reply = await self._manifest(Viewing(mount, self._names, target, admission, inbound), exchange, now)
        else:
            reply = await _object(mount, target, admission, exchange, now)
            reply = _with_cookie(reply, mount, target, admission, now)
        if reply is None:
            return _not_there(admission.audience, exchange)
        return _with_renewal(reply, renewal_fields(mount, admission, inbound, now))

    async def _proven(self, mount: Mount, inbound: Inbound, exchange: Exchange, now: float) -> EdgeIdentity | None:
        """The mount's edge, if it is who asks. Once per request: a nonce is used up by it."""
        protection = mount.protection
        if protection is None or protection.proof is None:
            return None
        first_use, told = partial(self._ledger.first_use, mount.label), partial(self._observer.proved, mount.label)
        edge = await prove(protection.proof, inbound, protection.rings(), now, first_use, told)
        exchange.edge = "" if edge is None else edge.name
        return edge

    async def _admit(
        self, mount: Mount, inbound: Inbound, exchange: Exchange, now: float, edge: EdgeIdentity | None
    ) -> Admission:
        try:
            admission = await admit_with_new_keys(mount, inbound, now, edge)
        except Denied as denied:
            self._decided(mount.label, "", denied.reason.value)
            _note_dialect(exchange, denied.dialect, denied)
            raise
        if admission.grant is not None:
            claims = admission.grant.claims
            exchange.token_id = claims.token_id or ""
            _note_dialect(exchange, claims.dialect, None)
            exchange.session_id = claims.session_id or ""
        return admission

    async def _recall(self, mount: Mount, admission: Admission, asset: str, exchange: Exchange) -> None:
        """The last word on the token, after which its use counts; everything else about the request is good."""
        try:
            await recall(self._ledger, mount, admission, asset)
        except Denied as denied:
            self._decided(mount.label, exchange.dialect, denied.reason.value)
            _note_dialect(exchange, exchange.dialect, denied)
            raise
        if admission.grant is not None:
            self._decided(mount.label, exchange.dialect, "ok")

    async def _manifest(self, viewing: Viewing, exchange: Exchange, now: float) -> Reply | None:
        try:
            return await self._manifests.answer(viewing, exchange, now)
        except MissingError:
            return None
        except TooLargeError:
            return await _object(viewing.mount, viewing.target, viewing.admission, exchange, now)

    def _fault(self, error: Exception, exchange: Exchange, methods: frozenset[str] = METHODS) -> Reply:
        known = reply_to(error, methods)
        if known is not None:
            reply, exchange.reason = known
            return reply
        if isinstance(error, SessionUnsigned):
            exchange.reason = "session_unsigned"
            _log.error("no session can begin or go on at %s: %s", exchange.mount, error)
            return problem_reply(Problem(503, exchange.reason, detail="The gateway cannot sign sessions here."))
        exchange.reason = "internal_error"
        _log.error("request %s failed", exchange.request_id, exc_info=error)
        return problem_reply(Problem(500, "internal_error"))


async def _object(mount: Mount, target: Target, admission: Admission, exchange: Exchange, now: float) -> Reply | None:
    """The reply from the mount's store or from behind its shield; None when there is no such object."""
    inbound = exchange.inbound
    if inbound is None:
        raise RuntimeError("an exchange is answered after it was read")
    if mount.upstream is None:
        return await answer_object(mount, target, admission, inbound, now)
    answered = await answer_pulled(mount, mount.upstream, target, admission, inbound, now)
    exchange.cache = answered.outcome
    return answered.reply


def _with_cookie(reply: Reply | None, mount: Mount, target: Target, admission: Admission, now: float) -> Reply | None:
    return None if reply is None else reply.with_headers(*renewed_cookie(mount, target, admission, now))


def _note_dialect(exchange: Exchange, dialect: str, refusal: Denied | None) -> None:
    """For the log: whose token was judged, and what came of it where the format has codes for that."""
    exchange.dialect = dialect
    if dialect == URI_SIGNING:
        exchange.uri_signing = code_of(refusal)


def _challenge(mount: Mount, error: Exception) -> tuple[Header, ...]:
    """How an edge could have proven itself, where that would have been enough."""
    proof = None if mount.protection is None else mount.protection.proof
    return proof.challenge(error) if proof is not None and isinstance(error, Denied) else ()


def _with_renewal(reply: Reply, fields: tuple[Header, ...]) -> Reply:
    """A token is renewed by what succeeds (RFC 9246 §3), and no answer sets two cookies for it."""
    has_cookie = any(name == "Set-Cookie" for name, _ in reply.headers)
    return reply.with_headers(*fields) if reply.status in _SUCCESS and not has_cookie else reply


def _not_there(audience: Audience, exchange: Exchange) -> Reply:
    exchange.reason = Refusal.NOT_FOUND.value
    return problem_reply(Problem(404, Refusal.NOT_FOUND.value), *not_found_headers(audience))
