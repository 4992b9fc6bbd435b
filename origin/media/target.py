"""URL path → `Target`, once, strictly.

The rules, in order: the path is bounded, starts with "/" and consists of visible ASCII and whole escapes;
segments are split before they are decoded, so that an encoded slash can be seen and refused; each is decoded
exactly once, as strict UTF-8; no segment is empty, a dot segment in any spelling, or holds a slash, a
backslash or a control character. What passes cannot leave a directory it is appended to. Mounts are found
among decoded segments: "/%76od" is "/vod" (RFC 3986 §6.2.2.2), so no other spelling of a protected mount ends
up in an open one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from origin.media.kinds import Kind, format_of

MAX_PATH_LENGTH = 4096  # characters as received
MAX_SEGMENT_LENGTH = 255  # bytes once decoded; no file system has longer names
MAX_DEPTH = 32  # segments

# Visible ASCII without "#", "?" and "\"; wider than RFC 3986's pchar because browsers leave "[", "|" and the
# like raw.
_WELL_FORMED = re.compile(r'/(?:[!"$&->@-\[\]-~]++|%[0-9A-Fa-f]{2})*+')
_FORBIDDEN_IN_SEGMENT = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")


class Refusal(StrEnum):
    """Why a path names nothing. Stable words for logs, metrics and problem documents."""

    MALFORMED = "path_malformed"  # 400: no well-behaved client sends this
    NOT_FOUND = "not_found"  # 404: well-formed, but nothing is ever served there


class Refused(Exception):  # noqa: N818  # "Refused(reason)" reads as the verdict it is
    """The one error of `parse_target`. It never carries the path."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        """`detail` names the rule that was broken, in words that may be shown to anybody."""
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class MountName:
    """A mount as far as paths are concerned. Raises ValueError for a prefix that no path could ever match."""

    prefix: str  # "/vod", decoded, without a slash at the end; "/" for everything
    asset_depth: int = 1  # how many leading path segments name an asset, ≥ 0
    segments: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Split the prefix, once."""
        segments = () if self.prefix == "/" else tuple(self.prefix.removeprefix("/").split("/"))
        if not self.prefix.startswith("/") or self.asset_depth < 0:
            raise ValueError("a mount's prefix starts with a slash and its asset depth is not negative")
        try:
            for segment in segments:
                _check_segment(segment)
        except Refused as refused:
            raise ValueError(f"a mount's prefix cannot match any path: {refused.detail}") from None
        object.__setattr__(self, "segments", segments)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for below a mount."""

    mount: str  # the mount's URL prefix, "/vod"
    path: str  # decoded, relative to the mount: "bbb/video/1.m4s"
    # The leading path segments that name the asset: "bbb". The directory when the path is shallower than an
    # asset, so "" for a file at the mount's top: the mount itself.
    asset: str
    kind: Kind
    content_type: str


def parse_target(raw_path: str, mounts: Sequence[MountName]) -> Target:
    """What `raw_path` (percent-encoded, without query) asks for; the longest matching mount prefix wins.

    Raises `Refused` for everything that names no object; nothing else.
    """
    segments = _decode_path(raw_path)
    mount = _longest(mounts, segments)
    if mount is None:
        raise Refused(Refusal.NOT_FOUND, "no mount has this prefix")
    below = segments[len(mount.segments) :]
    if not below:
        raise Refused(Refusal.NOT_FOUND, "nothing is served at the mount itself")
    path = "/".join(below)
    known = format_of(path)
    directory = below[:-1]
    return Target(
        mount=mount.prefix,
        path=path,
        asset="/".join(directory[: mount.asset_depth]),
        kind=known.kind,
        content_type=known.content_type,
    )


def find_mount(raw_path: str, mounts: Sequence[MountName]) -> MountName | None:
    """The mount that `raw_path` lies below, by its first segments alone: what follows may still be a token.

    Never raises and refuses nothing; wherever `parse_target` accepts the path, both name the same mount.
    """
    before, *raw_segments = raw_path.split("/", 1 + max((len(mount.segments) for mount in mounts), default=0))
    if before or not raw_segments:
        return None
    return _longest(mounts, [_decode_leniently(segment) for segment in raw_segments])


def _longest(mounts: Sequence[MountName], segments: Sequence[str]) -> MountName | None:
    found: MountName | None = None
    for mount in mounts:
        depth = len(mount.segments)
        is_longer = found is None or depth > len(found.segments)
        if is_longer and tuple(segments[:depth]) == mount.segments:
            found = mount
    return found


def _decode_path(raw_path: str) -> list[str]:
    if len(raw_path) > MAX_PATH_LENGTH:
        raise Refused(Refusal.MALFORMED, "the path is too long")
    if not _WELL_FORMED.fullmatch(raw_path):
        raise Refused(Refusal.MALFORMED, "a character or an escape is not allowed in a path")
    raw_segments = raw_path[1:].split("/")
    if len(raw_segments) > MAX_DEPTH:
        raise Refused(Refusal.MALFORMED, "the path is too deep")
    is_directory = raw_segments[-1] == ""
    if is_directory:
        raw_segments.pop()
    segments = [_decode_segment(segment) for segment in raw_segments]
    for segment in segments:
        _check_segment(segment)
    if is_directory:
        raise Refused(Refusal.NOT_FOUND, "directories are not served")
    return segments


def _decode_segment(raw: str) -> str:
    if "%" not in raw:
        return raw
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(Refusal.MALFORMED, "an escape is not UTF-8") from None


def _decode_leniently(raw: str) -> str:
    """What is not UTF-8 becomes something that no mount is called."""
    if "%" not in raw or not raw.isascii():
        return raw
    return unquote_to_bytes(raw).decode("utf-8", "surrogateescape")


def _check_segment(segment: str) -> None:
    if segment in {"", ".", ".."}:
        raise Refused(Refusal.MALFORMED, "empty and dot segments are not allowed")
    if _FORBIDDEN_IN_SEGMENT.search(segment):
        raise Refused(Refusal.MALFORMED, "slashes, backslashes and control characters are not allowed in a segment")
    if segment.startswith("."):
        raise Refused(Refusal.NOT_FOUND, "hidden files are not served")
    # Some file systems and proxies drop these, so that one object would have several names.
    if segment != segment.strip() or segment.endswith("."):
        raise Refused(Refusal.NOT_FOUND, "names do not start with a space or end with a space or a dot")
    if len(segment) > MAX_SEGMENT_LENGTH or len(segment.encode()) > MAX_SEGMENT_LENGTH:
        raise Refused(Refusal.NOT_FOUND, "a segment is too long")
