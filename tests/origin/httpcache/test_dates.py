from __future__ import annotations

import pytest

from origin.httpcache.dates import date_of, read_date
from tests.origin.httpcache.exchanges import NOW, date


@pytest.mark.parametrize(
    "value",
    [
        "Thu, 18 Aug 2050 02:01:18 GMT",
        "THU, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 AUG 2050 02:01:18 GMT",
        "thu, 18 aug 2050 02:01:18 gMT",
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug 18 02:01:18 2050",
        " Thu, 18 Aug 2050 02:01:18 GMT ",
    ],
)
def test_dates_in_any_case(value: str) -> None:
    assert read_date(value, NOW) == 2_544_400_878


@pytest.mark.parametrize(
    "value",
    [
        "0", "-1", "", "foo",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 GMT" + " " * 65_536,
    ],
)  # fmt: skip
def test_no_dates(value: str) -> None:
    assert read_date(value, NOW) is None


def test_the_first_field_counts() -> None:
    fields = (("Expires", date(5)), ("expires", date(9)))
    assert date_of(fields, "expires", NOW) == NOW + 5
    assert date_of((("Expires", "0"), *fields), "expires", NOW) is None
    assert date_of((), "expires", NOW) is None
