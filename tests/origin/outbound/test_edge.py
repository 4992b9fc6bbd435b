"""What statuses mean, and how long an edge wants to be left alone."""

from __future__ import annotations

import pytest

from origin.http.dates import format_http_date
from origin.outbound.edge import Answer, Call, Verdict, batches, globs_of, host_of, judged, retry_after
from tests.origin.outbound.recording import NOW


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DONE),
        (204, Verdict.DONE),
        (301, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (405, Verdict.REFUSED),
        (408, Verdict.LATER),
        (429, Verdict.LATER),
        (500, Verdict.LATER),
        (503, Verdict.LATER),
    ],
)
def test_a_status(status: int, verdict: Verdict) -> None:
    assert judged(Answer(status)) is verdict


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], 0.0),
        (["7"], 7.0),
        ([" 7 "], 7.0),
        ([format_http_date(NOW + 90)], 90.0),
        ([format_http_date(NOW - 90)], 0.0),
        (["soon"], 0.0),
        (["-1"], 0.0),
        (["٣"], 0.0),
        (["9" * 5000], 999_999_999.0),
        (["1", "2"], 0.0),
    ],
)
def test_how_long_to_wait(values: list[str], seconds: float) -> None:
    assert retry_after(Answer(429, tuple(("retry-after", value) for value in values)), NOW) == seconds


def test_a_call_shows_no_secret() -> None:
    call = Call("POST", "https://h/secret-a", (("Authorization", "secret-b"),), b"secret-c")
    assert "secret" not in repr(call)


def test_prefixes_as_globs() -> None:
    assert globs_of("/") == ("/*",)
    assert globs_of("/a") == ("/a", "/a/*")
    assert globs_of("/a*") == ("/a*",)


def test_batches_and_hosts() -> None:
    assert list(batches([1, 2, 3], 2)) == [[1, 2], [3]]
    assert list(batches([], 2)) == []
    assert host_of("https://cdn.example:8443/") == "cdn.example:8443"
