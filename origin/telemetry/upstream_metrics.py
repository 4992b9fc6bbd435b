"""The metrics of upstreams, shields, the disk cache and the fleet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from cache.disk.outcome import DiskEvent
from cache.fleet.purging import Source
from cache.fleet.record import FleetEvent
from cache.outcome import Outcome
from origin.telemetry import declarations as declared
from origin.telemetry.series import Counter, Families

UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class UpstreamVocabulary:
    """The label values that this process may use, beside those that are enums of the cache."""

    mounts: Collection[str] = ()
    results: Collection[str] = ()  # of requests to upstreams
    troubles: Collection[str] = ()
    events: Collection[str] = ()  # of shields
    prefetch_events: Collection[str] = ()
    edges: Collection[str] = ()
    edge_results: Collection[str] = ()


class UpstreamMetrics:
    """These metrics of one process. It is also the recorder of the disk cache, the fleet and its purges."""

    def __init__(self, families: Families, vocabulary: UpstreamVocabulary) -> None:
        """`vocabulary` bounds the labels."""
        self._words = vocabulary
        self._requests = families.counter(declared.UPSTREAM_REQUESTS)
        self._seconds = families.histogram(declared.UPSTREAM_SECONDS)
        self._bytes = families.counter(declared.UPSTREAM_BYTES)
        self._broken = families.counter(declared.UPSTREAM_BROKEN)
        self._outcomes = families.counter(declared.SHIELD_OUTCOMES)
        self._events = families.counter(declared.SHIELD_EVENTS)
        self._prefetches = families.counter(declared.PREFETCHES)
        lookups = families.counter(declared.DISK_LOOKUPS)
        # Each hit counts here and above: finding the labels again would take longer than the counting.
        self._hits, self._misses = lookups.labels("hit"), lookups.labels("miss")
        self._outcome = cache(self._labelled_outcome)
        self._bodies = families.gauge(declared.DISK_BODIES).labels()
        self._disk_bytes = families.gauge(declared.DISK_BYTES)
        self._stored = families.counter(declared.DISK_STORED).labels()
        self._evicted = families.counter(declared.DISK_EVICTED).labels()
        self._disk_events = families.counter(declared.DISK_EVENTS)
        self._fleet_events = families.counter(declared.FLEET_EVENTS)
        self._purges = families.counter(declared.PURGES)
        self._purges_held = families.gauge(declared.PURGES_HELD).labels()
        self._purges_pending = families.gauge(declared.PURGES_PENDING).labels()
        self._edge_purges = families.counter(declared.EDGE_PURGES)

    def asked(self, mount: str, result: str, seconds: float) -> None:
        """Count and time a request to an upstream."""
        where = _known(mount, self._words.mounts)
        self._requests.labels(where, _known(result, self._words.results)).inc()
        self._seconds.labels(where).observe(seconds)

    def received(self, mount: str, size_bytes: int) -> None:
        """Count body bytes of an upstream."""
        self._bytes.labels(_known(mount, self._words.mounts)).inc(size_bytes)

    def broke(self, mount: str, trouble: str) -> None:
        """Count an answer of an upstream that could not be used."""
        self._broken.labels(_known(mount, self._words.mounts), _known(trouble, self._words.troubles)).inc()

    def answered(self, mount: str, outcome: Outcome) -> None:
        """Count an answer from behind a shield."""
        self._outcome(mount, outcome).inc()

    def shield_happened(self, mount: str, event: str) -> None:
        """Count an event behind a shield."""
        self._events.labels(_known(mount, self._words.mounts), _known(event, self._words.events)).inc()

    def prefetched(self, mount: str, event: str) -> None:
        """Count what became of an object that viewers were expected to ask for."""
        self._prefetches.labels(_known(mount, self._words.mounts), _known(event, self._words.prefetch_events)).inc()

    def looked_up(self, *, is_hit: bool) -> None:
        """See `DiskRecorder`."""
        (self._hits if is_hit else self._misses).inc()

    def stored(self, size_bytes: int) -> None:
        """See `DiskRecorder`."""
        self._stored.inc(size_bytes)

    def evicted(self, bodies: int, size_bytes: int) -> None:
        """See `DiskRecorder`."""
        del bodies
        self._evicted.inc(size_bytes)

    def resized(self, bodies: int, size_bytes: int, reserved_bytes: int) -> None:
        """See `DiskRecorder`."""
        self._bodies.set(bodies)
        self._disk_bytes.labels("kept").set(size_bytes)
        self._disk_bytes.labels("reserved").set(reserved_bytes)

    def happened(self, event: DiskEvent) -> None:
        """See `DiskRecorder`."""
        self._disk_events.labels(event.value).inc()

    def noted(self, event: FleetEvent, amount: int = 1) -> None:
        """See `FleetRecorder`."""
        self._fleet_events.labels(event.value).inc(amount)

    def purges_applied(self, source: Source, count: int) -> None:
        """See `cache.fleet.purging.Recorder`."""
        self._purges.labels(source.value).inc(count)

    def purges_held(self, count: int, *, is_pending: bool) -> None:
        """See `cache.fleet.purging.Recorder`."""
        self._purges_held.set(count)
        self._purges_pending.set(is_pending)

    def edge_purged(self, edge: str, result: str, count: int) -> None:
        """Count purges that were handed to an edge."""
        self._edge_purges.labels(_known(edge, self._words.edges), _known(result, self._words.edge_results)).inc(count)

    def _labelled_outcome(self, mount: str, outcome: Outcome) -> Counter:
        return self._outcomes.labels(_known(mount, self._words.mounts), outcome.value)


def _known(word: str, words: Collection[str]) -> str:
    return word if word in words else UNKNOWN
