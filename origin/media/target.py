"""URL path → `Target`, once, strictly."""

from __future__ import annotations

from dataclasses import dataclass

from origin.media.kinds import Kind


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for below a mount."""

    mount: str  # the mount's URL prefix, "/vod"
    path: str  # decoded, relative to the mount: "bbb/video/1.m4s"
    asset: str  # the leading path segments that name the asset: "bbb"
    kind: Kind
    content_type: str
