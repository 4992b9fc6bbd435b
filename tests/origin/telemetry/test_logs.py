"""The process log."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from origin.telemetry.logs import FLOODING_LOGGER, JsonFormatter, RateLimit, TextFormatter, configure, handler

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


def record(message: str, *args: object, name: str = "origin", created: float = 0.0) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
    made.created = created
    return made


def with_traceback() -> logging.LogRecord:
    made = record("failed")
    try:
        int(JWT)  # the error quotes what it was given
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_tokens_are_masked_in_messages_and_tracebacks(formatter: logging.Formatter) -> None:
    text = formatter.format(record("got %s", JWT)) + formatter.format(with_traceback())
    assert "c2lnbmF0dXJl" not in text
    assert text.count("[redacted]") >= 2
    assert "ValueError" in text


def test_a_record_is_one_line_of_json() -> None:
    written = JsonFormatter().format(record("a\nb\udc80", created=1.5))
    assert "\n" not in written
    assert json.loads(written) == {
        "@timestamp": "1970-01-01T00:00:01.500+00:00",
        "log.level": "error",
        "log.logger": "origin",
        "message": "a\nb\\udc80",
    }


def test_a_flood_is_held_back_and_counted() -> None:
    limit = RateLimit("noisy", burst=2, period_seconds=10)
    flood = [record("x", name="noisy", created=float(second)) for second in range(5)]
    assert [limit.filter(each) for each in flood] == [True, True, False, False, False]
    later = record("%s", "y", name="noisy", created=10.0)
    assert limit.filter(later)
    assert later.getMessage() == "y (3 more were held back)"
    quiet = record("z", name="noisy", created=30.0)
    assert limit.filter(quiet)
    assert quiet.getMessage() == "z"


def test_other_loggers_are_not_held_back() -> None:
    limit = RateLimit("noisy", burst=1)
    assert all(limit.filter(record("x", name="origin")) for _ in range(5))


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """A root of our own: the process's belongs to the test runner."""
    made = logging.Logger("root")
    yield made
    for each in made.handlers:
        each.close()


@pytest.mark.parametrize("form", ["json", "text"])
def test_configuring_replaces_what_was_there(root: logging.Logger, form: str) -> None:
    stream = io.StringIO()
    root.addHandler(logging.NullHandler())
    configure(root, handler(stream, "json" if form == "json" else "text"), "warning")
    root.info("quiet")
    root.warning("loud")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "loud" in lines[0]


def test_the_handler_holds_the_servers_flood_back() -> None:
    stream = io.StringIO()
    made = handler(stream, "text")
    for _ in range(50):
        made.handle(record("Error handling request", name=FLOODING_LOGGER))
    assert len(stream.getvalue().splitlines()) == 10
