"""The edges in front that are told of purges."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from origin.settings.table import Table
from origin.settings.values import Authority, Count, Flag, HttpUrl, PublicUrl, Timeout, Variable, Word

EdgeKind = Literal["nginx", "varnish", "fastly", "cloudflare", "cloudfront"]


class EdgePurge(Table):
    """An edge in front that is told of every purge that is issued at this node."""

    name: Word = Field(description="What it is called in logs and metrics.")
    kind: EdgeKind = Field(description="Whose way of purging it understands.")
    url: HttpUrl | None = Field(
        None, description="Where an `nginx` or a `varnish` listens, or another address of an API."
    )
    host: Authority | None = Field(None, description="Host that viewers use, where it is part of the edge's cache key.")
    globs: Flag = Field(False, description="Whether an `nginx` purge module knows a `*` at the end of a path.")
    xkey: Flag = Field(True, description="Whether a `varnish` has the xkey module; without it tags are banned.")
    sites: tuple[PublicUrl, ...] = Field(
        (), description="What viewers address, such as https://cdn.example, for `fastly` and `cloudflare`."
    )
    service: Word | None = Field(None, description="Service, zone or distribution that is purged.")
    key_env: Variable | None = Field(
        None, description="Environment variable that holds the API token, or the access key's id for `cloudfront`."
    )
    secret_env: Variable | None = Field(
        None, description="Environment variable that holds the access key's secret, for `cloudfront`."
    )
    session_env: Variable | None = Field(
        None, description="Environment variable that holds the session token of a key that is good for a while only."
    )
    attempts: Count = Field(6, le=20, description="How often a purge is tried.")
    timeout_seconds: Timeout = Field(10.0, description="How long a call may take.")
