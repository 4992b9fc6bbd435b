from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from origin.demo.plan import AssetPlan, Rendition, ffmpeg_arguments, progress_of, segment_folders

PLAN = AssetPlan()
ONE = replace(PLAN, renditions=(Rendition(320, 180, 200),), seconds=2)


def option(plan: AssetPlan, name: str) -> list[str]:
    """Every value given to an option."""
    arguments = ffmpeg_arguments(plan)
    return [arguments[place + 1] for place, argument in enumerate(arguments) if argument == name]


@pytest.mark.parametrize(
    ("plan", "name", "values"),
    [
        (PLAN, "-map", ["[v0]", "[v1]", "[v2]", "[audio]"]),
        (ONE, "-map", ["[v0]", "[audio]"]),
        (PLAN, "-t", ["40"]),
        (ONE, "-t", ["2"]),
        (PLAN, "-g", ["50"]),
        (PLAN, "-keyint_min", ["50"]),
        (replace(PLAN, segment_seconds=4), "-g", ["100"]),
        (PLAN, "-sc_threshold", ["0"]),
        (PLAN, "-seg_duration", ["2"]),
        (PLAN, "-b:v:2", ["1600k"]),
        (PLAN, "-maxrate:v:0", ["300k"]),
        (PLAN, "-progress", ["pipe:1"]),
        (PLAN, "-hls_playlist", ["1"]),
    ],
)
def test_the_plan_becomes_arguments(plan: AssetPlan, name: str, values: list[str]) -> None:
    assert option(plan, name) == values


def test_every_rendition_is_scaled_from_the_same_frames() -> None:
    [graph] = option(PLAN, "-filter_complex")
    assert "split=3[s0][s1][s2]" in graph
    for size in ("scale=416:234", "scale=640:360", "scale=960:540"):
        assert size in graph


def test_no_font_is_needed() -> None:
    assert "drawtext" not in " ".join(ffmpeg_arguments(PLAN))


def test_there_is_a_folder_for_every_stream() -> None:
    assert segment_folders(PLAN) == ("segments/0", "segments/1", "segments/2", "segments/3")
    assert segment_folders(ONE) == ("segments/0", "segments/1")


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: replace(plan, seconds=41),
        lambda plan: replace(plan, fps=50),
        lambda plan: replace(plan, audio_kilobits=128),
        lambda plan: replace(plan, renditions=plan.renditions[:2]),
    ],
)
def test_another_plan_has_another_fingerprint(change: Callable[[AssetPlan], AssetPlan]) -> None:
    assert change(PLAN).fingerprint != PLAN.fingerprint
    assert AssetPlan().fingerprint == PLAN.fingerprint


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("out_time_us=10000000", 0.25),
        ("out_time_us=0\r", 0.0),
        ("out_time_us=99000000", 1.0),
        ("out_time_us=N/A", None),
        ("out_time_us=-23000", None),
        ("out_time=00:00:10.0", None),
        ("frame=250", None),
        ("", None),
    ],
)
def test_progress(line: str, done: float | None) -> None:
    assert progress_of(line, PLAN) == done
