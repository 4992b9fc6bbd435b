"""The tables, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks.shield.crowds import Crowds
from benchmarks.shield.hits import Runs
from benchmarks.shield.million import Million
from benchmarks.shield.servers import ON_DISK, PULLED
from benchmarks.shield.wrk import Run


def file_table(runs: Runs) -> str:
    """Processor time of both mounts, and the ratio round by round."""
    lines = _head(
        "hit",
        "µs of processor a request, file",
        "kept",
        "kept / file, median (of each pair)",
        "requests/s, file",
        "kept",
    )
    for row, by_mount in runs.items():
        files, kept = by_mount[ON_DISK], by_mount[PULLED]
        ratios = [
            after.cpu_seconds_per_1000 / before.cpu_seconds_per_1000 for before, after in zip(files, kept, strict=True)
        ]
        lines.append(
            f"| {row} | {_spread(files, _microseconds)} | {_spread(kept, _microseconds)}"
            f" | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            f" | {_spread(files, _rate)} | {_spread(kept, _rate)} |"
        )
    return "\n".join([*lines, ""])


def hits_table(runs: Runs) -> str:
    """Rates and processor time of every cache, row by row."""
    lines = _head("hit", "cache", "requests/s", "MB/s", "p99 ms", "µs of processor a request", "failed")
    for row, by_cache in runs.items():
        for cache, found in by_cache.items():
            lines.append(
                f"| {row} | {cache} | {_spread(found, _rate)}"
                f" | {statistics.median(run.megabytes_per_second for run in found):,.0f}"
                f" | {statistics.median(run.p99_ms for run in found):.1f}"
                f" | {_spread(found, _microseconds)} | {sum(run.failed for run in found)} |"
            )
    return "\n".join([*lines, ""])


def crowds_table(found: Crowds) -> str:
    """Milliseconds to the first byte, medians over the rounds."""
    lines = _head("crowd", "cache", "ms to the first byte, median", "p99", "last", "requests upstream", "failed")
    for crowd, by_cache in found.items():
        for cache, each in by_cache.items():
            times = [statistics.median(getattr(one, name) * 1000 for one in each) for name in ("median", "p99", "last")]
            asked = sorted({one.upstream_requests for one in each})
            lines.append(
                f"| {crowd} | {cache} | {' | '.join(f'{time:,.0f}' for time in times)}"
                f" | {', '.join(map(str, asked))} | {sum(one.failed for one in each)} |"
            )
    return "\n".join([*lines, ""])


def million_table(found: Million) -> str:
    """Empty and full, side by side."""
    empty, full = found.empty, found.full
    lines = _head("", "empty", f"{found.objects:,} objects")
    lines += [
        f"| opening the store, ms | {empty.open_seconds * 1000:.1f} | {full.open_seconds * 1000:.1f} |",
        f"| start of the gateway to its first answer, s | {found.first_answer_empty_seconds:.2f}"
        f" | {found.first_answer_full_seconds:.2f} |",
        f"| memory of the store, MB | {(empty.rss_open - empty.rss_before) / 1e6:.1f}"
        f" | {(full.rss_open - full.rss_before) / 1e6:.1f} |",
        f"| memory of the gateway, MB | {found.gateway_rss_empty_mb:.0f} | {found.gateway_rss_full_mb:.0f} |",
        f"| a look for a body that is not in hands, µs | | {full.look_microseconds:.0f} |",
        f"| index on the disk, bytes an object | | {found.index_bytes / found.objects:.0f} |",
        f"| objects kept a second, one process | | {found.kept_per_second:,.0f} |",
        f"| objects evicted a second, one process | | {found.evicted_per_second:,.0f} |",
    ]
    return "\n".join([*lines, ""])


def _head(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _microseconds(run: Run) -> float:
    return run.cpu_seconds_per_1000 * 1000


def _rate(run: Run) -> float:
    return run.requests_per_second


def _spread(runs: list[Run], figure: Callable[[Run], float]) -> str:
    figures = [figure(run) for run in runs]
    return f"{statistics.median(figures):,.0f} ({min(figures):,.0f} to {max(figures):,.0f})"
