"""The metrics of TLS on the public listener."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from origin.telemetry import declarations as declared
from origin.telemetry.series import Families

UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class TlsVocabulary:
    """The label values that this process may use."""

    results: Collection[str] = ()
    certificates: Collection[str] = ()  # names in the settings


class TlsMetrics:
    """These metrics of one process."""

    def __init__(self, families: Families, vocabulary: TlsVocabulary) -> None:
        """`vocabulary` bounds the labels."""
        self._words = vocabulary
        self._handshakes = families.counter(declared.TLS_HANDSHAKES)
        self._expiry = families.gauge(declared.TLS_EXPIRY)

    def handshake(self, result: str) -> None:
        """Count what came of a handshake."""
        self._handshakes.labels(result if result in self._words.results else UNKNOWN).inc()

    def expiry(self, certificate: str, unix_seconds: float) -> None:
        """Say when a certificate that is shown expires."""
        self._expiry.labels(certificate if certificate in self._words.certificates else UNKNOWN).set(unix_seconds)
