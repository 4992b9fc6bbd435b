"""Every metric there is, declared once: name, type, labels and help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_FIRST_BYTE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_STORE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class MetricType(StrEnum):
    """The words of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Across(StrEnum):
    """What a series is over the workers of a machine. Counters and histograms are sums, over those that ended too."""

    SUM = "sum"
    MAX = "max"  # what is not a number is more than any
    LATEST = "latest"  # what they share, as who looked last has found it


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric family. Base units: seconds and bytes."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()  # upper bounds of a histogram
    across: Across = Across.SUM


REQUESTS = Declaration(
    "headgate_requests_total",
    MetricType.COUNTER,
    "Requests answered, by mount, kind of object and status code.",
    ("mount", "kind", "code"),
)
FIRST_BYTE = Declaration(
    "headgate_time_to_first_byte_seconds",
    MetricType.HISTOGRAM,
    "Time from a request's header to the first byte of its answer.",
    ("mount", "kind"),
    _FIRST_BYTE_BUCKETS,
)
BYTES_SENT = Declaration(
    "headgate_sent_bytes_total",
    MetricType.COUNTER,
    "Body bytes handed to the network.",
    ("mount", "kind"),
)
IN_FLIGHT = Declaration("headgate_requests_in_flight", MetricType.GAUGE, "Requests being answered now.")
CACHE_OUTCOMES = Declaration(
    "headgate_cache_outcomes_total", MetricType.COUNTER, "Cache look-ups, by how they ended.", ("outcome",)
)
CACHE_EVENTS = Declaration(
    "headgate_cache_events_total",
    MetricType.COUNTER,
    "What happened in the cache beside look-ups: failed sources, skipped or dropped writes, unusable entries.",
    ("event",),
)
CACHE_ENTRIES = Declaration("headgate_cache_entries", MetricType.GAUGE, "Entries held in memory.")
CACHE_BYTES = Declaration("headgate_cache_bytes", MetricType.GAUGE, "Memory the held entries weigh.")
CACHE_EVICTED = Declaration(
    "headgate_cache_evicted_total", MetricType.COUNTER, "Entries pushed out of memory to make room."
)
L2_OPERATIONS = Declaration(
    "headgate_l2_operations_total",
    MetricType.COUNTER,
    "Operations on the shared cache tier, by operation and result.",
    ("operation", "result"),
)
L2_SECONDS = Declaration(
    "headgate_l2_operation_seconds",
    MetricType.HISTOGRAM,
    "Duration of operations on the shared cache tier.",
    ("operation",),
    _STORE_BUCKETS,
)
L2_BREAKER = Declaration(
    "headgate_l2_breaker_state",
    MetricType.GAUGE,
    "1 for the state the shared tier's circuit breaker is in, 0 for the others; with workers, how many of them are.",
    ("state",),
)
TOKEN_DECISIONS = Declaration(
    "headgate_token_decisions_total",
    MetricType.COUNTER,
    'Decisions about tokens, by dialect and reason; the reason "ok" admits.',
    ("mount", "dialect", "reason"),
)
EDGE_PROOFS = Declaration(
    "headgate_edge_proofs_total",
    MetricType.COUNTER,
    "Requests below mounts with an edge in front, by what came of its proof; all but `ok` are a viewer's.",
    ("mount", "result"),
)
LEDGER_DECISIONS = Declaration(
    "headgate_ledger_decisions_total",
    MetricType.COUNTER,
    "What the rules about revoked tokens, one-time tokens and concurrent streams made of requests with a good token.",
    ("mount", "rule", "decision"),
)
LEDGER_FAILURES = Declaration(
    "headgate_ledger_failures_total",
    MetricType.COUNTER,
    "Operations of the token ledger that its store did not answer.",
    ("operation",),
)
REVOCATIONS = Declaration(
    "headgate_revocations", MetricType.GAUGE, "Revocations in force in this process.", across=Across.MAX
)
REVOCATIONS_AGE = Declaration(
    "headgate_revocations_age_seconds",
    MetricType.GAUGE,
    "How long ago the store last said that these are all revocations; they stay in force while it is away.",
    across=Across.MAX,
)
KEY_RING_AGE = Declaration(
    "headgate_key_ring_age_seconds",
    MetricType.GAUGE,
    "How long ago the ring's source last held these keys; they stay in use while it is away. NaN: it was never read.",
    ("ring",),
    across=Across.MAX,
)
TLS_HANDSHAKES = Declaration(
    "headgate_tls_handshakes_total",
    MetricType.COUNTER,
    "TLS handshakes, by what came of them: full, resumed, or why there was none.",
    ("result",),
)
TLS_EXPIRY = Declaration(
    "headgate_tls_certificate_expiry_timestamp_seconds",
    MetricType.GAUGE,
    "When the certificate that is shown expires (Unix time), by its name in the settings.",
    ("certificate",),
    across=Across.MAX,
)
STORAGE_OPERATIONS = Declaration(
    "headgate_storage_operations_total",
    MetricType.COUNTER,
    "Opens and reads asked of storage, by result; bytes that go straight from a descriptor are not among them.",
    ("mount", "operation", "result"),
)
STORAGE_SECONDS = Declaration(
    "headgate_storage_operation_seconds",
    MetricType.HISTOGRAM,
    "Time that opens and reads of storage took.",
    ("mount", "operation"),
    _STORE_BUCKETS,
)
UPSTREAM_REQUESTS = Declaration(
    "headgate_upstream_requests_total",
    MetricType.COUNTER,
    "Requests to upstreams and buckets, by what came of them until the header block: ok, or why there was no answer.",
    ("mount", "result"),
)
UPSTREAM_SECONDS = Declaration(
    "headgate_upstream_first_byte_seconds",
    MetricType.HISTOGRAM,
    "Time from a request to an upstream to the header block of its answer.",
    ("mount",),
    _FIRST_BYTE_BUCKETS,
)
UPSTREAM_BYTES = Declaration(
    "headgate_upstream_received_bytes_total", MetricType.COUNTER, "Body bytes received from upstreams.", ("mount",)
)
UPSTREAM_BROKEN = Declaration(
    "headgate_upstream_broken_total",
    MetricType.COUNTER,
    "Answers of upstreams that could not be used: none came, or the body broke; nothing of them was kept.",
    ("mount", "reason"),
)
SHIELD_OUTCOMES = Declaration(
    "headgate_shield_outcomes_total",
    MetricType.COUNTER,
    "Requests answered from behind a shield, by how the answer came about.",
    ("mount", "outcome"),
)
SHIELD_EVENTS = Declaration(
    "headgate_shield_events_total",
    MetricType.COUNTER,
    "What happened behind a shield beside answers: bodies that found no room, invalidations, relays.",
    ("mount", "event"),
)
PREFETCHES = Declaration(
    "headgate_prefetch_total",
    MetricType.COUNTER,
    "What became of objects that viewers were expected to ask for.",
    ("mount", "event"),
)
DISK_LOOKUPS = Declaration(
    "headgate_disk_lookups_total", MetricType.COUNTER, "Bodies looked for in the disk cache, by result.", ("result",)
)
DISK_BODIES = Declaration(
    "headgate_disk_bodies", MetricType.GAUGE, "Bodies in the disk cache's directory.", across=Across.LATEST
)
DISK_BYTES = Declaration(
    "headgate_disk_bytes",
    MetricType.GAUGE,
    "Bytes of the disk cache, by use: kept, or reserved for bodies that are being filled.",
    ("use",),
    across=Across.LATEST,
)
DISK_STORED = Declaration(
    "headgate_disk_stored_bytes_total", MetricType.COUNTER, "Bytes that became visible in the disk cache."
)
DISK_EVICTED = Declaration(
    "headgate_disk_evicted_bytes_total", MetricType.COUNTER, "Bytes pushed out of the disk cache to make room."
)
DISK_EVENTS = Declaration(
    "headgate_disk_events_total",
    MetricType.COUNTER,
    "What happened in the disk cache beside look-ups: no room, damaged bodies, sweeps, trouble with its index.",
    ("event",),
)
FLEET_EVENTS = Declaration(
    "headgate_fleet_events_total",
    MetricType.COUNTER,
    "What nodes do together: leases taken, waited for, lost; messages heard and dropped.",
    ("event",),
)
PURGES = Declaration(
    "headgate_purges_total",
    MetricType.COUNTER,
    "Purges that came in force in this process, by how it came to know of them.",
    ("source",),
)
PURGES_HELD = Declaration(
    "headgate_purges_in_force", MetricType.GAUGE, "Purges that what is kept is judged by.", across=Across.MAX
)
PURGES_PENDING = Declaration(
    "headgate_purges_pending",
    MetricType.GAUGE,
    "1 while the fleet may not know of all purges, because Redis is away.",
    across=Across.MAX,
)
EDGE_PURGES = Declaration(
    "headgate_edge_purges_total",
    MetricType.COUNTER,
    "Purges handed to the edges in front, by edge and result.",
    ("edge", "result"),
)
MANIFESTS_REFUSED = Declaration(
    "headgate_manifests_refused_total",
    MetricType.COUNTER,
    "Manifests that could not be understood well enough to be served, by reason.",
    ("mount", "reason"),
)
ACCESS_LOG_DROPPED = Declaration(
    "headgate_access_log_dropped_total",
    MetricType.COUNTER,
    "Access log lines dropped because they came faster than they could be written.",
)
LOOP_LAG = Declaration(
    "headgate_event_loop_lag_seconds",
    MetricType.HISTOGRAM,
    "How much later than asked for the event loop ran a timer.",
    (),
    _LAG_BUCKETS,
)
BUILD_INFO = Declaration(
    "headgate_build_info",
    MetricType.GAUGE,
    "Always 1; the labels name what runs.",
    ("version", "python"),
    across=Across.MAX,
)
WORKERS = Declaration("headgate_workers", MetricType.GAUGE, "Processes that serve, those that drain included.")
WORKER_STARTS = Declaration(
    "headgate_worker_starts_total",
    MetricType.COUNTER,
    "Processes that began to serve; with workers, more of them than there are tells of restarts and reloads.",
)
# Under the names that Python's collectors of metrics have for them everywhere.
GC_COLLECTED = Declaration(
    "python_gc_objects_collected_total", MetricType.COUNTER, "Objects collected during gc.", ("generation",)
)
GC_UNCOLLECTABLE = Declaration(
    "python_gc_objects_uncollectable_total",
    MetricType.COUNTER,
    "Uncollectable objects found during GC.",
    ("generation",),
)
GC_COLLECTIONS = Declaration(
    "python_gc_collections_total",
    MetricType.COUNTER,
    "Number of times this generation was collected.",
    ("generation",),
)

DECLARATIONS = (
    REQUESTS,
    FIRST_BYTE,
    BYTES_SENT,
    IN_FLIGHT,
    CACHE_OUTCOMES,
    CACHE_EVENTS,
    CACHE_ENTRIES,
    CACHE_BYTES,
    CACHE_EVICTED,
    L2_OPERATIONS,
    L2_SECONDS,
    L2_BREAKER,
    TOKEN_DECISIONS,
    EDGE_PROOFS,
    LEDGER_DECISIONS,
    LEDGER_FAILURES,
    REVOCATIONS,
    REVOCATIONS_AGE,
    KEY_RING_AGE,
    TLS_HANDSHAKES,
    TLS_EXPIRY,
    STORAGE_OPERATIONS,
    STORAGE_SECONDS,
    UPSTREAM_REQUESTS,
    UPSTREAM_SECONDS,
    UPSTREAM_BYTES,
    UPSTREAM_BROKEN,
    SHIELD_OUTCOMES,
    SHIELD_EVENTS,
    PREFETCHES,
    DISK_LOOKUPS,
    DISK_BODIES,
    DISK_BYTES,
    DISK_STORED,
    DISK_EVICTED,
    DISK_EVENTS,
    FLEET_EVENTS,
    PURGES,
    PURGES_HELD,
    PURGES_PENDING,
    EDGE_PURGES,
    MANIFESTS_REFUSED,
    ACCESS_LOG_DROPPED,
    LOOP_LAG,
    BUILD_INFO,
    WORKERS,
    WORKER_STARTS,
    GC_COLLECTED,
    GC_UNCOLLECTABLE,
    GC_COLLECTIONS,
)


# Families that the metrics library gives about the process itself; their names begin so.
PROCESS_FAMILIES = ("process_",)
_ABOUT_THE_PROCESS = """
Beside these, families that begin with `process_` (CPU time, memory, open descriptors, start time; on Linux) say how the
process itself fares.

Workers of one machine answer a scrape for all of them, whichever is asked: counters and histograms are sums, over
workers that have ended too, as long as their supervisor lives. Gauges are sums over those that run, save that ages,
revocations and purges are those of the worker where they are most, and those of the disk cache as last seen. Only
`process_` families are each worker's own; the label `worker` has its number, and `pid` tells two apart that have the
same one while a reload lasts.
"""


def metrics_markdown() -> str:
    """Every metric as one Markdown table."""
    head = "| metric | type | labels | meaning |\n|---|---|---|---|\n"
    rows = (
        f"| `{metric.name}` | {metric.type} | {', '.join(metric.labels)} | {metric.help} |" for metric in DECLARATIONS
    )
    return head + "\n".join(rows) + "\n" + _ABOUT_THE_PROCESS
