"""Kinds of objects that HLS, DASH and CMAF are made of, and their media types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


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


@dataclass(frozen=True, slots=True)
class Format:
    """What a file name extension says about an object."""

    kind: Kind
    content_type: str


OPAQUE = Format(Kind.OTHER, "application/octet-stream")

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        # Manifests. A playlist's name does not tell which of the two playlists it is: see `format_of`.
        "m3u8": Format(Kind.MEDIA_PLAYLIST, "application/vnd.apple.mpegurl"),
        "m3u": Format(Kind.MEDIA_PLAYLIST, "application/vnd.apple.mpegurl"),
        "mpd": Format(Kind.MPD, "application/dash+xml"),
        "mpp": Format(Kind.MPD, "application/dash-patch+xml"),
        # ISO base media files and CMAF track files (ISO/IEC 23000-19 names the four cmf* extensions).
        "mp4": Format(Kind.SEGMENT, "video/mp4"),
        "m4v": Format(Kind.SEGMENT, "video/mp4"),
        "m4a": Format(Kind.SEGMENT, "audio/mp4"),
        "m4s": Format(Kind.SEGMENT, "video/iso.segment"),
        "cmfv": Format(Kind.SEGMENT, "video/mp4"),
        "cmfa": Format(Kind.SEGMENT, "audio/mp4"),
        "cmft": Format(Kind.SUBTITLE, "application/mp4"),
        "cmfm": Format(Kind.SEGMENT, "application/mp4"),
        "init": Format(Kind.INIT, "video/mp4"),
        "header": Format(Kind.INIT, "video/mp4"),
        # Other containers and packed audio (RFC 8216 §3).
        "ts": Format(Kind.SEGMENT, "video/mp2t"),
        "aac": Format(Kind.SEGMENT, "audio/aac"),
        "ac3": Format(Kind.SEGMENT, "audio/ac3"),
        "ec3": Format(Kind.SEGMENT, "audio/eac3"),
        "ac4": Format(Kind.SEGMENT, "audio/ac4"),
        "mp3": Format(Kind.SEGMENT, "audio/mpeg"),
        "webm": Format(Kind.SEGMENT, "video/webm"),
        "weba": Format(Kind.SEGMENT, "audio/webm"),
        # Text tracks. SubRip has no registered type; players know it by this one.
        "vtt": Format(Kind.SUBTITLE, "text/vtt"),
        "webvtt": Format(Kind.SUBTITLE, "text/vtt"),
        "ttml": Format(Kind.SUBTITLE, "application/ttml+xml"),
        "dfxp": Format(Kind.SUBTITLE, "application/ttml+xml"),
        "imsc": Format(Kind.SUBTITLE, "application/ttml+xml"),
        "srt": Format(Kind.SUBTITLE, "application/x-subrip"),
        # Content keys. `.bin` is a common name for them; taking another file for a key only costs its
        # caching.
        "key": Format(Kind.KEY, "application/octet-stream"),
        "bin": Format(Kind.KEY, "application/octet-stream"),
        # Thumbnails and image tracks.
        "jpg": Format(Kind.IMAGE, "image/jpeg"),
        "jpeg": Format(Kind.IMAGE, "image/jpeg"),
        "png": Format(Kind.IMAGE, "image/png"),
        "webp": Format(Kind.IMAGE, "image/webp"),
        "avif": Format(Kind.IMAGE, "image/avif"),
        "gif": Format(Kind.IMAGE, "image/gif"),
        # What a player page beside the media is made of.
        "json": Format(Kind.OTHER, "application/json"),
        "xml": Format(Kind.OTHER, "application/xml"),
        "html": Format(Kind.OTHER, "text/html; charset=utf-8"),
        "js": Format(Kind.OTHER, "text/javascript; charset=utf-8"),
        "css": Format(Kind.OTHER, "text/css; charset=utf-8"),
        "txt": Format(Kind.OTHER, "text/plain; charset=utf-8"),
    }
)

_FRAGMENTED = frozenset({"mp4", "m4v", "m4a", "m4s", "cmfv", "cmfa", "cmft", "cmfm", "webm"})
_PARTIAL = frozenset({"m4s", "cmfv", "cmfa", "cmft"})

# "init", "init-stream0", "init_0", "720p_init", "video.init.1", "header": the word alone, never "initial".
_INIT_STEM = re.compile(r"(?:.*[-_.])?(?:init|header)(?:[-_.0-9].*)?", re.DOTALL)
# "part3", "part_1_0", "seg12.part3": never "film_part1", which is a film.
_PART_STEM = re.compile(r"(?:.*\.)?part[-_]?[0-9].*", re.DOTALL)


def format_of(path: str) -> Format:
    """Kind and media type of the object at a decoded path, as far as its name tells; never fails.

    Extensions are matched without regard to case. Three things are settled by convention:

    * An HLS playlist is MEDIA_PLAYLIST whatever it is called. Packagers use "index", "main" and "master" for
      either playlist, and the mistakes cost differently: a live media playlist cached like a multivariant one
      freezes the live edge, the other way round costs a revalidation. Who has read the playlist says
      MULTIVARIANT instead.
    * An MP4, CMAF or WebM file is INIT when "init" or "header" stands in its name as a word of its own.
    * A CMAF fragment is PART when its name starts with "part" and a number, or has ".part" and a number in
      it.
    """
    stem, dot, extension = path.rpartition("/")[2].rpartition(".")
    if not dot:
        return OPAQUE
    extension = extension.lower()
    known = FORMATS.get(extension, OPAQUE)
    if extension in _FRAGMENTED and _INIT_STEM.fullmatch(stem.lower()):
        return Format(Kind.INIT, known.content_type)
    if extension in _PARTIAL and _PART_STEM.fullmatch(stem.lower()):
        return Format(Kind.PART, known.content_type)
    return known
