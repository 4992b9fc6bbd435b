"""Metrics on the wire: OpenMetrics or the Prometheus text format, as the scraper prefers."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

_OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Exposition:
    """One scrape's answer."""

    content_type: str
    body: bytes


def render(collector: Collector, accept: str) -> Exposition:
    """Everything `collector` gives, in the format that `accept` (RFC 9110 §12.5.1) asks for.

    OpenMetrics goes to those who name it at least as much as plain text; everybody else gets the text format.
    """
    weights = _weights(accept)
    if weights.get(_OPENMETRICS, 0) >= max(weights.get("text/plain", 0), 0.001):
        body = openmetrics.generate_latest(collector)  # type: ignore[no-untyped-call]
        return Exposition(openmetrics.CONTENT_TYPE_LATEST, body)
    return Exposition(CONTENT_TYPE_PLAIN_0_0_4, generate_latest(collector))


def _weights(accept: str) -> dict[str, float]:
    """Media range → weight."""
    ranges = (element.lower().split(";") for element in accept.split(","))
    return {name.strip(): _weight(parameters) for name, *parameters in ranges}


def _weight(parameters: list[str]) -> float:
    """The `q` among `parameters`; 1 without one, 0 when it is no number."""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            return float(value) if value.replace(".", "", 1).isdecimal() else 0.0
    return 1.0
