"""An HTTP origin, or several with the same content, as an upstream: pulled from over aiohttp's connection pool.

The host comes from configuration alone. Nothing is decoded, followed, remembered or added but what is said here.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from multidict import CIMultiDict
from yarl import URL

from auth.errors import Misuse
from auth.request import Request
from origin.http.fields import Fields, without
from origin.upstream.addresses import CheckedResolver, Reachable
from origin.upstream.connections import Attempt, CheckedConnector, attempt_here
from origin.upstream.health import Health, Turn
from origin.upstream.http_config import MAX_REQUEST_BYTES, Base, HttpOriginConfig, parse_base
from origin.upstream.incoming import Bounds, HttpIncoming, translated
from origin.upstream.origin_server import Incoming, Outgoing, Trouble, UpstreamError
from origin.upstream.outgoing import FOR_ONE_ORIGIN, check_request, prepared, signed
from origin.upstream.redirects import followed
from origin.upstream.target import check_target

SAFE = frozenset({"GET", "HEAD"})

_SICK = frozenset({502, 503, 504})
# Another base may do better, and it counts against this one.
_ELSEWHERE = frozenset({Trouble.UNREACHABLE, Trouble.TIMED_OUT, Trouble.MALFORMED, Trouble.FORBIDDEN_ADDRESS})
_STALE_CONNECTIONS = 3  # closed by the other side as we began to use them
_LONGEST_PAUSE = 5.0  # seconds between two attempts
_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to one base, redirects included."""

    label: str  # the base's
    trouble: Trouble | None
    status: int | None
    seconds: float  # until there was a header block, or none


class HttpOrigin:
    """An `OriginServer` of HTTP/1.1."""

    def __init__(
        self,
        config: HttpOriginConfig,
        *,
        observe: Callable[[Asked], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        make_resolver: Callable[[], AbstractResolver] = ThreadedResolver,
    ) -> None:
        """Reads certificates. `observe` hears of each base that is asked; `now` gives Unix seconds."""
        self._config = config
        self._bases = config.parsed_bases()
        self._redirects = frozenset(parse_base(each).origin for each in config.redirect_origins)
        self._health = Health(len(self._bases), config.health)
        self._observe = observe
        self._clock = clock
        self._now = now
        self._make_resolver = make_resolver
        self._tls = config.tls() if self._speaks_tls() else None
        self._bounds = Bounds(config.max_header_bytes, config.max_response_bytes, config.idle_seconds)
        self._places = asyncio.Semaphore(config.max_connections)
        self._session: aiohttp.ClientSession | None = None
        self._resolver: CheckedResolver | None = None
        self._is_closed = False

    def out(self) -> dict[str, bool]:
        """For each base, by its label, whether it is out of health."""
        return {self._config.label(index): is_out for index, is_out in enumerate(self._health.out())}

    async def fetch(self, request: Outgoing) -> Incoming:
        """See `OriginServer`. GET and HEAD go to the next base, and are tried again, while there is no answer."""
        self._check(request)
        fields = prepared(request, self._config.additions)
        await self._take_place()
        try:
            incoming = await self._fetch(replace(request, fields=fields))
        except BaseException:
            self._places.release()
            raise
        incoming.when_done(self._places.release)
        return incoming

    async def probe(self) -> None:
        """Ask each base for its root until one answers, whatever it says."""
        if self._is_closed:
            raise UpstreamError(Trouble.UNREACHABLE, "closed")
        request = Outgoing("HEAD", "/")
        request = replace(request, fields=prepared(request, self._config.additions))
        failure = UpstreamError(Trouble.UNREACHABLE)
        for base in self._bases:
            try:
                incoming = await self._ask(base, request, self._config.host)
            except UpstreamError as error:
                failure = error
            else:
                await incoming.close()
                return
        raise failure

    async def close(self) -> None:
        """Drop all connections, those in use too."""
        self._is_closed = True
        session, self._session = self._session, None
        resolver, self._resolver = self._resolver, None
        if session is not None:
            await session.close()
        if resolver is not None:
            await resolver.close()

    def _check(self, request: Outgoing) -> None:
        if self._is_closed:
            raise UpstreamError(Trouble.UNREACHABLE, "closed")
        check_target(request.target)
        check_request(request)
        if len(request.body) > MAX_REQUEST_BYTES:
            raise UpstreamError(Trouble.TOO_LARGE, f"a request of more than {MAX_REQUEST_BYTES} bytes")

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(self._config.connect_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise UpstreamError(Trouble.BUSY, f"{self._config.max_connections} requests are under way") from None

    async def _fetch(self, request: Outgoing) -> HttpIncoming:
        """The answer to a request whose fields are ready; rounds over the bases, with pauses between them."""
        rounds = 1 + (self._config.retries if request.method in SAFE else 0)
        pause = self._config.retry_seconds
        for left in reversed(range(rounds)):
            try:
                return await self._round(request)
            except UpstreamError as error:
                if not left or error.trouble not in _ELSEWHERE or self._is_closed:
                    raise
            await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311  # spreads, hides nothing
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise AssertionError("the last round returns or raises")

    async def _round(self, request: Outgoing) -> HttpIncoming:
        """The answer of the first base that gives a good one, or what the last one gave."""
        may_move = request.method in SAFE
        tried: set[int] = set()
        turn = self._health.pick(self._clock(), tried, may_probe=may_move)
        while turn is not None:
            tried.add(turn.index)
            outcome = await self._take(turn, request)
            is_good = isinstance(outcome, HttpIncoming) and outcome.status not in _SICK
            is_final = isinstance(outcome, UpstreamError) and outcome.trouble not in _ELSEWHERE
            after = self._health.pick(self._clock(), tried) if may_move and not is_good and not is_final else None
            if after is None:
                return _given(outcome)
            if isinstance(outcome, HttpIncoming):
                await outcome.close()
            turn = after
        raise AssertionError("some base is always asked")

    async def _take(self, turn: Turn, request: Outgoing) -> HttpIncoming | UpstreamError:
        """Ask one base and keep account of its health."""
        began = self._clock()
        outcome: HttpIncoming | UpstreamError
        try:
            outcome = await self._follow(self._bases[turn.index], request)
        except UpstreamError as error:
            outcome = error
        except BaseException:
            self._health.abandoned(turn)
            raise
        trouble = outcome.trouble if isinstance(outcome, UpstreamError) else None
        status = outcome.status if isinstance(outcome, HttpIncoming) else None
        if trouble in _ELSEWHERE or status in _SICK:
            self._health.failed(turn, self._clock(), random.random())  # noqa: S311
        else:
            self._health.succeeded(turn)
        if self._observe is not None:
            self._observe(Asked(self._config.label(turn.index), trouble, status, self._clock() - began))
        return outcome

    async def _follow(self, base: Base, request: Outgoing) -> HttpIncoming:
        """The answer at the end of the redirects that are followed."""
        here, host = base, self._config.host
        follows = self._config.max_redirects if request.method in SAFE else 0
        incoming = await self._ask_again(here, request, host)
        for left in reversed(range(follows)):
            place = await self._next_place(incoming, here, request.target)
            if place is None:
                return incoming
            await incoming.close()
            there, target = place
            if there.origin != here.origin:
                request, host = replace(request, fields=self._for_another(request.fields)), None
            here, request = there, replace(request, target=target)
            incoming = await self._ask_again(here, request, host)
            if not left and await self._next_place(incoming, here, target) is not None:
                await incoming.close()
                raise UpstreamError(Trouble.BAD_REDIRECT, f"more than {follows}")
        return incoming

    async def _next_place(self, incoming: HttpIncoming, base: Base, target: str) -> tuple[Base, str] | None:
        try:
            return followed(incoming.status, incoming.fields, base, target, self._redirects)
        except UpstreamError:
            await incoming.close()
            raise

    def _for_another(self, fields: Fields) -> Fields:
        """What may be told to another origin than the one that was meant."""
        return without(fields, FOR_ONE_ORIGIN | {name.lower() for name, _ in self._config.additions.fields})

    async def _ask_again(self, base: Base, request: Outgoing, host: str | None) -> HttpIncoming:
        """Ask; and again where the connection had been used before and was about to be closed (RFC 9112 §9.3.1)."""
        attempt = Attempt()
        for _ in range(_STALE_CONNECTIONS):
            try:
                return await self._ask(base, request, host, attempt)
            except UpstreamError as error:
                is_stale = attempt.is_reused and error.trouble is Trouble.UNREACHABLE
                if not is_stale or request.method not in SAFE:
                    raise
            attempt = Attempt()
        return await self._ask(base, request, host)

    async def _ask(
        self, base: Base, request: Outgoing, host: str | None, attempt: Attempt | None = None
    ) -> HttpIncoming:
        """One request on one connection. A response that is not to be believed is an error."""
        attempt = attempt or Attempt()
        url = f"{base.origin}{base.path}{request.target}"
        fields = self._signed(base, request, host)
        session = self._opened()
        try:
            with_host = fields if host is None else (("Host", host), *fields)
            async with asyncio.timeout(self._config.header_seconds), _noted(attempt):
                response = await session.request(
                    request.method,
                    URL(url, encoded=True),
                    headers=CIMultiDict(_spelled_alike(with_host)),
                    data=request.body or None,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, UpstreamError, OSError, ValueError) as error:
            raise translated(error) from None
        incoming = HttpIncoming(response, attempt, self._bounds, request)
        try:
            incoming.check()
        except UpstreamError:
            await incoming.close()
            raise
        return incoming

    def _signed(self, base: Base, request: Outgoing, host: str | None) -> Fields:
        signing = self._config.additions.signing
        if signing is None or base.origin not in {each.origin for each in self._bases}:
            return request.fields
        path, _, query = f"{base.path}{request.target}".partition("?")
        headers = tuple((name.lower(), value) for name, value in request.fields)
        what = Request(request.method, base.scheme, host or base.authority, path, query, headers)
        try:
            return signed(request.fields, what, signing, self._now(), secrets.token_urlsafe(16))
        except Misuse:
            raise UpstreamError(Trouble.BAD_TARGET, "a request that cannot be signed") from None

    def _speaks_tls(self) -> bool:
        redirects = map(parse_base, self._config.redirect_origins)
        return any(each.scheme == "https" for each in (*self._bases, *redirects))

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made on the loop that is running when it is first needed."""
        if self._is_closed:
            raise UpstreamError(Trouble.UNREACHABLE, "closed")
        if self._session is None:
            config = self._config
            rule = Reachable(config.private_networks)
            self._resolver = CheckedResolver(rule, self._make_resolver)
            tls = True if self._tls is None else self._tls
            self._session = aiohttp.ClientSession(
                connector=CheckedConnector(rule, self._resolver, tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_ADDED_BY_AIOHTTP,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=config.connect_seconds, sock_read=config.first_byte_seconds
                ),
                trust_env=False,
                auto_decompress=False,
                middlewares=(_only_once,),
                max_line_size=config.max_header_bytes,
                max_field_size=config.max_header_bytes,
                max_headers=config.max_fields,
            )
        return self._session


def _given(outcome: HttpIncoming | UpstreamError) -> HttpIncoming:
    if isinstance(outcome, UpstreamError):
        raise outcome
    return outcome


def _spelled_alike(fields: Fields) -> Fields:
    """The fields, with a repeated one spelled as the first: aiohttp drops those that stand before another spelling."""
    first: dict[str, str] = {}
    return tuple((first.setdefault(name.lower(), name), value) for name, value in fields)


@asynccontextmanager
async def _noted(attempt: Attempt) -> AsyncIterator[None]:
    """What the connector learns about the connection goes into `attempt`."""
    token = attempt_here.set(attempt)
    try:
        yield
    finally:
        attempt_here.reset(token)


async def _only_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request a second time by itself: it would do so with PUT and DELETE as well."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectionError as error:
        raise translated(error) from None
