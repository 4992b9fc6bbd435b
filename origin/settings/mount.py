"""Every key of a `[[mount]]`: its type, its default and the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer

from origin.settings.table import Table
from origin.settings.upstream import MountBucket, MountShield, MountUpstream
from origin.settings.values import (
    Authority,
    CertificateName,
    Count,
    EdgeSecret,
    File,
    Flag,
    HeaderName,
    Lifetime,
    Origin,
    Prefix,
    PublicUrl,
    RingName,
    Seconds,
    SignedComponent,
    Storage,
    WholeNumber,
    WholeSeconds,
    Word,
)

OptionValue = bool | int | float | str | tuple[str, ...]

Access = Literal["open", "signed"]
Propagation = Literal["query", "define", "path", "cookie", "none"]
DashDefine = Literal["rewrite", "annex-i"]
Trust = Literal["none", "verifies", "asks"]
StreamPolicy = Literal["reject", "evict"]
OnStoreFailure = Literal["deny", "allow"]
Proof = Literal["secret", "signature", "g2o", "certificate"]
Exchange = Literal["never", "external", "always"]


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
        "an `http:` or `https:` upstream; a bucket by `s3:`, `gs:` or `az:`; or `memory:`."
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
    upstream: MountUpstream = Field(MountUpstream(), description="How an HTTP upstream is pulled from.")
    bucket: MountBucket = Field(MountBucket(), description="How a bucket is reached.")
    shield: MountShield = Field(MountShield(), description="What is kept of an upstream's or a bucket's answers.")
