"""HTTP-date (RFC 9110 §5.6.7): three forms are read, one is written."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}

_DAY_NAME = "|".join(_DAYS)
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_FORMS = (
    re.compile(rf"(?:{_DAY_NAME}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(rf"(?:{_FULL_DAYS}), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"(?:{_DAY_NAME}) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EARLIEST = int((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_LATEST = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds())


def parse_http_date(value: str, now: float) -> int | None:
    """An HTTP-date as Unix seconds, or None when `value` is no HTTP-date or names no day of the calendar.

    `now` (Unix seconds) decides the century of the two-digit year of the RFC 850 form. The day's name must be
    a name; that it fits the date is not asked, because nothing depends on it.
    """
    for form in _FORMS:
        if found := form.fullmatch(value):
            return _seconds(found, now)
    return None


def format_http_date(seconds: float) -> str:
    """Unix seconds as IMF-fixdate, rounded down; times beyond the years 1 to 9999 become the nearest."""
    return _imf_fixdate(min(max(math.floor(seconds), _EARLIEST), _LATEST))


@lru_cache(maxsize=1024)  # every answer about an object says the same date
def _imf_fixdate(seconds: int) -> str:
    at = _EPOCH + timedelta(seconds=seconds)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d} "
        f"{at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT"
    )


def _seconds(found: re.Match[str], now: float) -> int | None:
    month = _MONTH_NUMBERS[found["month"]]
    day, hour, minute, second = (int(found[name]) for name in ("day", "hour", "minute", "second"))
    year = int(found["year"])
    if len(found["year"]) == 2:
        year = _with_century(year, (month, day, hour, minute, second), now)
    try:
        days = date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None
    return days * 86_400 + hour * 3_600 + minute * 60 + second  # a leap second counts as the next one


def _with_century(two_digits: int, rest: tuple[int, ...], now: float) -> int:
    """The latest year with these last digits that is not more than 50 years ahead of `now`."""
    present = datetime.fromtimestamp(now, UTC).timetuple()[:6]
    year = present[0] // 100 * 100 + 100 + two_digits
    while (year - 50, *rest) > present:
        year -= 100
    return year
