"""The declared metrics as live counters of one process, or of one worker among others.

Label values come from closed sets alone: what is not in its set is counted as "-", so no client, however
inventive, adds a time series.
"""

from __future__ import annotations

import gc
import math
import platform
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus

from prometheus_client import CollectorRegistry, ProcessCollector

from auth.errors import Reason
from cache.outcome import BreakerState, Event, Operation, Outcome, Result
from origin.media.kinds import Kind
from origin.telemetry import declarations as declared
from origin.telemetry.series import Counter, Families, Histogram
from origin.telemetry.shared_values import SharedValues, WorkerProcesses
from origin.telemetry.tls_metrics import TlsMetrics, TlsVocabulary
from origin.telemetry.upstream_metrics import UpstreamMetrics, UpstreamVocabulary

UNKNOWN = "-"
ADMITTED = "ok"

_REASONS = frozenset({ADMITTED, *Reason})
_CODES = frozenset(HTTPStatus)
# Metric → its word in `gc.get_stats`.
_GARBAGE = {
    declared.GC_COLLECTED: "collected",
    declared.GC_UNCOLLECTABLE: "uncollectable",
    declared.GC_COLLECTIONS: "collections",
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The label values that this process may use, beside those that are enums."""

    mounts: Collection[str] = ()  # prefixes, "/vod"
    dialects: Collection[str] = ()
    manifest_reasons: Collection[str] = ()
    storage_operations: Collection[str] = ()
    storage_results: Collection[str] = ()
    edge_results: Collection[str] = ()
    ledger_rules: Collection[str] = ()
    ledger_decisions: Collection[str] = ()
    ledger_operations: Collection[str] = ()
    key_rings: Collection[str] = ()
    tls: TlsVocabulary = field(default_factory=TlsVocabulary)
    upstream: UpstreamVocabulary = field(default_factory=UpstreamVocabulary)


class RequestSeries:
    """The series of one combination of mount, kind and status: what a hot path keeps at hand."""

    __slots__ = ("_bytes", "_count", "_first_byte")

    def __init__(self, count: Counter, first_byte: Histogram, sent: Counter) -> None:
        """Each argument already carries its label values."""
        self._count = count
        self._first_byte = first_byte
        self._bytes = sent

    def record(self, first_byte_seconds: float, sent_bytes: int) -> None:
        """Count one finished request."""
        self._count.inc()
        self._first_byte.observe(first_byte_seconds)
        self._bytes.inc(sent_bytes)


class Metrics:
    """The metrics of one process, on a registry of their own. It is also the cache's and the ledger's `Recorder`."""

    def __init__(self, vocabulary: Vocabulary, version: str, shared: SharedValues | None = None) -> None:
        """`vocabulary` bounds the labels; `version` is the gateway's; `shared` is what workers count in together."""
        self.registry = CollectorRegistry(auto_describe=False)
        families = Families(shared)
        self.registry.register(families)
        self._words = vocabulary
        self._series: dict[tuple[str, str, str], RequestSeries] = {}
        self._decisions: dict[tuple[str, str, str], Counter] = {}
        self._requests = families.counter(declared.REQUESTS)
        self._first_byte = families.histogram(declared.FIRST_BYTE)
        self._bytes_sent = families.counter(declared.BYTES_SENT)
        self.in_flight = families.gauge(declared.IN_FLIGHT).labels()
        self._cache_outcomes = families.counter(declared.CACHE_OUTCOMES)
        self._cache_events = families.counter(declared.CACHE_EVENTS)
        self._cache_entries = families.gauge(declared.CACHE_ENTRIES).labels()
        self._cache_bytes = families.gauge(declared.CACHE_BYTES).labels()
        self._cache_evicted = families.counter(declared.CACHE_EVICTED).labels()
        self._l2_operations = families.counter(declared.L2_OPERATIONS)
        self._l2_seconds = families.histogram(declared.L2_SECONDS)
        self._l2_breaker = families.gauge(declared.L2_BREAKER)
        self._token_decisions = families.counter(declared.TOKEN_DECISIONS)
        self._edge_proofs = families.counter(declared.EDGE_PROOFS)
        self._ledger_decisions = families.counter(declared.LEDGER_DECISIONS)
        self._ledger_failures = families.counter(declared.LEDGER_FAILURES)
        self._revocations = families.gauge(declared.REVOCATIONS).labels()
        self._revocations_age = families.gauge(declared.REVOCATIONS_AGE).labels()
        self._key_ring_age = families.gauge(declared.KEY_RING_AGE)
        self._storage_operations = families.counter(declared.STORAGE_OPERATIONS)
        self._storage_seconds = families.histogram(declared.STORAGE_SECONDS)
        self._manifests_refused = families.counter(declared.MANIFESTS_REFUSED)
        self._access_log_dropped = families.counter(declared.ACCESS_LOG_DROPPED).labels()
        self._loop_lag = families.histogram(declared.LOOP_LAG).labels()
        _count_process(families, version)
        self._garbage = tuple(map(families.counter, _GARBAGE))
        self._garbage_seen = [dict.fromkeys(_GARBAGE.values(), 0) for _ in gc.get_stats()]
        self._dropping = threading.Lock()
        self.tls = TlsMetrics(families, vocabulary.tls)
        self.upstream = UpstreamMetrics(families, vocabulary.upstream)
        self.breaker(BreakerState.CLOSED)
        self.collected_garbage()
        self.registry.register(ProcessCollector(registry=None) if shared is None else WorkerProcesses(shared))

    def request(self, mount: str, kind: Kind, status: int) -> RequestSeries:
        """Where requests with these facts are counted."""
        key = (_known(mount, self._words.mounts), kind.value, str(status) if status in _CODES else UNKNOWN)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = RequestSeries(
                self._requests.labels(*key),
                self._first_byte.labels(*key[:2]),
                self._bytes_sent.labels(*key[:2]),
            )
        return series

    def looked_up(self, outcome: Outcome) -> None:
        """Count one cache look-up."""
        self._cache_outcomes.labels(outcome.value).inc()

    def operated(self, operation: Operation, result: Result, seconds: float) -> None:
        """Count and time one operation on the shared cache tier."""
        self._l2_operations.labels(operation.value, result.value).inc()
        self._l2_seconds.labels(operation.value).observe(seconds)

    def breaker(self, state: BreakerState) -> None:
        """Say which state the breaker is in now."""
        for each in BreakerState:
            self._l2_breaker.labels(each.value).set(each is state)

    def resized(self, entries: int, size_bytes: int, evicted: int) -> None:
        """Say what the first cache tier holds now, after pushing `evicted` entries out."""
        self._cache_entries.set(entries)
        self._cache_bytes.set(size_bytes)
        self._cache_evicted.inc(evicted)

    def happened(self, event: Event) -> None:
        """Count one event of the cache."""
        self._cache_events.labels(event.value).inc()

    def token_decision(self, mount: str, dialect: str, reason: str = ADMITTED) -> None:
        """Count one decision about a token: `ADMITTED`, or the value of a `Reason`."""
        words = (mount, dialect, reason)
        counter = self._decisions.get(words)
        if counter is None:
            known = (_known(mount, self._words.mounts), _known(dialect, self._words.dialects), _known(reason, _REASONS))
            counter = self._token_decisions.labels(*known)
            if known == words:
                self._decisions[words] = counter
        counter.inc()

    def edge_proof(self, mount: str, result: str) -> None:
        """Count what came of looking for an edge's proof."""
        known_result = _known(result, self._words.edge_results)
        self._edge_proofs.labels(_known(mount, self._words.mounts), known_result).inc()

    def ledger_decided(self, mount: str, rule: str, decision: str) -> None:
        """Count what a rule about what is remembered of tokens made of a request."""
        known_rule, known_decision = (
            _known(rule, self._words.ledger_rules),
            _known(decision, self._words.ledger_decisions),
        )
        self._ledger_decisions.labels(_known(mount, self._words.mounts), known_rule, known_decision).inc()

    def ledger_failed(self, operation: str) -> None:
        """Count an operation that the ledger's store did not answer."""
        self._ledger_failures.labels(_known(operation, self._words.ledger_operations)).inc()

    def revocations(self, entries: int, age_seconds: float) -> None:
        """Say how many revocations are in force, and how long ago they were known to be all."""
        self._revocations.set(entries)
        self._revocations_age.set(age_seconds)

    def key_ring_age(self, ring: str, age_seconds: float | None) -> None:
        """Say how long ago a key ring was last confirmed by its source; None: it never was."""
        known = self._key_ring_age.labels(_known(ring, self._words.key_rings))
        known.set(math.nan if age_seconds is None else age_seconds)

    def storage(self, mount: str, operation: str, result: str, seconds: float) -> None:
        """Count and time one open or read of storage."""
        where = (_known(mount, self._words.mounts), _known(operation, self._words.storage_operations))
        self._storage_operations.labels(*where, _known(result, self._words.storage_results)).inc()
        self._storage_seconds.labels(*where).observe(seconds)

    def manifest_refused(self, mount: str, reason: str) -> None:
        """Count a manifest that was not served."""
        known_reason = _known(reason, self._words.manifest_reasons)
        self._manifests_refused.labels(_known(mount, self._words.mounts), known_reason).inc()

    def access_log_dropped(self, lines: int) -> None:
        """Count access log lines that were not written, in any thread."""
        with self._dropping:
            self._access_log_dropped.inc(lines)

    def loop_lag(self, seconds: float) -> None:
        """Record how late the event loop was."""
        self._loop_lag.observe(seconds)

    def collected_garbage(self) -> None:
        """Count what the collector of garbage has done since this was called last."""
        for generation, (seen, now) in enumerate(zip(self._garbage_seen, gc.get_stats(), strict=True)):
            for family, word in zip(self._garbage, _GARBAGE.values(), strict=True):
                family.labels(str(generation)).inc(now[word] - seen[word])
                seen[word] = now[word]


def _count_process(families: Families, version: str) -> None:
    families.gauge(declared.BUILD_INFO).labels(version, platform.python_version()).set(1)
    families.gauge(declared.WORKERS).labels().set(1)
    families.counter(declared.WORKER_STARTS).labels().inc()


def _known(word: str, words: Collection[str]) -> str:
    return word if word in words else UNKNOWN
