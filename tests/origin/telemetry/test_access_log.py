"""The access line, and the writer that never waits."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.telemetry.access_log import AccessLog, AccessRecord, LineForm, line
from origin.telemetry.redaction import redactor

REDACTOR = redactor(frozenset({"token"}))
RECORD = AccessRecord(
    time=1_700_000_000.25,
    duration_ns=1_500_000,
    method="GET",
    target="/vod/a.m3u8?token=secret",
    status=200,
    sent_bytes=512,
    client="192.0.2.1",
    user_agent="player/1.0",
    mount="/vod",
    kind="multivariant",
    cache="hit",
    reason="ok",
    dialect="jwt",
    uri_signing="200",
    token_id="session-7",
    session_id="s-1",
    edge="edge-1",
    request_id="r-1",
)


class Slow(io.BytesIO):
    """A sink that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.reached = threading.Event()

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.reached.set()
        self.let.wait(10)
        return super().write(data)


class Full(io.BytesIO):
    """A sink on a full disk."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        raise OSError(28, "No space left on device")


class Dropped:
    """Counts what was lost."""

    def __init__(self) -> None:
        self.lines = 0

    def __call__(self, lines: int) -> None:
        self.lines += lines


def test_a_line_names_everything_in_ecs_words() -> None:
    assert json.loads(line(RECORD, REDACTOR)) == {
        "@timestamp": "2023-11-14T22:13:20.250+00:00",
        "http.request.method": "GET",
        "url.path": "/vod/a.m3u8?token=[redacted]",
        "http.response.status_code": 200,
        "http.response.body.bytes": 512,
        "event.duration": 1_500_000,
        "client.ip": "192.0.2.1",
        "user_agent.original": "player/1.0",
        "headgate.mount": "/vod",
        "headgate.kind": "multivariant",
        "headgate.cache": "hit",
        "headgate.reason": "ok",
        "headgate.dialect": "jwt",
        "s-uri-signing": "200",
        "headgate.token_id": "session-7",
        "headgate.session_id": "s-1",
        "headgate.edge": "edge-1",
        "headgate.request_id": "r-1",
    }


def test_what_is_not_known_is_left_out() -> None:
    bare = AccessRecord(time=0, duration_ns=1, method="GET", target="/", status=404, sent_bytes=0)
    assert not any(name.startswith(("headgate", "client", "user_agent")) for name in json.loads(line(bare, REDACTOR)))


@given(st.text(st.characters()), st.text(st.characters()))
def test_a_line_is_one_bounded_line_of_json_whatever_the_client_sent(target: str, agent: str) -> None:
    written = line(replace(RECORD, target=target, user_agent=agent, method=agent[:9]), REDACTOR)
    assert written.count(b"\n") == 1
    assert all(text.isprintable() for text in json.loads(written).values() if isinstance(text, str))


def test_client_text_is_bounded() -> None:
    long = replace(RECORD, target="/" + "a" * 100_000, user_agent="\x00" * 100_000, token_id="t" * 10_000)
    assert len(line(long, REDACTOR)) < 5_000


def test_a_token_cut_by_the_bound_is_masked_all_the_same() -> None:
    agent = "a" * 240 + " eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    assert b"eyJ" not in line(replace(RECORD, user_agent=agent), REDACTOR)


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_closing_writes_what_is_queued_in_order(count: int) -> None:
    sink, dropped = io.BytesIO(), Dropped()
    log = AccessLog(sink, REDACTOR, dropped)
    for number in range(count):
        log.write(replace(RECORD, request_id=str(number)))
    assert log.close()
    lines = sink.getvalue().splitlines()
    assert [json.loads(each)["headgate.request_id"] for each in lines] == [str(number) for number in range(count)]
    assert dropped.lines == 0


def test_a_slow_sink_costs_lines_and_not_time() -> None:
    sink, dropped = Slow(), Dropped()
    log = AccessLog(sink, REDACTOR, dropped, capacity=10)
    log.write(RECORD)
    assert sink.reached.wait(10)
    for _ in range(100):
        log.write(RECORD)
    assert dropped.lines == 90
    assert not log.close(timeout_seconds=0)
    sink.let.set()
    assert log.close()
    assert len(sink.getvalue().splitlines()) == 11


def test_a_failing_sink_costs_the_lines_it_was_given() -> None:
    dropped = Dropped()
    log = AccessLog(Full(), REDACTOR, dropped)
    for _ in range(3):
        log.write(RECORD)
    assert log.close()
    assert dropped.lines == 3


def test_a_closed_log_drops() -> None:
    dropped = Dropped()
    log = AccessLog(io.BytesIO(), REDACTOR, dropped)
    assert log.close()
    assert log.close()
    log.write(RECORD)
    assert dropped.lines == 1


@given(
    st.floats(0, 4e9),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.from_regex(r"/[a-z0-9/._-]{0,40}(\?token=\[redacted\])?", fullmatch=True),
    st.text(max_size=20),
    st.sampled_from(["", "hit"]),
)
def test_a_filled_form_is_the_line(time: float, sent: int, duration: int, shown: str, agent: str, cache: str) -> None:
    request_id = "00ff00ff00ff00ff"
    form = LineForm(replace(RECORD, user_agent=agent, cache=cache), REDACTOR)
    whole = replace(
        RECORD,
        time=time,
        target=shown,
        sent_bytes=sent,
        duration_ns=duration,
        user_agent=agent,
        cache=cache,
        request_id=request_id,
    )
    assert form.filled(time, shown.encode(), sent, duration, request_id.encode()) == line(whole, REDACTOR)


def test_lines_of_forms_are_written_among_the_others() -> None:
    sink = io.BytesIO()
    dropped: list[int] = []
    log = AccessLog(sink, REDACTOR, dropped.append)
    form = log.form(RECORD)
    log.write(RECORD)
    log.put(form.filled(1.0, b"/a", 1, 2, b"r"))
    assert log.close()
    log.put(b"too late")
    assert [json.loads(each)["url.path"] for each in sink.getvalue().splitlines()] == [
        "/vod/a.m3u8?token=[redacted]",
        "/a",
    ]
    assert dropped == [1]
