from __future__ import annotations

import calendar
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.dates import format_http_date, parse_http_date

NOW = 1_800_000_000.0  # 15 January 2027, 08:00
EXAMPLE = 784_111_777  # the example of RFC 9110 §5.6.7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE),
        ("Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE),
        ("Sun Nov  6 08:49:37 1994", EXAMPLE),
        ("Wed Nov 16 08:49:37 1994", EXAMPLE + 10 * 86_400),
        (
            "Wed Nov 06 08:49:37 1994",
            EXAMPLE,
        ),  # two digits are grammatical, and the day's name is not checked
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),  # a leap second
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ],
)
def test_the_three_forms(value: str, seconds: int) -> None:
    assert parse_http_date(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "784111777",
        "garbage",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 29-Feb-23 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",  # digits, but not ASCII ones
        "9" * 10_000,
    ],
)
def test_anything_else_is_no_date(value: str) -> None:
    assert parse_http_date(value, NOW) is None


@pytest.mark.parametrize(
    ("now", "value", "year"),
    [
        (datetime(2027, 1, 15, tzinfo=UTC), "Sunday, 06-Nov-94 08:49:37 GMT", 1994),
        (datetime(2027, 1, 15, tzinfo=UTC), "Sunday, 06-Nov-27 08:49:37 GMT", 2027),
        (datetime(2027, 1, 15, tzinfo=UTC), "Sunday, 06-Nov-76 08:49:37 GMT", 2076),
        (datetime(2027, 1, 15, tzinfo=UTC), "Friday, 15-Jan-77 00:00:00 GMT", 2077),  # exactly 50 years
        (datetime(2027, 1, 15, tzinfo=UTC), "Friday, 15-Jan-77 00:00:01 GMT", 1977),  # one second more
        (datetime(2099, 6, 1, tzinfo=UTC), "Monday, 01-Jan-01 00:00:00 GMT", 2101),
        (datetime(2100, 6, 1, tzinfo=UTC), "Monday, 01-Jan-99 00:00:00 GMT", 2099),
    ],
)
def test_two_digit_years_lie_at_most_fifty_years_ahead(now: datetime, value: str, year: int) -> None:
    parsed = parse_http_date(value, now.timestamp())
    assert parsed is not None
    assert datetime.fromtimestamp(parsed, UTC).year == year


def test_times_outside_the_calendar_are_written_as_its_ends() -> None:
    assert format_http_date(-1e30) == "Mon, 01 Jan 0001 00:00:00 GMT"
    assert format_http_date(1e30) == "Fri, 31 Dec 9999 23:59:59 GMT"


def test_fractions_are_cut_downwards() -> None:
    assert format_http_date(EXAMPLE + 0.999) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"


seconds = st.integers(-62_135_596_800, 253_402_300_799)


@given(seconds)
def test_what_is_written_reads_back(at: int) -> None:
    assert parse_http_date(format_http_date(at), NOW) == at


@given(st.integers(0, 253_402_300_799))
def test_writing_agrees_with_the_standard_library(at: int) -> None:
    assert format_http_date(at) == formatdate(at, usegmt=True)


@given(st.datetimes(datetime(1978, 1, 1), datetime(2076, 12, 31)))  # noqa: DTZ001  # naive stands for UTC
def test_the_obsolete_forms_read_back(at: datetime) -> None:
    expected = calendar.timegm(at.timetuple())
    assert parse_http_date(at.strftime("%A, %d-%b-%y %H:%M:%S GMT"), NOW) == expected
    day = f"{at.day:2d}"
    assert parse_http_date(at.strftime(f"%a %b {day} %H:%M:%S %Y"), NOW) == expected


@given(st.text(st.sampled_from("SunMoNov, -:0123456789GMT\n"), max_size=40))
def test_no_text_makes_it_raise(value: str) -> None:
    parse_http_date(value, NOW)
