from __future__ import annotations

import asyncio
import io

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from origin.media.kinds import Kind
from origin.serving.exchange import Exchange
from origin.serving.observe import Observer
from origin.serving.send import Delivery
from origin.telemetry.access_log import AccessLog, AccessRecord
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.redaction import redactor


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_finished_request_is_counted_and_logged_once_without_its_token(is_sent: bool) -> None:
    metrics = Metrics(Vocabulary(mounts={"/vod"}), "1")
    sink = io.BytesIO()
    log = AccessLog(sink, redactor(frozenset({"token"})), metrics.access_log_dropped)
    observer = Observer(metrics, log)
    exchange = Exchange("id-1", mount="/vod", kind=Kind.SEGMENT, reason="" if is_sent else "gone")
    delivery = Delivery(web.Response(status=206), exchange.started_at, 7, is_complete=True) if is_sent else None
    observer.began()
    assert metrics.registry.get_sample_value("headgate_requests_in_flight") == 1
    observer.finished(make_mocked_request("GET", "/vod/a.ts?token=secret"), exchange, delivery)
    await asyncio.to_thread(log.close)
    line = msgspec.json.decode(sink.getvalue())
    assert line["http.response.status_code"] == (206 if is_sent else 499)
    assert line["http.response.body.bytes"] == (7 if is_sent else 0)
    assert line["headgate.request_id"] == "id-1"
    assert b"secret" not in sink.getvalue()
    labels = {"mount": "/vod", "kind": "segment", "code": "206" if is_sent else "-"}
    assert metrics.registry.get_sample_value("headgate_requests_total", labels) == 1
    assert metrics.registry.get_sample_value("headgate_requests_in_flight") == 0


def test_without_an_access_log_requests_are_counted_all_the_same() -> None:
    metrics = Metrics(Vocabulary(), "1")
    observer = Observer(metrics, None)
    observer.began()
    observer.finished(make_mocked_request("GET", "/"), Exchange("id"), None)
    assert metrics.registry.get_sample_value("headgate_requests_in_flight") == 0


def test_a_proof_of_an_edge_is_counted() -> None:
    metrics = Metrics(Vocabulary(mounts={"/vod"}, edge_results={"replayed"}), "1")
    Observer(metrics, None).proved("/vod", "replayed")
    labels = {"mount": "/vod", "result": "replayed"}
    assert metrics.registry.get_sample_value("headgate_edge_proofs_total", labels) == 1


@pytest.mark.parametrize("is_logged", [True, False])
async def test_requests_that_are_alike_are_counted_and_logged_each(is_logged: bool) -> None:
    metrics, sink = Metrics(Vocabulary(mounts={"/vod"}), "1"), io.BytesIO()
    log = AccessLog(sink, redactor(frozenset({"token"})), metrics.access_log_dropped) if is_logged else None
    observer = Observer(metrics, log)
    record = AccessRecord(0.0, 0, "GET", "/", 200, 0, mount="/vod", kind="segment")
    alike = observer.alike(record, Kind.SEGMENT)
    for number in range(3):
        observer.served(alike, 1.0, 0.001, 0.002, b"/vod/a.ts", 7, b"id-%d" % number)
    if log is not None:
        await asyncio.to_thread(log.close)
    lines = [msgspec.json.decode(line) for line in sink.getvalue().splitlines()]
    assert [line["headgate.request_id"] for line in lines] == (["id-0", "id-1", "id-2"] if is_logged else [])
    labels = {"mount": "/vod", "kind": "segment"}
    assert metrics.registry.get_sample_value("headgate_sent_bytes_total", labels) == 21
