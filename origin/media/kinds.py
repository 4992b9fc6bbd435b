"""Kinds of objects that HLS, DASH and CMAF are made of, and their media types."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an object is to a player. The values double as metric labels."""

    MULTIVARIANT = "multivariant"
    MEDIA_PLAYLIST = "media_playlist"
    MPD = "mpd"
    INIT = "init"
    SEGMENT = "segment"
    PART = "part"
    SUBTITLE = "subtitle"
    KEY = "key"
    IMAGE = "image"
    OTHER = "other"
