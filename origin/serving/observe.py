"""Every finished request, counted once and logged once."""

from __future__ import annotations

import time

from aiohttp import web

from origin.serving.exchange import Exchange
from origin.serving.send import Delivery
from origin.telemetry.access_log import AccessLog, AccessRecord
from origin.telemetry.metrics import Metrics


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
