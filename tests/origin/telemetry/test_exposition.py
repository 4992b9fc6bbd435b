"""Which format a scraper gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from origin.telemetry.declarations import Declaration, MetricType
from origin.telemetry.exposition import render
from origin.telemetry.series import Families


def registry() -> CollectorRegistry:
    made, families = CollectorRegistry(), Families()
    made.register(families)
    families.counter(Declaration("headgate_things_total", MetricType.COUNTER, "Things.")).labels().inc(3)
    return made


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", True),
        ("text/plain;q=0.9, application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=lots", False),
    ],
)
def test_negotiation(accept: str, is_openmetrics: bool) -> None:
    exposition = render(registry(), accept)
    assert exposition.content_type.startswith("application/openmetrics-text") is is_openmetrics
    assert exposition.body.endswith(b"# EOF\n") is is_openmetrics


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_the_body_is_what_the_type_says(accept: str) -> None:
    body = render(registry(), accept).body.decode()
    parse = parse_openmetrics if "openmetrics" in accept else parse_text
    samples = [(sample.name, sample.value) for metric in parse(body) for sample in metric.samples]
    assert samples == [("headgate_things_total", 3.0)]


@given(st.text(st.sampled_from("application/openmetrics-text plain;q=0.1,*\x00é\u0661")))
def test_any_accept_field_gets_an_answer(accept: str) -> None:
    assert b"headgate_things_total 3.0" in render(registry(), accept).body
