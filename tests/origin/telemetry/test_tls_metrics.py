"""Counting handshakes: labels stay inside their sets."""

from __future__ import annotations

from origin.telemetry.series import Families
from origin.telemetry.tls_metrics import UNKNOWN, TlsMetrics, TlsVocabulary


def test_handshakes_and_expiries() -> None:
    families = Families()
    metrics = TlsMetrics(families, TlsVocabulary(("full", "timeout"), ("main",)))
    for result in ("full", "full", "timeout", "from outside"):
        metrics.handshake(result)
    metrics.expiry("main", 1_900_000_000.0)
    metrics.expiry("main", 2_000_000_000.0)
    metrics.expiry("from outside", 1.0)
    values = {
        (family.name, tuple(sample.labels.values())): sample.value
        for family in families.collect()
        for sample in family.samples
    }
    assert values == {
        ("headgate_tls_handshakes", ("full",)): 2,
        ("headgate_tls_handshakes", ("timeout",)): 1,
        ("headgate_tls_handshakes", (UNKNOWN,)): 1,
        ("headgate_tls_certificate_expiry_timestamp_seconds", ("main",)): 2_000_000_000,
        ("headgate_tls_certificate_expiry_timestamp_seconds", (UNKNOWN,)): 1,
    }
