"""What players ask for next, from the manifest that they play: objects below its own mount, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from origin.manifests.courses import Course, Locate
from origin.manifests.dash_course import mpd_course
from origin.manifests.hls_course import NONE, playlist_course
from origin.manifests.references import parse_reference, resolve
from origin.manifests.template import Malformed
from origin.media.target import MountName, Refused, parse_target


def course_of(data: bytes, locate: Locate, parameters: Mapping[str, str] = NONE) -> Course:
    """Where an HLS playlist or a DASH MPD leads; raises Malformed for what is neither, or not well made.

    `parameters` as for `playlist_course`.
    """
    is_playlist = data.removeprefix(b"\xef\xbb\xbf").startswith(b"#")
    return playlist_course(data, locate, parameters) if is_playlist else mpd_course(data, locate)


@dataclass(frozen=True, slots=True)
class Ground:
    """A mount, among all mounts: what its manifests may lead to."""

    mount: MountName
    mounts: Sequence[MountName] = ()  # those that may lie inside it

    def locate(self, path: str) -> Locate:
        """A `Locate` for the object at `path` (decoded, below the mount) that gives paths of the same kind.

        Left out are other hosts, other mounts, what leaves the mount, and references with a query: what they
        name may depend on it.
        """
        prefix = self.mount.prefix.rstrip("/")
        base = quote(f"{prefix}/{path}")
        folder = path[: path.rfind("/") + 1]

        def located(reference: str, bases: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
            if not bases and _is_plain(reference):
                return (folder + reference,)
            return self._located(base, bases, reference)

        # What is plain needs no look only where the folder itself is beyond doubt.
        is_safe = self._below(base) == path
        return located if is_safe else (lambda _reference, _bases: ())

    def asset_of(self, path: str) -> str | None:
        """The asset that the object at `path` is part of; None where nothing is served."""
        try:
            return parse_target(quote(f"{self.mount.prefix.rstrip('/')}/{path}"), (self.mount,)).asset
        except Refused:
            return None

    def _located(self, base: str, bases: tuple[tuple[str, ...], ...], reference: str) -> tuple[str, ...]:
        try:
            if parse_reference(reference).query is not None:
                return ()
            places = resolve(base, bases, reference).own_paths
        except Malformed:
            return ()
        names = (self._below(place) for place in places)
        return tuple(name for name in names if name is not None)

    def _below(self, raw_path: str) -> str | None:
        try:
            target = parse_target(as_sent(raw_path), (self.mount, *self.mounts))
        except (Refused, UnicodeEncodeError):
            return None
        return target.path if target.mount == self.mount.prefix else None


_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def as_sent(text: str) -> str:
    """A path or query as clients send it: blanks and what is not ASCII percent-encoded, the rest as it is.

    Raises UnicodeEncodeError for half a character.
    """
    return quote(text, safe=_VISIBLE)


# Most references in long playlists: a name beside the playlist, in characters that mean the same to everybody.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def _is_plain(reference: str) -> bool:
    is_named = 0 < len(reference) <= 200 and not reference.startswith(".") and not reference.endswith(".")
    return is_named and _PLAIN.issuperset(reference)
