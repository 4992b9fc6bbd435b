"""The process log: standard logging, one line per record, no token in it and no flood."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal, TextIO

import msgspec

from origin.telemetry.redaction import redact_text

FLOODING_LOGGER = "aiohttp.server"  # writes one record, with traceback, per failed or malformed request


class TextFormatter(logging.Formatter):
    """A line for people. Tokens are masked in the finished text, so in tracebacks too."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return redact_text(super().format(record))


class JsonFormatter(logging.Formatter):
    """A JSON object per record, in the field names of the access log."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        fields = {
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "log.level": record.levelname.lower(),
            "log.logger": record.name,
            "message": _clean(record.getMessage()),
        }
        if record.exc_info:
            fields["error.stack_trace"] = _clean(self.formatException(record.exc_info))
        return msgspec.json.encode(fields).decode()


class RateLimit(logging.Filter):
    """Lets `burst` records of one logger through per period; the first of the next says how many went.

    Time is the records' own, so the filter has no clock.
    """

    def __init__(self, logger: str, *, burst: int = 10, period_seconds: float = 10.0) -> None:
        """`logger` is the exact name; records of others always pass."""
        super().__init__()
        self._logger = logger
        self._burst = burst
        self._period = period_seconds
        self._started = float("-inf")
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.name != self._logger:
            return True
        if record.created - self._started >= self._period:
            held_back = max(0, self._count - self._burst)
            self._started, self._count = record.created, 0
            if held_back:
                record.msg, record.args = f"{record.getMessage()} ({held_back} more were held back)", ()
        self._count += 1
        return self._count <= self._burst


def handler(stream: TextIO, form: Literal["json", "text"]) -> logging.Handler:
    """A handler that writes clean, bounded records to `stream`."""
    made = logging.StreamHandler(stream)
    made.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    made.addFilter(RateLimit(FLOODING_LOGGER))
    return made


def configure(root: logging.Logger, made: logging.Handler, level: str) -> None:
    """Let `root` write through `made` alone; `level` is "debug", "info", "warning" or "error"."""
    root.handlers[:] = [made]
    root.setLevel(level.upper())


def _clean(text: str) -> str:
    """Without tokens, and without the lone surrogates that JSON has no way to say."""
    return redact_text(text).encode("utf-8", "backslashreplace").decode()
