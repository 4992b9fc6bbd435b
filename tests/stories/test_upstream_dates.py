"""What upstreams say about time is passed on, and viewers who ask by a date are answered by it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from origin.http.dates import format_http_date
from tests.liar import Liar, response
from tests.stories.gateway import running

FRESH = "Cache-Control: max-age=600"


def mounted(liar: Liar) -> list[dict[str, object]]:
    return [
        {
            "prefix": "/",
            "storage": liar.url,
            "access": "open",
            "upstream": {"private_networks": ["127.0.0.0/8"], "retries": 0},
        }
    ]


async def test_a_clock_that_is_ahead_changes_no_date(tmp_path: Path) -> None:
    changed = format_http_date(time.time() + 300)
    async with Liar() as liar, running(tmp_path, mounted(liar)) as gateway:
        liar.says(response(b"hello", FRESH, f"Last-Modified: {changed}"))
        for _ in range(3):  # pulled, arriving or kept, and kept
            assert (await gateway.ask("/a"))["last-modified"] == changed
        assert (await gateway.ask("/a", f"If-Modified-Since: {changed}")).status == 304


@pytest.mark.parametrize(
    ("asked", "status"), [(-1, 200), (0, 304), (60, 304)], ids=["before it was made", "when it was", "after"]
)
@pytest.mark.parametrize("has_date", [True, False])
async def test_where_nothing_says_when_it_was_changed_its_date_does(
    asked: float, status: int, has_date: bool, tmp_path: Path
) -> None:
    made = time.time() - 100 if has_date else time.time() + 2  # else it is when it is received, any moment now
    async with Liar() as liar, running(tmp_path, mounted(liar)) as gateway:
        liar.says(response(b"hello", FRESH, *((f"Date: {format_http_date(made)}",) if has_date else ())))
        await gateway.ask("/a")
        for _ in range(2):
            since = made + asked - (60 if asked < 0 else 0)
            answer = await gateway.ask("/a", f"If-Modified-Since: {format_http_date(since)}")
            assert answer.status == status
        # A tag that does not match counts for more.
        other = (f"If-Modified-Since: {format_http_date(made + 60)}", 'If-None-Match: "x"')
        assert (await gateway.ask("/a", *other)).status == 200
        assert len(liar.requests) == 1
