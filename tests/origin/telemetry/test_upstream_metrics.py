"""Counting what happens behind a shield: labels stay inside their sets."""

from __future__ import annotations

from cache.disk.outcome import DiskEvent
from cache.fleet.record import FleetEvent
from cache.outcome import Outcome
from origin.telemetry.series import Families
from origin.telemetry.upstream_metrics import UNKNOWN, UpstreamMetrics, UpstreamVocabulary

WORDS = UpstreamVocabulary(
    mounts=("/vod",),
    results=("ok",),
    troubles=("upstream_busy",),
    events=("not_kept",),
    prefetch_events=("warmed",),
    edges=("cdn",),
    edge_results=("done",),
)


class Counted:
    """Metrics, and how to read them."""

    def __init__(self) -> None:
        self.families = Families()
        self.metrics = UpstreamMetrics(self.families, WORDS)

    def values(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Everything that is not zero."""
        return {
            (sample.name.removeprefix("headgate_"), tuple(sample.labels.values())): sample.value
            for family in self.families.collect()
            for sample in family.samples
            if sample.value and not sample.name.endswith("_bucket")
        }


def test_upstreams_and_shields() -> None:
    it = Counted()
    it.metrics.asked("/vod", "ok", 0.5)
    it.metrics.received("/vod", 100)
    it.metrics.broke("/vod", "upstream_busy")
    it.metrics.answered("/vod", Outcome.HIT)
    it.metrics.answered("/vod", Outcome.HIT)
    it.metrics.shield_happened("/vod", "not_kept")
    it.metrics.prefetched("/vod", "warmed")
    values = it.values()
    assert sorted(values.values()) == [0.5, 1, 1, 1, 1, 1, 2, 100]
    assert all(labels[0] == "/vod" for _, labels in values)


def test_words_from_outside_are_no_labels() -> None:
    it = Counted()
    it.metrics.asked("/x", "x", 0.5)
    it.metrics.received("/x", 100)
    it.metrics.broke("/x", "x")
    it.metrics.answered("/x", Outcome.MISS)
    it.metrics.shield_happened("/x", "x")
    it.metrics.prefetched("/x", "x")
    it.metrics.edge_purged("x", "x", 2)
    labels = {label for _, labels in it.values() for label in labels}
    assert labels == {UNKNOWN, Outcome.MISS.value}


def test_the_disk_and_the_fleet() -> None:
    it = Counted()
    it.metrics.looked_up(is_hit=True)
    it.metrics.looked_up(is_hit=False)
    it.metrics.looked_up(is_hit=False)
    it.metrics.stored(10)
    it.metrics.evicted(3, 20)
    it.metrics.resized(7, 1000, 500)
    it.metrics.happened(DiskEvent.FULL)
    it.metrics.noted(next(iter(FleetEvent)), 4)
    it.metrics.edge_purged("cdn", "done", 2)
    it.metrics.purges_held(6, is_pending=True)
    assert sorted(it.values().values()) == [1, 1, 1, 2, 2, 4, 6, 7, 10, 20, 500, 1000]
