"""Clients of one Redis, however many servers that is: the only place that speaks Redis."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
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
from cache.redis_url import RedisAddress, RedisTls, Topology

Word = str | bytes | int
Subscriber = PubSub


def result_of(error: Exception) -> Result:
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


def client(address: RedisAddress, budget_seconds: float) -> _Server | _Cluster:
    """A client of what an address names, which opens no connection yet. Raises `BadRedisUrl` for TLS's files."""
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

    def subscriber(self) -> Subscriber:
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

    def subscriber(self) -> Subscriber:
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
