"""Every key there is, once: its type, its default and the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer

from auth.dialects import DIALECTS as REGISTRY
from origin.settings.edges import EdgePurge
from origin.settings.mount import Mount
from origin.settings.table import Table
from origin.settings.tls import Tls
from origin.settings.upstream import Disk, RedisTlsTable
from origin.settings.values import (
    MAX_SECONDS,
    ByteCount,
    Count,
    File,
    Flag,
    HeaderName,
    Host,
    JwksUrl,
    Network,
    Port,
    RedisKey,
    RedisUrl,
    RingName,
    Seconds,
    Sha256,
    Timeout,
    Variable,
    Word,
    Workers,
)

# The token dialects a mount may accept.
DIALECTS = tuple(name for name, spec in REGISTRY.items() if not spec.is_internal)

Loop = Literal["uvloop+fast", "uvloop", "asyncio+fast", "asyncio"]
LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


class EdgeFacts(Table):
    """Header fields in which trusted proxies say what tokens may be bound to."""

    country: HeaderName | None = Field(None, description="The viewer's country (ISO 3166-1 alpha-2).")
    subdivision: HeaderName | None = Field(None, description="The viewer's region (ISO 3166-2).")
    city: HeaderName | None = Field(None, description="The viewer's city.")
    latitude: HeaderName | None = Field(None, description="The viewer's latitude in degrees.")
    longitude: HeaderName | None = Field(None, description="The viewer's longitude in degrees.")
    asn: HeaderName | None = Field(None, description="The viewer's autonomous system number.")
    ja3: HeaderName | None = Field(None, description="The JA3 fingerprint of the viewer's TLS connection.")
    ja4: HeaderName | None = Field(None, description="The JA4 fingerprint of the viewer's TLS connection.")


class Public(Table):
    """The listener that players and edges see."""

    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(8080, description="Port to listen on; 0 takes any free one.")
    trusted_proxies: tuple[Network, ...] = Field(
        (),
        description="Networks whose `Forwarded` and `X-Forwarded-For` fields are believed when the "
        "viewer's address is worked out; where both are sent they must agree.",
    )
    purge_from: tuple[Network, ...] = Field(
        (), description="Networks whose `PURGE` requests are obeyed; from anywhere else the method is not known."
    )
    load_balancers: tuple[Network, ...] = Field(
        (), description="Networks whose connections begin with a PROXY protocol header, version 1 or 2."
    )
    geo_database: File | None = Field(
        None, description="MaxMind database (.mmdb) that knows countries, cities or networks by address."
    )
    keepalive_seconds: Timeout = Field(
        75.0, description="How long an idle connection is kept; longer than the edge in front keeps it."
    )
    header_seconds: Timeout = Field(10.0, description="How long a client may take to send a request's header.")
    max_connections: Count = Field(10_000, description="Connections held at once by one worker; more are closed.")
    edge_facts: EdgeFacts = Field(EdgeFacts(), description="What trusted proxies say of a viewer in header fields.")
    tls: Tls = Field(Tls(), description="TLS on this listener.")


class ApiKey(Table):
    """An API key of the control API; `headgate apikey` makes one."""

    sha256: Sha256 = Field(description="SHA-256 of the key, in hexadecimal.")
    permissions: tuple[Literal["sign", "verify", "revoke", "purge"], ...] = Field(
        ("sign", "verify"), description="What the key may do."
    )


class Admin(Table):
    """The listener for control, metrics and health; never public."""

    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(9080, description="Port to listen on; 0 takes any free one.")
    api_keys: Annotated[Mapping[RingName, ApiKey], AfterValidator(MappingProxyType), PlainSerializer(dict)] = Field(
        {}, validate_default=True, description="Keys of the control API by the names of their owners; none closes it."
    )


class Server(Table):
    """How a process runs."""

    loop: Loop = Field("uvloop+fast", description="Event loop; `+fast` adds the faster transports.")
    fast_lane: Flag = Field(
        True, description="Answer plain requests for hot objects ahead of the ordinary way; the answers are the same."
    )
    hot_bytes: ByteCount = Field(
        268_435_456,
        description='Memory for the bodies of hot segments per worker, in bytes or as a size such as "256MiB".',
    )
    drain_seconds: Seconds = Field(
        10.0,
        description="How long transfers in progress may take to end, and idle connections are answered once more, "
        "when the process is told to stop.",
    )
    workers: Workers | None = Field(
        None,
        description='Supervised processes that share the listeners, or "auto" for one per processor; without it one '
        "process serves alone.",
    )


class Log(Table):
    """What is written about the process and about requests."""

    level: LogLevel = Field("info", description="The least severe process log record that is written.")
    access: Flag = Field(True, description="Write one line per request.")
    format: LogFormat = Field("json", description="Shape of the process log: `json` for programs, `text` for people.")


class Cache(Table):
    """The two cache tiers behind every mount."""

    memory_bytes: ByteCount = Field(
        67_108_864,
        description='Memory for cached manifests per worker, in bytes or as a size such as "64MiB".',
    )
    redis: RedisUrl | None = Field(
        None,
        description="Redis URL of the tier that workers and machines share; without it each worker is alone.",
    )
    namespace: Word = Field("headgate", description="First part of every key in Redis: one per deployment.")
    redis_timeout_seconds: Timeout = Field(
        0.25, description="How long Redis may take before the answer comes from memory or storage instead."
    )
    lease_seconds: Timeout = Field(
        5.0, description="How long one worker may load something alone before another takes over, if it dies."
    )
    redis_tls: RedisTlsTable = Field(RedisTlsTable(), description="TLS towards Redis, where the URL asks for it.")
    disk: Disk = Field(Disk(), description="Where bodies from upstreams and buckets are kept.")


class Keyring(Table):
    """A named set of keys, with one source: `file`, `env`, `jwks` or `redis`."""

    file: File | None = Field(None, description="Key set file, relative to this file.")
    env: Variable | None = Field(None, description="Name of an environment variable that holds a key set.")
    jwks: JwksUrl | None = Field(
        None,
        description="URL of an issuer's public key set (JWKS), https unless it is on this machine; these keys only "
        "verify.",
    )
    redis: RedisKey | None = Field(
        None, description="Name of a key in `cache.redis` whose value is a key set; who can write there can sign."
    )
    refresh_seconds: Timeout = Field(60.0, description="How often `jwks` or `redis` is asked again.")
    min_refresh_seconds: Timeout = Field(
        30.0,
        description="Least time between two askings of `jwks` or `redis` when a token names a key that is not there.",
    )


class Playback(Table):
    """`POST /playback/…`: a player shows its app's session token (a JWT) and gets a signed URL."""

    keys: RingName | None = Field(None, description="Key ring of the app's tokens; without it the endpoint is closed.")
    issuers: tuple[str, ...] = Field((), description="Accepted issuers of the app's tokens; empty accepts any.")
    audience: tuple[str, ...] = Field(
        (), description="Accepted audiences of the app's tokens; empty accepts only tokens that name none."
    )
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_SECONDS)] = Field(
        14_400, description="Lifetime of what is handed out; it never outlives the app's token."
    )
    per_minute: Count = Field(60, description="How often a minute one subject may ask, in each worker.")


class Settings(Table):
    """The whole configuration."""

    public: Public = Field(Public(), description="The listener that players and edges see.")
    admin: Admin = Field(Admin(), description="The listener for control, metrics and health; never public.")
    server: Server = Field(Server(), description="How a process runs.")
    log: Log = Field(Log(), description="What is written about the process and about requests.")
    cache: Cache = Field(Cache(), description="The two cache tiers behind every mount.")
    keyrings: Annotated[Mapping[RingName, Keyring], AfterValidator(MappingProxyType), PlainSerializer(dict)] = Field(
        {}, validate_default=True, description="Named sets of keys."
    )
    playback: Playback = Field(Playback(), description="Handing out signed URLs to players.")
    edge_purge: tuple[EdgePurge, ...] = Field((), description="Edges in front that are told of purges.")
    mount: tuple[Mount, ...] = Field((), description="URL prefixes and what is behind them.")
