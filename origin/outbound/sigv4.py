"""AWS Signature Version 4 in header fields, for a request whose body is at hand."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from origin.http.fields import Fields

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKey:
    """Who signs. `token` comes with keys that are good for a while only."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsScope:
    """What a signature is good for."""

    region: str
    service: str


def signed_fields(  # the parts of a request, one by one
    method: str, url: str, body: bytes, key: AwsKey, scope: AwsScope, now: float
) -> Fields:
    """The fields to send with a request to `url`, which has no query; `now` in Unix seconds."""
    parts = urlsplit(url)
    at = datetime.fromtimestamp(now, UTC)
    stamp, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    signed = {"host": parts.netloc, "x-amz-date": stamp}
    if key.token is not None:
        signed["x-amz-security-token"] = key.token
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            method,
            quote(parts.path or "/", safe="/~"),
            "",
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    where = f"{day}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, where, hashlib.sha256(canonical.encode()).hexdigest()))
    secret = f"AWS4{key.secret}".encode()
    for step in (day, scope.region, scope.service, "aws4_request"):
        secret = _mac(secret, step)
    signature = _mac(secret, text).hex()
    authorization = f"{_ALGORITHM} Credential={key.id}/{where}, SignedHeaders={names}, Signature={signature}"
    token = () if key.token is None else (("X-Amz-Security-Token", key.token),)
    return ("X-Amz-Date", stamp), *token, ("Authorization", authorization)


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
