"""Counting: what is declared is what is emitted, and labels stay inside their sets."""

from __future__ import annotations

import gc
import math
import platform
from http import HTTPStatus
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import Reason
from cache.outcome import BreakerState, Event, Operation, Outcome, Result
from origin.media.kinds import Kind
from origin.telemetry.declarations import DECLARATIONS, PROCESS_FAMILIES
from origin.telemetry.metrics import UNKNOWN, Metrics, Vocabulary

WORDS = Vocabulary(
    mounts=("/vod",),
    dialects=("jwt",),
    manifest_reasons=("too_large",),
    storage_operations=("open",),
    storage_results=("ok",),
    edge_results=("ok",),
    ledger_rules=("streams",),
    ledger_decisions=("kept",),
    ledger_operations=("load",),
    key_rings=("main",),
)


def metrics() -> Metrics:
    return Metrics(WORDS, "1.2.3")


def value(counted: Metrics, name: str, **labels: str) -> float | None:
    return counted.registry.get_sample_value(name, labels)


def test_declared_is_emitted_and_emitted_is_declared() -> None:
    emitted = {
        (metric.name + "_total" * (metric.type == "counter"), metric.type, metric.documentation)
        for metric in metrics().registry.collect()
        if not metric.name.startswith(PROCESS_FAMILIES)
    }
    assert emitted == {(metric.name, metric.type.value, metric.help) for metric in DECLARATIONS}


def test_a_request_is_counted_in_all_three() -> None:
    counted = metrics()
    counted.request("/vod", Kind.SEGMENT, 206).record(0.002, 1000)
    counted.request("/vod", Kind.SEGMENT, 200).record(0.002, 24)
    where = {"mount": "/vod", "kind": "segment"}
    assert value(counted, "headgate_requests_total", **where, code="206") == 1
    assert value(counted, "headgate_time_to_first_byte_seconds_count", **where) == 2
    assert value(counted, "headgate_sent_bytes_total", **where) == 1024


def test_the_series_of_a_request_can_be_kept() -> None:
    counted = metrics()
    assert counted.request("/vod", Kind.MPD, 200) is counted.request("/vod", Kind.MPD, 200)
    assert counted.request("/a", Kind.MPD, 200) is counted.request("/b", Kind.MPD, 200)


def test_what_the_ledger_says_is_counted_in_its_own_words() -> None:
    counted = metrics()
    counted.ledger_decided("/vod", "streams", "kept")
    counted.ledger_decided("/other", "whim", "perhaps")
    counted.ledger_failed("load")
    counted.ledger_failed("guess")
    counted.revocations(3, 1.5)
    decisions = "headgate_ledger_decisions_total"
    assert value(counted, decisions, mount="/vod", rule="streams", decision="kept") == 1
    assert value(counted, decisions, mount=UNKNOWN, rule=UNKNOWN, decision=UNKNOWN) == 1
    assert value(counted, "headgate_ledger_failures_total", operation="load") == 1
    assert value(counted, "headgate_ledger_failures_total", operation=UNKNOWN) == 1
    assert value(counted, "headgate_revocations") == 3
    assert value(counted, "headgate_revocations_age_seconds") == 1.5


def test_the_age_of_a_key_ring_is_known_or_not() -> None:
    counted = metrics()
    counted.key_ring_age("main", 2.5)
    assert value(counted, "headgate_key_ring_age_seconds", ring="main") == 2.5
    counted.key_ring_age("main", None)
    assert math.isnan(value(counted, "headgate_key_ring_age_seconds", ring="main") or 0)
    counted.key_ring_age("other", 1)
    assert value(counted, "headgate_key_ring_age_seconds", ring=UNKNOWN) == 1


def test_in_flight_goes_up_and_down() -> None:
    counted = metrics()
    counted.in_flight.inc()
    counted.in_flight.inc()
    counted.in_flight.dec()
    assert value(counted, "headgate_requests_in_flight") == 1


def test_each_event_has_its_counter() -> None:
    counted = metrics()
    counted.looked_up(Outcome.COLLAPSED)
    counted.operated(Operation.GET, Result.TIMED_OUT, 0.25)
    counted.happened(Event.SOURCE_FAILED)
    counted.resized(3, 4096, 2)
    counted.token_decision("/vod", "jwt")
    counted.token_decision("/vod", "jwt", Reason.EXPIRED)
    counted.storage("/vod", "open", "ok", 0.001)
    counted.manifest_refused("/vod", "too_large")
    counted.access_log_dropped(7)
    counted.loop_lag(0.003)
    decisions = {"mount": "/vod", "dialect": "jwt"}
    assert value(counted, "headgate_cache_outcomes_total", outcome="collapsed") == 1
    assert value(counted, "headgate_l2_operations_total", operation="get", result="timed_out") == 1
    assert value(counted, "headgate_l2_operation_seconds_sum", operation="get") == 0.25
    assert value(counted, "headgate_token_decisions_total", **decisions, reason="ok") == 1
    assert value(counted, "headgate_token_decisions_total", **decisions, reason="token_expired") == 1
    assert value(counted, "headgate_cache_events_total", event="source_failed") == 1
    assert value(counted, "headgate_cache_entries") == 3
    assert value(counted, "headgate_cache_bytes") == 4096
    assert value(counted, "headgate_cache_evicted_total") == 2
    opened = {"mount": "/vod", "operation": "open"}
    assert value(counted, "headgate_storage_operations_total", **opened, result="ok") == 1
    assert value(counted, "headgate_storage_operation_seconds_count", **opened) == 1
    assert value(counted, "headgate_manifests_refused_total", mount="/vod", reason="too_large") == 1
    assert value(counted, "headgate_access_log_dropped_total") == 7
    assert value(counted, "headgate_event_loop_lag_seconds_sum") == 0.003


@pytest.mark.parametrize("state", list(BreakerState))
def test_the_breaker_is_in_one_state(state: BreakerState) -> None:
    counted = metrics()
    counted.breaker(state)
    states = {each: value(counted, "headgate_l2_breaker_state", state=each.value) for each in BreakerState}
    assert states == {each: float(each is state) for each in BreakerState}


def test_build_info_names_what_runs() -> None:
    labels = {"version": "1.2.3", "python": platform.python_version()}
    assert value(metrics(), "headgate_build_info", **labels) == 1


@given(st.text(), st.integers())
def test_no_text_from_outside_becomes_a_label(text: str, status: int) -> None:
    counted = metrics()
    counted.request(text, Kind.OTHER, status).record(0, 0)
    counted.token_decision(text, text, text)
    counted.storage(text, text, text, 0)
    counted.key_ring_age(text, 0)
    counted.manifest_refused(text, text)
    allowed = {
        UNKNOWN,
        "ok",
        *(word for field in ("mounts", "dialects", "manifest_reasons") for word in getattr(WORDS, field)),
        *WORDS.storage_operations,
        *WORDS.storage_results,
        *WORDS.key_rings,
        *Kind,
        *Reason,
        *Outcome,
        *BreakerState,
        *(str(code.value) for code in HTTPStatus),
    }
    ours = [metric for metric in counted.registry.collect() if not metric.name.startswith(PROCESS_FAMILIES)]
    samples = [sample for metric in ours for sample in metric.samples]
    used = {
        label
        for sample in samples
        for name, label in sample.labels.items()
        if name not in {"le", "version", "python", "generation"}
    }
    assert used <= allowed


def test_proofs_of_edges_are_counted_by_mount_and_result() -> None:
    counted = metrics()
    counted.edge_proof("/vod", "ok")
    counted.edge_proof("/vod", "made up")
    for result in ("ok", UNKNOWN):
        assert value(counted, "headgate_edge_proofs_total", mount="/vod", result=result) == 1


def test_garbage_is_counted_since_the_start_of_the_process() -> None:
    counted = metrics()
    gc.collect()
    counted.collected_garbage()
    counted.collected_garbage()
    collections = value(counted, "python_gc_collections_total", generation="2")
    assert collections == gc.get_stats()[2]["collections"] >= 1


def test_lines_are_dropped_in_any_thread() -> None:
    counted = metrics()

    def drop() -> None:
        for _ in range(1000):
            counted.access_log_dropped(1)

    threads = [Thread(target=drop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(counted, "headgate_access_log_dropped_total") == 4000
