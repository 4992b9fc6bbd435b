"""Every finished request, counted once and logged once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from aiohttp import web

from origin.media.kinds import Kind
from origin.serving.exchange import Exchange
from origin.serving.send import Delivery
from origin.telemetry.access_log import AccessLog, AccessRecord, LineForm
from origin.telemetry.metrics import Metrics, RequestSeries


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Where requests that are alike are counted, and how they are logged."""

    series: RequestSeries
    form: LineForm | None  # None: no lines are written


class Observer:
    """Turns exchanges into metrics and access-log lines."""

    def __init__(self, metrics: Metrics, access_log: AccessLog | None) -> None:
        """`access_log` None writes none."""
        self._metrics = metrics
        self._access_log = access_log

    def began(self) -> None:
        """A request has been read."""
        self._metrics.in_flight.inc()

    def proved(self, mount: str, result: str) -> None:
        """A proof of being the mount's edge was looked for."""
        self._metrics.edge_proof(mount, result)

    def finished(self, request: web.BaseRequest, exchange: Exchange, delivery: Delivery | None) -> None:
        """It has been answered, or its connection is gone (`delivery` None: before anything was sent)."""
        self._metrics.in_flight.dec()
        now = time.perf_counter()
        status = 499 if delivery is None else delivery.response.status
        sent = 0 if delivery is None else delivery.body_bytes
        first_byte = (now if delivery is None else delivery.first_byte_at) - exchange.started_at
        self._metrics.request(exchange.mount, exchange.kind, status).record(first_byte, sent)
        if self._access_log is not None:
            self._access_log.write(_record(request, exchange, status, sent, now - exchange.started_at))

    def alike(self, record: AccessRecord, kind: Kind) -> Alike:
        """For requests that are answered at once and differ from the record's in what a `LineForm` has holes for."""
        series = self._metrics.request(record.mount, kind, record.status)
        return Alike(series, None if self._access_log is None else self._access_log.form(record))

    def served(
        self,
        alike: Alike,
        began_at: float,
        first_byte: float,
        seconds: float,
        shown: bytes,
        sent_bytes: int,
        request_id: bytes,
    ) -> None:
        """One of them was answered: begun at `began_at` (Unix seconds), under way after `first_byte` seconds.

        `seconds` is how long all of it took, `shown` its target as it may be written down.
        """
        alike.series.record(first_byte, sent_bytes)
        if alike.form is not None and self._access_log is not None:
            self._access_log.put(alike.form.filled(began_at, shown, sent_bytes, int(seconds * 1e9), request_id))


def _record(request: web.BaseRequest, exchange: Exchange, status: int, sent: int, seconds: float) -> AccessRecord:
    inbound = exchange.inbound
    client = request.remote if inbound is None else str(inbound.facts.client or "")
    return AccessRecord(
        time=time.time() - seconds,
        duration_ns=int(seconds * 1e9),
        method=request.method,
        target=request.raw_path,
        status=status,
        sent_bytes=sent,
        client=client or "",
        user_agent=request.headers.get("User-Agent", ""),
        mount=exchange.mount,
        kind=exchange.kind.value,
        cache=exchange.cache,
        reason=exchange.reason,
        dialect=exchange.dialect,
        uri_signing=exchange.uri_signing,
        token_id=exchange.token_id,
        session_id=exchange.session_id,
        edge=exchange.edge,
        request_id=exchange.request_id,
    )
