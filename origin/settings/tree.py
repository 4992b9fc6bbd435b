"""Every key there is, once: its type, its default and the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer

from auth.dialects import DIALECTS as REGISTRY
from origin.settings.table import Table
from origin.settings.values import (
    MAX_SECONDS,
    Authority,
    ByteCount,
    CertificateName,
    Count,
    EdgeSecret,
    File,
    Flag,
    HeaderName,
    Host,
    JwksUrl,
    Lifetime,
    Network,
    Origin,
    Port,
    Prefix,
    PublicUrl,
    RedisKey,
    RedisUrl,
    RingName,
    Seconds,
    Sha256,
    SignedComponent,
    Storage,
    Timeout,
    Variable,
    WholeNumber,
    WholeSeconds,
    Word,
)

# The token dialects a mount may accept.
DIALECTS = tuple(name for name, spec in REGISTRY.items() if not spec.is_internal)

OptionValue = bool | int | float | str | tuple[str, ...]

Loop = Literal["uvloop+fast", "uvloop", "asyncio+fast", "asyncio"]
LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]
Access = Literal["open", "signed"]
Propagation = Literal["query", "define", "path", "cookie", "none"]
DashDefine = Literal["rewrite", "annex-i"]
Trust = Literal["none", "verifies", "asks"]
StreamPolicy = Literal["reject", "evict"]
OnStoreFailure = Literal["deny", "allow"]
Proof = Literal["secret", "signature", "g2o", "certificate"]
Exchange = Literal["never", "external", "always"]


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


class ApiKey(Table):
    """An API key of the control API; `headgate apikey` makes one."""

    sha256: Sha256 = Field(description="SHA-256 of the key, in hexadecimal.")
    permissions: tuple[Literal["sign", "verify", "revoke"], ...] = Field(
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
    drain_seconds: Seconds = Field(
        10.0, description="How long transfers in progress may take to end when the process is told to stop."
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


class Cors(Table):
    """Which web pages may read the answers."""

    origins: tuple[Origin, ...] = Field(
        ("*",), description="Origins that may read; `*` alone is any, an empty list is none."
    )
    credentials: Flag = Field(False, description="Allow cookies to be sent; needs origins that are named.")
    max_age_seconds: WholeSeconds = Field(600, description="How long a browser may remember a preflight answer.")


class MountCache(Table):
    """How long answers may be kept, here and at the edge."""

    recheck_seconds: Seconds = Field(
        1.0, description="How long a manifest or file is used before storage is asked whether it has changed."
    )
    segments: Lifetime = Field(
        "immutable",
        description="Lifetime of segments: `immutable` when a name never gets other bytes, else seconds.",
    )
    manifest_seconds: WholeSeconds = Field(10, description="Lifetime of a manifest at a player.")
    edge_manifest_seconds: WholeSeconds = Field(
        3600, description="Lifetime of a manifest at a shared cache that may store it."
    )
    edge_stale_seconds: WholeSeconds = Field(
        60,
        description="How long a shared cache may use a stale answer while it asks, or when asking fails.",
    )


class MountEdge(Table):
    """Whether a CDN edge in front checks tokens, and how it proves to be that edge."""

    trust: Trust = Field(
        "none",
        description="`verifies`: the edge checks tokens itself; `asks`: it asks here on each request; "
        "`none`: signed answers are for the viewer alone and no shared cache stores them.",
    )
    secrets: tuple[EdgeSecret, ...] = Field(
        (),
        max_length=2,
        description="What the edge proves itself with, 16 characters or more; two during a change.",
    )
    header: HeaderName = Field("X-Headgate-Edge", description="Request header field that carries the edge's secret.")
    proof: Proof = Field(
        "secret",
        description="How the edge proves itself: a `secret` in a header field; a `signature` over each request "
        "(RFC 9421) with a nonce; Akamai's `g2o` signature, whose client address tokens are then judged by; or a "
        "client `certificate`, in the `Client-Cert` field (RFC 9440) of trusted proxies.",
    )
    keys: RingName | None = Field(
        None, description="Name of the edges' own key ring, for the proofs `signature` and `g2o` (SHARED keys)."
    )
    components: tuple[SignedComponent, ...] = Field(
        ("@method", "@authority", "@path", "@query"),
        min_length=1,
        max_length=32,
        description="What a `signature` covers at least: components of RFC 9421, header fields in lower case.",
    )
    max_age_seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = Field(
        60, description="How old a `signature` may be; for `g2o` it is always 30 seconds."
    )
    names: tuple[CertificateName, ...] = Field(
        (),
        max_length=64,
        description="Whose `certificate` is an edge's: DNS names or URIs of its subject, or `sha256:` and the "
        "fingerprint in hexadecimal.",
    )


class MountLimits(Table):
    """What is remembered of tokens, by all workers in `cache.redis` or, without it, by each one for itself."""

    max_streams: WholeNumber = Field(
        0, le=1000, description="Streams that one subject may play at once; 0 is any number. Tokens name the subject."
    )
    stream_policy: StreamPolicy = Field(
        "reject", description="Which of too many streams is refused: `reject` the newest, or `evict` the oldest."
    )
    lease_seconds: WholeSeconds = Field(
        30, ge=5, le=3600, description="How long a stream that asks for nothing still counts as playing."
    )
    on_store_failure_one_time: OnStoreFailure = Field(
        "deny", description="Whether one-time tokens are let in while Redis cannot say whether they were used."
    )
    on_store_failure_streams: OnStoreFailure = Field(
        "allow", description="Whether streams go on while Redis cannot say how many there are."
    )


class MountToken(Table):
    """What a mount asks of the tokens of one dialect; the table is named for it."""

    keys: RingName | None = Field(None, description="Name of the key ring; without it the mount's own `keys`.")
    token_name: Word | None = Field(
        None, description="Name of the query parameter, path segment or cookie; without it the dialect's own."
    )
    transports: tuple[Literal["path", "query", "header", "cookie"], ...] = Field(
        (), description="Where these tokens may ride; empty: wherever the dialect lets them."
    )
    options: Annotated[Mapping[str, OptionValue], AfterValidator(MappingProxyType), PlainSerializer(dict)] = Field(
        {}, validate_default=True, description="The dialect's own options; `headgate dialects` lists them."
    )


class MountSession(Table):
    """The tokens of Headgate's own that a viewer goes on with, below the manifest that another token has opened."""

    exchange: Exchange = Field(
        "external",
        description="Whose tokens are exchanged for a session's: of every dialect but jwt (`external`), of all "
        "(`always`), of none (`never`). Where propagate is `none`, there is nothing to exchange for.",
    )
    keys: RingName | None = Field(
        None, description="Name of the key ring, which holds an HS256 key; without it the mount's own `keys`."
    )
    ttl_seconds: WholeSeconds = Field(
        600,
        ge=1,
        description="Lifetime of a session's token where it is handed out anew all the time: in a cookie, "
        "in the URLs of a live playlist.",
    )
    max_seconds: WholeSeconds = Field(
        14_400,
        ge=1,
        description="When a session ends, however often it is renewed; also the lifetime of a token "
        "that a player keeps, as in the URLs of a VOD playlist. A token that asks for its own renewal, and is not "
        "exchanged, is renewed for as long after it was first issued.",
    )
    renew_seconds: WholeSeconds | None = Field(
        None, ge=1, description="How long before its end a token has a successor; without it half of `ttl_seconds`."
    )

    @property
    def renewal_window(self) -> int:
        """`renew_seconds`, or what stands for it."""
        return max(1, self.ttl_seconds // 2) if self.renew_seconds is None else self.renew_seconds


class Mount(Table):
    """A URL prefix, the storage behind it, and who may have what is there."""

    prefix: Prefix = Field(description='URL path this mount answers, such as "/vod".')
    storage: Storage = Field(
        description="Where its objects are: a `file:` directory, absolute or relative to this file; "
        "an `http:` or `https:` upstream; or `memory:`."
    )
    access: Access = Field(description="`open` to everybody, or `signed`: only with a valid token.")
    dialects: tuple[str, ...] = Field(("jwt",), description="Token dialects that are accepted.")
    keys: RingName | None = Field(None, description="Name of the key ring; required when access is `signed`.")
    public_url: PublicUrl | None = Field(
        None,
        description="Scheme and host that viewers ask, such as https://cdn.example, when the edge in front asks here "
        "under another name; tokens that sign whole URLs are held against it.",
    )
    propagate: Propagation = Field(
        "query",
        description="How the token reaches what a manifest names: in the `query`, by `define` (players fill "
        "it in), in the `path`, as a `cookie`, or not at all.",
    )
    dash_define: DashDefine = Field(
        "annex-i",
        description="What `define` means for DASH: players add the query to segment URLs themselves, as `annex-i` of "
        "the standard says, or `rewrite`, which writes the token into each URL, for players that do not know it.",
    )
    token_name: Word = Field("token", description="Name of the query parameter, path segment or cookie.")
    audience: tuple[str, ...] = Field((), description="Accepted audiences; empty accepts only tokens that name none.")
    issuers: tuple[str, ...] = Field((), description="Accepted issuers; empty accepts any.")
    leeway_seconds: WholeSeconds = Field(
        5, le=300, description="How far clocks may differ when a token's times are judged."
    )
    require_path_scope: Flag = Field(True, description="Refuse tokens that do not say which paths they cover.")
    require_expiry: Flag = Field(True, description="Refuse tokens that do not say when they end.")
    hosts: tuple[Authority, ...] = Field(
        (),
        description="Authorities that are this service: absolute URLs in manifests that name one of them "
        "get tokens too, all others never do.",
    )
    asset_depth: Count = Field(1, le=16, description="How many leading path segments below the prefix name an asset.")
    compress: Flag = Field(True, description="Compress manifests for clients that accept it.")
    content_keys: File | None = Field(
        None,
        description="File of the keys that assets are encrypted with, relative to this file; they are handed out as "
        "`ASSET/KID.key` and as Clear Key licences at `ASSET/clearkey`. Without it `.key` files come from storage.",
    )
    tokens: Annotated[Mapping[str, MountToken], AfterValidator(MappingProxyType), PlainSerializer(dict)] = Field(
        {}, validate_default=True, description="What is asked of the tokens of single dialects, by their names."
    )
    cors: Cors = Field(Cors(), description="Which web pages may read the answers.")
    cache: MountCache = Field(MountCache(), description="How long answers may be kept, here and at the edge.")
    edge: MountEdge = Field(MountEdge(), description="What the edge in front is trusted with.")
    limits: MountLimits = Field(MountLimits(), description="What is remembered of tokens.")
    session: MountSession = Field(MountSession(), description="What tokens are exchanged for.")


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
    mount: tuple[Mount, ...] = Field((), description="URL prefixes and what is behind them.")
