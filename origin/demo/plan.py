"""What the demonstration asset is, and the ffmpeg arguments that make it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from origin.demo.clock import Box, number, timecode

SEGMENTS = "segments"  # folder of the segments while ffmpeg writes; its final name is known when the bytes are
MULTIVARIANT = "index.m3u8"
MPD = "manifest.mpd"
_REVISION = 1  # raise it when the same plan shall give other bytes
_SAMPLE_RATE = 48_000
_GRAIN = 8


@dataclass(frozen=True, slots=True)
class Rendition:
    """One video quality: size in pixels, rate in kbit/s."""

    width: int
    height: int
    kilobits: int


@dataclass(frozen=True, slots=True)
class AssetPlan:
    """A test card with a timecode and a tone: 16:9, H.264 and AAC in CMAF segments."""

    renditions: tuple[Rendition, ...] = (
        Rendition(416, 234, 300),
        Rendition(640, 360, 800),
        Rendition(960, 540, 1600),
    )
    seconds: int = 40
    segment_seconds: int = 2
    fps: int = 25
    audio_kilobits: int = 96

    @property
    def streams(self) -> int:
        """Video renditions and the one audio rendition; ffmpeg numbers its outputs in this order."""
        return len(self.renditions) + 1

    @property
    def fingerprint(self) -> str:
        """Differs whenever the asset would: a made asset with the same fingerprint is current."""
        spoken = "\0".join((str(_REVISION), *ffmpeg_arguments(self)))
        return hashlib.sha256(spoken.encode()).hexdigest()


def ffmpeg_arguments(plan: AssetPlan) -> tuple[str, ...]:
    """Arguments after the program's name; run in a directory where `segment_folders(plan)` exist."""
    return (
        *("-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-progress", "pipe:1", "-y"),
        *_inputs(plan),
        *("-filter_complex", filter_graph(plan)),
        *(part for output in range(len(plan.renditions)) for part in ("-map", f"[v{output}]")),
        *("-map", "[audio]", "-t", str(plan.seconds)),
        *_video_encoding(plan),
        *("-c:a", "aac", "-b:a", f"{plan.audio_kilobits}k"),
        *_packaging(plan),
        MPD,
    )


def segment_folders(plan: AssetPlan) -> tuple[str, ...]:
    """Folders that must exist before ffmpeg starts; its DASH muxer makes none."""
    return tuple(f"{SEGMENTS}/{stream}" for stream in range(plan.streams))


def filter_graph(plan: AssetPlan) -> str:
    """Test card, timecode and a needle that sweeps once a segment; then one scaled branch a rendition."""
    largest = max(plan.renditions, key=lambda rendition: rendition.height)
    frame = Box(0, 0, largest.width, largest.height)
    per_segment = plan.fps * plan.segment_seconds
    drawn = ",".join(("format=yuv420p", *timecode(frame, plan.fps)))
    heads = "".join(f"[s{output}]" for output in range(len(plan.renditions)))
    return ";".join(
        (
            f"[0:v]{drawn}[card]",
            f"[card][1:v]overlay=x='W*mod(n,{per_segment})/{per_segment}':y=H-h,split={len(plan.renditions)}{heads}",
            *(_branch(output, rendition) for output, rendition in enumerate(plan.renditions)),
            "[2:a]aformat=channel_layouts=stereo[audio]",
        )
    )


def progress_of(line: str, plan: AssetPlan) -> float | None:
    """How much is encoded, 0 to 1, from one line of ffmpeg's `-progress`; None from other lines."""
    name, _, value = line.strip().partition("=")
    if name != "out_time_us" or not value.isdecimal():
        return None
    return min(1.0, int(value) / (plan.seconds * 1_000_000))


def _inputs(plan: AssetPlan) -> tuple[str, ...]:
    largest = max(plan.renditions, key=lambda rendition: rendition.height)
    size = f"{largest.width}x{largest.height}"
    needle = f"{max(4, largest.width // 120)}x{largest.height // 8}"
    return (
        *("-f", "lavfi", "-i", f"smptehdbars=size={size}:rate={plan.fps}"),
        *("-f", "lavfi", "-i", f"color=color=white:size={needle}:rate={plan.fps}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:beep_factor=4:sample_rate={_SAMPLE_RATE}"),
    )


def _branch(output: int, rendition: Rendition) -> str:
    height = rendition.height // 12
    label = number(rendition.height, Box(height, rendition.height // 12, rendition.width, height))
    # A test card alone costs next to no bits; grain makes each rendition use its rate, as a picture would.
    scaled = f"scale={rendition.width}:{rendition.height},setsar=1,noise=alls={_GRAIN}:allf=t"
    return f"[s{output}]{','.join((scaled, *label))}[v{output}]"


def _video_encoding(plan: AssetPlan) -> tuple[str, ...]:
    """Closed groups of pictures of one segment each, at the same frames in every rendition."""
    group = str(plan.fps * plan.segment_seconds)
    common = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    groups = ("-g", group, "-keyint_min", group, "-sc_threshold", "0", "-flags", "+cgop")
    rates: list[str] = []
    for output, rendition in enumerate(plan.renditions):
        rate = rendition.kilobits
        rates += (f"-b:v:{output}", f"{rate}k", f"-maxrate:v:{output}", f"{rate}k")
        rates += (f"-bufsize:v:{output}", f"{2 * rate}k")
    return (*common, *groups, *rates)


def _packaging(plan: AssetPlan) -> tuple[str, ...]:
    return (
        *("-f", "dash", "-dash_segment_type", "mp4", "-seg_duration", str(plan.segment_seconds)),
        *("-use_template", "1", "-use_timeline", "1", "-adaptation_sets", "id=0,streams=v id=1,streams=a"),
        *("-init_seg_name", f"{SEGMENTS}/$RepresentationID$/init.mp4"),
        *("-media_seg_name", f"{SEGMENTS}/$RepresentationID$/$Number%05d$.m4s"),
        *("-hls_playlist", "1", "-hls_master_name", MULTIVARIANT),
    )
