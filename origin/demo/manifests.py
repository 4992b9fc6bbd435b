"""From the manifests ffmpeg wrote to the ones we serve. Pure.

ffmpeg's DASH muxer knows how long each segment is and which codecs are in it, and writes a sound MPD. Its
playlists lack what a VOD asset should say (RFC 8216bis: measured rates, EXT-X-INDEPENDENT-SEGMENTS,
EXT-X-PLAYLIST-TYPE) and list a variant twice, so the playlists are written here from its facts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from origin.demo.plan import SEGMENTS, AssetPlan

_VERSION = 7
_SEGMENT = re.compile(r"^#EXTINF:([0-9.]+),[^\n]*\n(?:#[^\n]*\n)*([^#\n]+)$", re.MULTILINE)
_MAP = re.compile(r'^#EXT-X-MAP:URI="([^"]+)"', re.MULTILINE)
_REPRESENTATION = re.compile(r'<Representation\b[^>]*\bid="(\d+)"[^>]*\bcodecs="([^"]+)"')
_LONGEST = re.compile(r'\bmaxSegmentDuration="[^"]*"')


class UnusableOutput(Exception):  # noqa: N818  # a verdict on what ffmpeg wrote
    """ffmpeg ended well but wrote something else than the plan asked for."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A media segment: URI relative to the playlist, seconds, bytes."""

    uri: str
    seconds: float
    size: int

    @property
    def bits_per_second(self) -> float:
        """The rate at which this segment must arrive."""
        return 8 * self.size / self.seconds


@dataclass(frozen=True, slots=True)
class Track:
    """One stream as packaged."""

    init: str
    codecs: str
    segments: tuple[Segment, ...]

    @property
    def peak(self) -> int:
        """Bits per second of the largest segment (RFC 8216bis §4.4.6.2, BANDWIDTH)."""
        return math.ceil(max(segment.bits_per_second for segment in self.segments))

    @property
    def average(self) -> int:
        """Bits per second over the whole stream (AVERAGE-BANDWIDTH)."""
        seconds = sum(segment.seconds for segment in self.segments)
        return math.ceil(8 * sum(segment.size for segment in self.segments) / seconds)


def read_tracks(plan: AssetPlan, texts: Mapping[str, str], mpd: str, sizes: Mapping[str, int]) -> tuple[Track, ...]:
    """The tracks in the plan's order, from the playlists by name, the MPD, and the sizes in bytes by path.

    Raises `UnusableOutput` when a track is missing, empty, or names a file that is not there.
    """
    codecs = {int(number): names for number, names in _REPRESENTATION.findall(mpd)}
    try:
        return tuple(
            _track(texts[media_playlist_name(stream)], codecs[stream], sizes) for stream in range(plan.streams)
        )
    except KeyError as missing:
        raise UnusableOutput(f"nothing found for {missing}") from None


def media_playlist_name(stream: int) -> str:
    """The playlist of one stream, as ffmpeg's DASH muxer names it and as we do."""
    return f"media_{stream}.m3u8"


def multivariant(plan: AssetPlan, tracks: Sequence[Track]) -> str:
    """The multivariant playlist: one audio group, one variant a rendition (RFC 8216bis §4.4.6)."""
    *videos, audio = tracks
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines.append(
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Tone",DEFAULT=YES,AUTOSELECT=YES,'
        f'CHANNELS="2",URI="{media_playlist_name(len(videos))}"'
    )
    for stream, (rendition, video) in enumerate(zip(plan.renditions, videos, strict=True)):
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={video.peak + audio.peak},"
            f"AVERAGE-BANDWIDTH={video.average + audio.average},"
            f'CODECS="{video.codecs},{audio.codecs}",RESOLUTION={rendition.width}x{rendition.height},'
            f'FRAME-RATE={plan.fps:.3f},AUDIO="audio"'
        )
        lines.append(media_playlist_name(stream))
    return "\n".join((*lines, ""))


def media_playlist(track: Track, version: str) -> str:
    """A VOD media playlist over the segments of `version`."""
    target = max(round(segment.seconds) for segment in track.segments)
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", f"#EXT-X-TARGETDURATION:{target}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines.append(f'#EXT-X-MAP:URI="{_versioned(track.init, version)}"')
    for segment in track.segments:
        lines += [f"#EXTINF:{segment.seconds:.6f},", _versioned(segment.uri, version)]
    return "\n".join((*lines, "#EXT-X-ENDLIST", ""))


def finished_mpd(mpd: str, tracks: Sequence[Track], version: str) -> str:
    """ffmpeg's MPD over the segments of `version`.

    MPD@maxSegmentDuration may not be shorter than any segment (ISO/IEC 23009-1 §5.3.1.2); ffmpeg writes what
    was asked for, and an audio segment is up to a frame longer.
    """
    longest = max(segment.seconds for track in tracks for segment in track.segments)
    ceiling = math.ceil(longest * 1000) / 1000
    return _LONGEST.sub(f'maxSegmentDuration="PT{ceiling:.3f}S"', mpd).replace(f'"{SEGMENTS}/', f'"{version}/')


def _track(text: str, codecs: str, sizes: Mapping[str, int]) -> Track:
    initial = _MAP.search(text)
    segments = tuple(Segment(uri, float(seconds), sizes[uri]) for seconds, uri in _SEGMENT.findall(text))
    if initial is None or not segments or initial[1] not in sizes:
        raise UnusableOutput("a playlist without an init segment or without segments")
    return Track(initial[1], codecs, segments)


def _versioned(uri: str, version: str) -> str:
    return f"{version}/{uri.removeprefix(SEGMENTS + '/')}"
