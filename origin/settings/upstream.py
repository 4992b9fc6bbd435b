"""The tables that say how a mount pulls from an upstream and what is kept of what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, SecretStr

from origin.settings.table import Table
from origin.settings.values import (
    Authority,
    ByteCount,
    Count,
    File,
    Flag,
    HeaderName,
    Network,
    RingName,
    Seconds,
    SignedComponent,
    Timeout,
    UnsafeMethod,
    UpstreamOrigin,
    UpstreamUrl,
    WholeNumber,
    WholeSeconds,
    Word,
)

QueryUse = Literal["keep", "drop"]


class MountUpstream(Table):
    """How an `http:` or `https:` storage is pulled from."""

    failover: tuple[UpstreamUrl, ...] = Field(
        (), max_length=8, description="More URLs of the same content, asked in this order when those before are down."
    )
    private_networks: tuple[Network, ...] = Field(
        (),
        description="Networks that are not public and may be pulled from all the same, such as 10.0.0.0/8; an upstream "
        "on this machine needs 127.0.0.0/8.",
    )
    host: Authority | None = Field(None, description="Host that upstreams are asked for instead of their own.")
    fields: Annotated[Mapping[HeaderName, SecretStr], AfterValidator(MappingProxyType), PlainSerializer(dict)] = Field(
        {}, validate_default=True, description="Header fields sent with every pull, such as an origin's own token."
    )
    connect_seconds: Timeout = Field(2.0, description="How long opening a connection may take.")
    first_byte_seconds: Timeout = Field(10.0, description="How long an upstream may think before it answers.")
    idle_seconds: Timeout = Field(10.0, description="How long an upstream may pause inside a body.")
    max_bytes: ByteCount = Field(8 * 2**30, description="The largest body that is accepted.")
    max_connections: Count = Field(256, description="Connections to the upstreams at once, in each worker.")
    retries: WholeNumber = Field(
        1, le=5, description="How often a GET or HEAD is asked again after it failed before the first byte."
    )
    redirects: tuple[UpstreamOrigin, ...] = Field(
        (),
        description="Origins, such as https://store.example, that upstreams may redirect to; other redirects go to the "
        "viewer.",
    )
    methods: tuple[UnsafeMethod, ...] = Field(
        (), description="Methods beside GET and HEAD that are passed on, such as POST; they invalidate what is kept."
    )
    max_request_bytes: ByteCount = Field(2**20, description="The largest body of a request that is passed on.")
    query: QueryUse = Field(
        "keep",
        description="Whether a viewer's query, without token and CMCD, is passed on and part of what a response is "
        "kept under.",
    )
    drop_fields: tuple[HeaderName, ...] = Field(
        (),
        description="Request fields of viewers that never reach the upstream; those that it answers by without saying "
        "so in `Vary` belong here, or one viewer chooses what others are given.",
    )
    forwarded: Flag = Field(False, description="Tell upstreams the viewer's address, host and scheme (RFC 7239).")
    cdn_id: Word = Field("headgate", description="What this service calls itself in `CDN-Loop` and `Via`.")
    ca_file: File | None = Field(None, description="Certificate authorities of the upstreams; without it the system's.")
    sign_keys: RingName | None = Field(
        None, description="Key ring that signs every pull (RFC 9421); without it pulls are not signed."
    )
    sign_components: tuple[SignedComponent, ...] = Field(
        ("@method", "@authority", "@path", "@query"), min_length=1, max_length=32, description="What is signed."
    )


class MountBucket(Table):
    """How an `s3:`, `gs:` or `az:` storage is reached. Credentials come from the environment or the machine."""

    endpoint: str | None = Field(None, description="URL of an S3-compatible service; without it the cloud's own.")
    region: Word | None = Field(None, description="Region of the bucket; without it the environment's.")
    account: Word | None = Field(
        None, description="Storage account of an `az:` container; without it the environment's."
    )
    virtual_hosted: Flag = Field(False, description="Put the bucket's name into the host instead of the path.")
    anonymous: Flag = Field(False, description="Do not sign requests: the bucket is public.")
    allow_http: Flag = Field(False, description="Allow an endpoint without TLS.")
    connect_seconds: Timeout = Field(2.0, description="How long opening a connection may take.")
    timeout_seconds: Timeout = Field(
        10.0, description="How long the service may be silent, before its answer and inside a body."
    )
    retries: WholeNumber = Field(2, le=10, description="How often a request is tried again, with growing pauses.")


class MountShield(Table):
    """What is kept of an upstream's or a bucket's answers (RFC 9111)."""

    slice_bytes: ByteCount = Field(
        2**20, ge=4096, description="A range of an object that is not kept is pulled in pieces that begin and end here."
    )
    request_directives: Flag = Field(
        True, description="Whether a viewer's `Cache-Control` and `Pragma` may ask for fresher answers."
    )
    negative_seconds: Seconds = Field(
        1.0, description="How long a 404 or 410 that does not say for how long is kept; less than a segment lasts."
    )
    heuristic_seconds: WholeSeconds = Field(
        3600, description="The longest that an answer is kept which says only when it was last changed."
    )
    stale_if_error_seconds: WholeSeconds = Field(
        60, description="How long a stale answer that does not forbid it is used while the upstream fails."
    )
    targets: tuple[HeaderName, ...] = Field(
        ("CDN-Cache-Control",),
        description="Fields in which the upstream speaks to this cache (RFC 9213), the first that is there counts.",
    )
    tags: Annotated[Mapping[str, tuple[Word, ...]], AfterValidator(MappingProxyType), PlainSerializer(dict)] = Field(
        {},
        validate_default=True,
        description="Tags by rule, for purging: a path below the mount, and the tags of all that it begins.",
    )
    prefetch: WholeNumber = Field(
        0, le=16, description="How many segments are pulled ahead of a viewer, and whether `nor` of CMCD is followed."
    )


class Disk(Table):
    """Where bodies from upstreams and buckets are kept; the workers of a machine share it."""

    directory: File | None = Field(
        None,
        description="Directory of the cache; without it a private one that ends with the process, or the last worker.",
    )
    max_bytes: ByteCount = Field(2**30, description="The most that is kept.")
    max_object_bytes: ByteCount = Field(8 * 2**30, description="An object larger than this is passed on and not kept.")
    min_free_bytes: ByteCount = Field(256 * 2**20, description="What is left free on the disk.")


class RedisTlsTable(Table):
    """TLS towards Redis, where the URL asks for it."""

    ca_file: File | None = Field(None, description="Certificate authorities; without it the system's.")
    certificate_file: File | None = Field(None, description="The client's certificate.")
    key_file: File | None = Field(None, description="Its private key.")
    check_hostname: Flag = Field(True, description="Whether the certificate must name the host.")
