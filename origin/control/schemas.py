"""What the control API takes and gives, as strict models; the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from auth.revocation import Revoked
from cache.fleet.purging import Fleet

MAX_BATCH = 10_000
MAX_PURGES = 1000

Text = Annotated[str, Field(min_length=1, max_length=512)]
Texts = Annotated[tuple[Text, ...], Field(max_length=64)]
UrlText = Annotated[str, Field(min_length=1, max_length=4096)]
PurgeTexts = Annotated[tuple[UrlText, ...], Field(max_length=MAX_PURGES)]
Moment = Annotated[float, Field(ge=0, le=2**53)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SignRequest(_Model):
    """A URL to sign, and what its token shall say."""

    url: UrlText = Field(description="Absolute URL below a signed mount, or a path.")
    ttl: Annotated[int, Field(strict=True, ge=1, le=366 * 86400)] = Field(3600, description="Lifetime in seconds.")
    dialect: Text | None = Field(None, description="Token format; the mount's first without it.")
    transport: Literal["query", "path", "cookie", "header"] = Field("query", description="Where the token goes.")
    prefix: Texts = Field((), description="Cover these paths and everything below them.")
    path: Texts = Field((), description="Cover exactly these paths.")
    glob: Texts = Field((), description="Cover what these patterns match (* in a segment, ** across).")
    subject: Text | None = Field(None, description="Who the token is for.")
    session: Text | None = Field(None, description="Id of the viewer's session.")
    issuer: Text | None = Field(None, description="Who issues it.")
    audience: Texts = Field((), description="Whom it is shown to.")
    networks: Texts = Field((), description="Client addresses or CIDR blocks it is good for.")
    methods: Texts = Field((), description="Request methods it is good for.")


class SignBatch(_Model):
    """Many URLs to sign in one call; results come in the same order."""

    requests: Annotated[tuple[SignRequest, ...], Field(min_length=1, max_length=MAX_BATCH)]


class SignResult(_Model):
    """A signed URL and what else a client sends with it."""

    url: str
    expires_at: int = Field(description="Unix seconds.")
    cookies: dict[str, str] = Field({}, description="Cookies to set, by name.")
    headers: dict[str, str] = Field({}, description="Header fields to send, by name.")


class BatchResults(_Model):
    """One result for each request."""

    results: tuple[SignResult, ...]


class VerifyRequest(_Model):
    """A request to judge as the gateway would."""

    url: UrlText
    method: Annotated[str, Field(pattern=r"^[A-Z]{1,16}$")] = "GET"
    client: Text | None = Field(None, description="The viewer's address.")
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(None, description="ISO 3166-1 alpha-2.")
    cookies: Annotated[dict[str, str], Field(max_length=64)] = Field({}, description="Cookies, by name.")
    headers: Annotated[dict[str, str], Field(max_length=64)] = Field({}, description="Header fields, by name.")
    at: Annotated[float, Field(ge=0, le=2**53)] | None = Field(None, description="Judge at this time (Unix seconds).")


class Check(_Model):
    """One check of a token."""

    check: str
    verdict: Literal["ok", "failed", "skipped"]
    words: str


class VerifyResult(_Model):
    """Whether a request would be let in, check by check."""

    ok: bool
    checks: tuple[Check, ...]


class RevokeRequest(_Model):
    """What to take back, and for how long."""

    kind: Revoked = Field(description="What is named: a token (by id, or by hash), all of a session's, and so on.")
    value: Annotated[str, Field(max_length=512)] = Field("", description="Its name; none for issued_before.")
    mount: Annotated[str, Field(max_length=512)] = Field(
        "", description="Prefix of the one mount it is about; every mount without it. An asset needs it."
    )
    ttl: Annotated[int, Field(strict=True, ge=1, le=366 * 86400)] = Field(
        description="Seconds to keep it for: at least as long as a token that it is about may still be valid."
    )
    moment: Moment | None = Field(None, description="With issued_before: Unix seconds.")


class RevocationEntry(_Model):
    """A revocation in force."""

    id: str = Field(description="What it is lifted by; the same for the same revocation.")
    kind: Revoked
    value: str = ""
    mount: str = ""
    moment: float | None = None
    ends_at: float = Field(description="Unix seconds; it is no longer kept from then on.")


class RevocationList(_Model):
    """What is revoked now."""

    revocations: tuple[RevocationEntry, ...]


class PurgeRequest(_Model):
    """What is not to be served from the cache any more: 1 to 1000 URLs, prefixes and tags together."""

    urls: PurgeTexts = Field(
        (),
        description="Paths, or absolute URLs of which path and query count. With a query that one alone is meant, "
        "without one all of them.",
    )
    prefixes: PurgeTexts = Field(
        (),
        description='Paths that mean themselves and all below them; one that ends with "*" means all URLs that begin '
        "with it.",
    )
    tags: PurgeTexts = Field((), description="Tags (Cache-Groups, Surrogate-Key, Cache-Tag), case and all.")
    mode: Literal["soft", "hard"] = Field(
        "soft", description="soft: it becomes stale and is asked for again; hard: it is as if it had never been stored."
    )

    @model_validator(mode="after")
    def _is_bounded(self) -> PurgeRequest:
        if not 1 <= len(self.urls) + len(self.prefixes) + len(self.tags) <= MAX_PURGES:
            raise ValueError(f"1 to {MAX_PURGES} items in all")
        return self


class PurgeReceipt(_Model):
    """What became of a purge. Nothing that was stored until then is served any more by the node that answers."""

    id: str = Field(description="What logs call it.")
    applied: int = Field(description="How many items it had.")
    fleet: Fleet = Field(
        description="announced: the other nodes have been told; pending: they are told as soon as Redis is there "
        "again; single: there are none."
    )


class Failure(_Model):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = ""
    reason: str = Field(description="A stable word.")
