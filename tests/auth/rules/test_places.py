"""Where a viewer must be."""

from __future__ import annotations

import pytest

from auth.errors import Reason
from auth.request import Place, Request
from auth.rules import CONDITIONS
from auth.rules.condition import Condition
from auth.rules.places import Circles, Geohashes, Regions, geohash, metres
from auth.strict_json import JsonValue

MONTREAL = Place("CA", "CA-QC", "Montreal", 45.5019, -73.5674)


def reason(condition: Condition, place: Place) -> Reason | None:
    objection = condition.objection(Request("GET", "https", "h", "/", place=place), 0)
    return None if objection is None else objection.reason


@pytest.mark.parametrize(
    ("condition", "other"),
    [
        (Regions(("US", "CA")), Regions(("US", "FR"))),
        (Regions(("CA-QC",)), Regions(("CA-ON",))),
        (Geohashes(("f25", "u")), Geohashes(("f26",))),
        (Circles(((45.5, -73.6, 5_000.0),)), Circles(((45.5, -73.6, 2_000.0), (0.0, 0.0, 1.0)))),
    ],
)
def test_inside_outside_and_unknown(condition: Condition, other: Condition) -> None:
    assert reason(condition, MONTREAL) is None
    assert reason(other, MONTREAL) is Reason.WRONG_PLACE
    assert reason(condition, Place()) is Reason.WRONG_PLACE


def test_a_country_is_not_its_subdivision() -> None:
    assert reason(Regions(("CA-QC",)), Place("CA")) is Reason.WRONG_PLACE


def test_half_a_coordinate_is_none() -> None:
    for condition in (Geohashes(("f",)), Circles(((45.5, -73.6, 1e7),))):
        assert reason(condition, Place(latitude=45.5)) is Reason.WRONG_PLACE
        assert reason(condition, Place(longitude=-73.5)) is Reason.WRONG_PLACE


@pytest.mark.parametrize(
    ("point", "digits"),
    [((57.64911, 10.40744), "u4pruydqqvj8"), ((42.605, -5.603), "ezs42"), ((0.0, 0.0), "s00"), ((-90.0, -180.0), "00")],
)
def test_geohashes_of_known_points(point: tuple[float, float], digits: str) -> None:
    assert geohash(*point).startswith(digits)


def test_distances() -> None:
    assert metres(0, 0, 0, 180) == pytest.approx(20_015_115, rel=1e-4)  # half the circumference
    assert metres(48.8566, 2.3522, 51.5074, -0.1278) == pytest.approx(343_500, rel=0.01)  # Paris to London
    assert metres(0, 179.999, 0, -179.999) < 300  # across the date line
    assert metres(10, 20, 10, 20) == 0


@pytest.mark.parametrize("condition", [Regions(("CA", "CA-QC")), Geohashes(("f25",)), Circles(((45.5, -73.5, 10.0),))])
def test_it_travels_as_json(condition: Condition) -> None:
    assert CONDITIONS[condition.WORD].from_json(condition.to_json()) == condition


BAD: dict[type[Condition], list[JsonValue]] = {
    Regions: [None, [], ["ca"], ["CAN"], ["CA-"], ["CA-QCQC"], [1], "CA", ["CA"] * 257],
    Geohashes: [None, [], [""], ["a"], ["F25"], ["f" * 13], [1], "f25"],
    Circles: [None, [], [[1, 2]], [[91, 0, 1]], [[0, 181, 1]], [[0, 0, -1]], [[0, 0, True]], [["0", 0, 1]], [1]],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in BAD for value in BAD[kind]])
def test_only_its_own_json_is_read(kind: type[Condition], value: JsonValue) -> None:
    with pytest.raises(ValueError):
        kind.from_json(value)
