"""A line to Redis that never costs more than its budget and never raises: the only place that speaks Redis.

Redis may be one server, the master that Sentinels watch, or a cluster: what is promised is the same. What is made of an
answer, and whether a Redis that fails is asked again, is decided by those who use it.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from redis.asyncio import ConnectionPool, Redis, RedisCluster, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ClusterError, RedisClusterException, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from cache.errors import BadRedisUrl
from cache.outcome import Result
from cache.redis_url import RedisAddress, RedisTls, Topology, parse_redis_url

Word = str | bytes | int


@dataclass(frozen=True)
class Script:
    """What Redis does in one step, in Lua."""

    text: str

    @cached_property
    def digest(self) -> str:
        """The name that Redis gives it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class RedisLink:
    """Connections to one Redis, however many servers that is."""

    def __init__(
        self, url: str, *, connections: int = 32, budget_seconds: float = 0.25, tls: RedisTls | None = None
    ) -> None:
        """`url` as in `cache.redis_url`; it may hold passwords, which stay in here. At most `connections` questions are
        asked at once; the others wait. `tls` holds where the URL says nothing.

        Opens no connection yet. Raises `BadRedisUrl` when the URL makes no sense or TLS's files cannot be used.
        """
        self._address = parse_redis_url(url, tls)
        self._budget = budget_seconds
        self._turns = asyncio.Semaphore(connections)
        self._client = _client(self._address, budget_seconds)
        self._listening: PubSub | None = None

    def __repr__(self) -> str:
        return f"RedisLink({self.where})"

    @property
    def where(self) -> str:
        """The socket's path, or hosts and ports: all of the URL that may be shown."""
        return self._address.where

    async def ask(self, *words: Word) -> tuple[Result, object]:
        """One command within the budget: DONE and the answer, or what went wrong and None.

        The budget covers all of it: waiting for a connection, opening one, asking, reading. In a cluster the keys of
        one command share a slot, and a command without keys is for whichever node.
        """
        try:
            async with asyncio.timeout(self._budget), self._turns:
                return Result.DONE, await self._client.execute(*words)
        # Any exception: what listens there may not be a Redis at all, and nonsense surfaces from the client
        # in many shapes. Its text is not passed on, so that no part of the URL is.
        except Exception as error:
            return _result(error), None

    async def run(self, script: Script, keys: Sequence[str], *words: Word) -> tuple[Result, object]:
        """Run a script as `ask` does; its text is sent only to a Redis that does not know it. Its keys share a slot."""
        result, answer = await self.ask("EVALSHA", script.digest, len(keys), *keys, *words)
        if result is Result.REFUSED:  # "no such script" is one of the reasons, and the others cost one question more
            return await self.ask("EVAL", script.text, len(keys), *keys, *words)
        return result, answer

    async def hear(
        self, channel: str, heard: Callable[[bytes], None], began: Callable[[], None], idle_seconds: float
    ) -> None:
        """Pass on what is published on the channel until the line is lost, and return then. Never raises.

        `began` is called when everything that is published from then on is heard; once more when the line was lost
        and mended unseen. A silent line is tried every `idle_seconds` and lost when no answer comes within the budget.
        Any number of calls at once, with a connection each; neither function raises.
        """
        listening = self._client.subscriber()
        try:
            with suppress(Exception):  # as above
                async with asyncio.timeout(self._budget):
                    await listening.subscribe(channel)
                await self._pass_on(listening, heard, began, idle_seconds)
        finally:
            with suppress(Exception):
                async with asyncio.timeout(self._budget):
                    await listening.aclose()  # type: ignore[no-untyped-call]

    async def _pass_on(
        self, listening: PubSub, heard: Callable[[bytes], None], began: Callable[[], None], idle_seconds: float
    ) -> None:
        is_answer_due = True  # to the subscription first, then to each ping
        while True:
            message = await listening.get_message(timeout=self._budget if is_answer_due else idle_seconds)
            match message:
                case {"type": "message", "data": bytes() as data}:
                    heard(data)
                case {"type": "subscribe"}:
                    began()
                case None if is_answer_due:
                    return
                case None:
                    async with asyncio.timeout(self._budget):
                        await listening.ping()
            is_answer_due = message is None

    async def listen(self, channel: str, seconds: float) -> None:
        """Return soon after something is published on the channel, or after about `seconds`; now and then for nothing.

        What is published while nobody listens, before the first call or while Redis is away, is not heard of. One
        channel for each link, and one call at a time.
        """
        try:
            async with asyncio.timeout(seconds + 2 * self._budget):
                if self._listening is None:
                    self._listening = self._client.subscriber()
                    await self._listening.subscribe(channel)
                if await self._listening.get_message(True, timeout=seconds) is None:
                    await self._make_sure(self._listening)
        except Exception:  # as above
            await self._stop_listening()
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End every connection. Idempotent."""
        await self._stop_listening()
        with suppress(Exception):
            async with asyncio.timeout(self._budget):
                await self._client.close()

    async def _make_sure(self, listening: PubSub) -> None:
        """Raises when nobody is at the other end: a server that has died in silence looks like one without news."""
        await listening.ping()
        async with asyncio.timeout(self._budget):
            while await listening.get_message(True, timeout=self._budget) is None:
                pass

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._budget):
                    await listening.aclose()  # type: ignore[no-untyped-call]


def _result(error: Exception) -> Result:
    """What went wrong, in the words of those who asked."""
    if isinstance(error, RedisClusterException) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # no node has told it about the cluster, and this is why
    match error:
        case TimeoutError() | RedisTimeoutError():
            return Result.TIMED_OUT
        case AuthenticationError():
            return Result.DENIED
        case ClusterError():  # part of it is down, which one of its nodes has told
            return Result.FAILED
        case ResponseError():
            return Result.REFUSED
        case _:
            return Result.FAILED


def _client(address: RedisAddress, budget_seconds: float) -> _Server | _Cluster:
    opening = _Opening(address, budget_seconds, _tls_context(address.tls))
    match address.topology:
        case Topology.ALONE:
            return _Server(opening.pool(*(address.nodes or (("", 0),))[0]))
        case Topology.SENTINEL:
            return _Watched(opening)
        case Topology.CLUSTER:
            return _Cluster(opening)


class _Options(TypedDict):
    """What every connection is opened with."""

    max_connections: int
    username: str | None
    password: str | None
    db: int
    protocol: int
    socket_timeout: float | None
    socket_connect_timeout: float
    driver_info: None
    maint_notifications_config: MaintNotificationsConfig


@dataclass(frozen=True, slots=True)
class _Opening:
    """How connections are opened."""

    address: RedisAddress
    budget_seconds: float
    tls: ssl.SSLContext | None

    def pool(self, host: str, port: int, options: _Options | None = None) -> ConnectionPool:
        """Connections to one server of the address, or to its socket."""
        options = options or self.options()
        if self.address.path:
            return ConnectionPool(UnixDomainSocketConnection, path=self.address.path, **options)
        if self.tls is not None:
            return ConnectionPool(_TlsConnection, tls_context=self.tls, host=host, port=port, **options)
        return ConnectionPool(Connection, host=host, port=port, **options)

    def sentinel_pool(self, host: str, port: int) -> ConnectionPool:
        """Connections to one Sentinel. Its share of the budget leaves time to ask the others when it hangs."""
        patience = self.budget_seconds / (len(self.address.nodes) + 1)
        options = self.options(patience)
        options["username"], options["password"] = self.address.sentinel_username, self.address.sentinel_password
        options["db"] = 0
        return self.pool(host, port, options)

    def options(self, patience: float | None = None) -> _Options:
        """What connections to data are opened with. Without `patience` the budget bounds a wait, as it bounds all."""
        return {
            "max_connections": 2**31 - 1,
            "username": self.address.username,
            "password": self.address.password,
            "db": self.address.db,
            "protocol": self.address.protocol,
            "socket_timeout": patience,
            "socket_connect_timeout": patience or self.budget_seconds,
            "driver_info": None,
            # With it on, the pool no longer notices connections that died while they were idle.
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        }


class _Server:
    """One server. Raises whatever the library does; does not limit its connections: who asks waits for a turn."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._redis = Redis.from_pool(pool)  # closing the client closes the pool

    async def execute(self, *words: Word) -> object:
        """The answer to one command."""
        return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]

    def subscriber(self) -> PubSub:
        """A subscriber without subscriptions, with a connection of its own."""
        return self._redis.pubsub()

    async def close(self) -> None:
        """End all connections."""
        await self._redis.aclose()


class _Watched(_Server):
    """Whichever server the Sentinels call the master when a connection is opened."""

    def __init__(self, opening: _Opening) -> None:
        self._sentinel = Sentinel([])  # type: ignore[no-untyped-call]
        self._sentinel.sentinels = [Redis.from_pool(opening.sentinel_pool(*node)) for node in opening.address.nodes]
        secured = {"connection_class": _SentinelTlsConnection, "tls_context": opening.tls}
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            opening.address.master, self._sentinel, **opening.options(), **(secured if opening.tls else {})
        )
        super().__init__(pool)

    async def close(self) -> None:
        """See `_Server`."""
        await super().close()
        await self._sentinel.aclose()


class _Cluster:
    """A cluster. Its client learns who has which keys, and asks again when that turns out to be wrong."""

    def __init__(self, opening: _Opening) -> None:
        self._opening = opening
        self._cluster = self._new()
        self._subscribers = 0

    async def execute(self, *words: Word) -> object:
        """See `_Server`."""
        cluster = self._cluster
        try:
            if cluster.get_default_node() is None:  # it knows no node yet, and would send the command to any
                await cluster.initialize()
            return await cluster.execute_command(*words)
        except BaseException:
            # It has lost sight of all nodes it knew, which by now may be others at other addresses: what the URL
            # names is asked again.
            if cluster.get_default_node() is None and cluster is self._cluster:
                self._cluster = self._new()
            raise
        finally:
            if cluster is not self._cluster:
                await cluster.aclose()

    def subscriber(self) -> PubSub:
        """See `_Server`. Nodes tell each other what is published, so that any will do; after one, the next."""
        known = tuple((node.host, int(node.port)) for node in self._cluster.get_nodes())
        nodes = known or self._opening.address.nodes
        self._subscribers += 1
        return PubSub(self._opening.pool(*nodes[self._subscribers % len(nodes)]))

    async def close(self) -> None:
        """See `_Server`."""
        # One that is about to ask for its nodes again would take itself for closed.
        with suppress(Exception):
            await self._cluster.initialize()
        await self._cluster.aclose()

    def _new(self) -> RedisCluster:
        # A node that hangs is to be noticed by the client itself, with time left to hear from another who has taken
        # its place.
        options = self._opening.options(self._opening.budget_seconds / 3)
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._opening.address.nodes],
            require_full_coverage=False,  # that a part is down is said to those who ask for it
            reinitialize_steps=0,  # a slot that has moved is learnt from who is asked; more would end all connections
            retry=Retry(NoBackoff(), 1),
            **options,
        )
        if self._opening.tls is not None:
            cluster.connection_kwargs.update(connection_class=_TlsConnection, tls_context=self._opening.tls)
            for node in cluster.startup_nodes:
                node.connection_class = _TlsConnection
                node.connection_kwargs["tls_context"] = self._opening.tls
        return cluster


class _TlsConnection(SSLConnection):
    """One context for all connections: theirs would read the system's CAs each time, and trust them beside ours."""

    def __init__(self, *, tls_context: ssl.SSLContext, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.ssl_context.context = tls_context


class _SentinelTlsConnection(SentinelManagedConnection, _TlsConnection):
    """One to whichever server is the master."""


def _tls_context(tls: RedisTls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.cert_file:
            # A key with a password is refused, rather than asked for on the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file or None, password=bytes)
    except (OSError, ValueError):
        raise BadRedisUrl("the files for TLS with Redis cannot be used") from None
    context.check_hostname = tls.checks_hostname
    context.verify_mode = ssl.CERT_REQUIRED if tls.verifies else ssl.CERT_NONE
    return context
