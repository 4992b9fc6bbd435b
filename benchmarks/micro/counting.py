"""What counting one finished request costs, and one scrape, alone and as one of several workers.

    python -m benchmarks.micro.counting [ROUNDS]

The peer is the metrics library's own series: a counter, a histogram and a counter, as `RequestSeries` has them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import product
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.micro.timing import Operation, interleaved
from origin.media.kinds import Kind
from origin.telemetry import declarations as declared
from origin.telemetry.exposition import render
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.shared_values import SharedValues

_MOUNTS = tuple(f"/mount-{number}" for number in range(20))
_AT_ONCE = 100  # requests in one call: the call itself takes part in what is measured


def _ours(metrics: Metrics) -> Operation:
    series = metrics.request(_MOUNTS[0], Kind.SEGMENT, 200)

    def operation() -> None:
        for _ in range(_AT_ONCE):
            series.record(0.002, 200_000)

    return operation


def _library() -> Operation:
    registry, where = CollectorRegistry(), (_MOUNTS[0], "segment")
    requests = Counter("requests", "", declared.REQUESTS.labels, registry=registry).labels(*where, "200")
    seconds = Histogram("seconds", "", declared.FIRST_BYTE.labels, registry=registry).labels(*where)
    sent = Counter("sent", "", declared.BYTES_SENT.labels, registry=registry).labels(*where)

    def operation() -> None:
        for _ in range(_AT_ONCE):
            requests.inc()
            seconds.observe(0.002)
            sent.inc(200_000)

    return operation


def _busy(metrics: Metrics) -> Operation:
    for mount, kind, status in product(_MOUNTS, Kind, (200, 206, 304, 404)):
        metrics.request(mount, kind, status).record(0.002, 1000)
    return lambda: render(metrics.registry, "")


def main() -> None:
    """Measure once and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    words = Vocabulary(mounts=_MOUNTS)
    with tempfile.TemporaryDirectory() as folder:
        one, two = (SharedValues(Path(folder), slot) for slot in range(2))
        alone, worker, other = Metrics(words, "0"), Metrics(words, "0", one), Metrics(words, "0", two)
        requests = {"library": _library(), "alone": _ours(alone), "worker": _ours(worker)}
        _busy(other)
        scrapes = {"alone": _busy(alone), "two workers": _busy(worker)}
        report = {
            "request_microseconds": {
                name: round(timed.median / _AT_ONCE, 3) for name, timed in interleaved(requests, rounds).items()
            },
            "scrape_milliseconds": {
                name: round(timed.median / 1000, 2) for name, timed in interleaved(scrapes, rounds).items()
            },
            "series": sum(not line.startswith(b"#") for line in render(worker.registry, "").body.splitlines()),
        }
        one.close()
        two.close()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
