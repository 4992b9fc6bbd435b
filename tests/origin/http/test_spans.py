from __future__ import annotations

from origin.http.spans import ByteSpan


def test_a_span_stops_before_its_first_foreign_byte() -> None:
    span = ByteSpan(10, 5)
    assert bytes(range(20))[span.start : span.stop] == bytes([10, 11, 12, 13, 14])
