"""What is measured: one row of the table each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request."""

    name: str
    path: str  # below the peer's root
    viewers: int  # distinct tokens in use
    body_bytes: int  # of one answer; 0 when it differs between peers
    header: tuple[str, str] | None = None
    expect_status: int = 200


ROWS = (
    Row("signed playlist, 5,000 viewers", "index.m3u8", viewers=5000, body_bytes=0),
    Row("200 KB segment", "200k.m4s", viewers=500, body_bytes=200_000),
    Row("1 MB segment", "1m.m4s", viewers=500, body_bytes=1_000_000),
    Row("4 MB segment", "4m.m4s", viewers=100, body_bytes=4_000_000),
    Row(
        "64 KB range of 100 MB",
        "100m.mp4",
        viewers=500,
        body_bytes=65_536,
        header=("Range", "bytes=50000000-50065535"),
        expect_status=206,
    ),
)
