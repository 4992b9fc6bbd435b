"""Where a viewer must be. A place that is not known lies nowhere."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Self

from auth.errors import Denied, Reason
from auth.request import Request
from auth.strict_json import JsonValue

MAX_PLACES = 256

_REGION = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
_GEOHASH = re.compile(r"[0-9b-hjkmnp-z]{1,12}")
_GEOHASH_DIGITS = "0123456789bcdefghjkmnpqrstuvwxyz"
_EARTH_METRES = 6_371_008.8  # mean radius (IUGG)


@dataclass(frozen=True, slots=True)
class Regions:
    """Countries ("CA", ISO 3166-1) and subdivisions ("CA-QC", ISO 3166-2), one of which the viewer is in.

    ValueError for anything else.
    """

    WORD: ClassVar[str] = "regions"
    codes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.codes) <= MAX_PLACES or not all(_REGION.fullmatch(code) for code in self.codes):
            raise ValueError("regions are codes of ISO 3166 in capitals")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        place = request.place
        is_met = any(code in self.codes for code in (place.country, place.subdivision) if code is not None)
        return None if is_met else Denied(Reason.WRONG_PLACE)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return list(self.codes)

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        return cls(_texts(value))


@dataclass(frozen=True, slots=True)
class Geohashes:
    """Cells of the geohash grid, one of which the viewer is in. ValueError for what is no geohash."""

    WORD: ClassVar[str] = "geohashes"
    cells: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.cells) <= MAX_PLACES or not all(_GEOHASH.fullmatch(cell) for cell in self.cells):
            raise ValueError("a geohash has 1 to 12 of its own digits")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        latitude, longitude = request.place.latitude, request.place.longitude
        if latitude is None or longitude is None:
            return Denied(Reason.WRONG_PLACE, "the viewer's coordinates are not known")
        here = geohash(latitude, longitude)
        return None if here.startswith(self.cells) else Denied(Reason.WRONG_PLACE)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return list(self.cells)

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        return cls(_texts(value))


@dataclass(frozen=True, slots=True)
class Circles:
    """Circles on the globe (latitude and longitude in degrees, radius in metres), one of which the viewer is in.

    ValueError for what lies on no globe.
    """

    WORD: ClassVar[str] = "circles"
    circles: tuple[tuple[float, float, float], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.circles) <= MAX_PLACES:
            raise ValueError("circles are a few")
        for latitude, longitude, radius in self.circles:
            if not (abs(latitude) <= 90 and abs(longitude) <= 180 and 0 <= radius < math.inf):
                raise ValueError("a circle is a latitude, a longitude and a radius")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        latitude, longitude = request.place.latitude, request.place.longitude
        if latitude is None or longitude is None:
            return Denied(Reason.WRONG_PLACE, "the viewer's coordinates are not known")
        is_met = any(metres(latitude, longitude, north, east) <= radius for north, east, radius in self.circles)
        return None if is_met else Denied(Reason.WRONG_PLACE)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [list(circle) for circle in self.circles]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, list):
            raise ValueError("circles are a list")  # noqa: TRY004
        return cls(tuple(_circle(item) for item in value))


def geohash(latitude: float, longitude: float) -> str:
    """The twelve digits of a point: bits of longitude and latitude by turns, five to a digit."""
    south, north, west, east = -90.0, 90.0, -180.0, 180.0
    bits = 0
    for turn in range(60):
        if turn % 2 == 0:
            middle = (west + east) / 2
            is_upper = longitude >= middle
            west, east = (middle, east) if is_upper else (west, middle)
        else:
            middle = (south + north) / 2
            is_upper = latitude >= middle
            south, north = (middle, north) if is_upper else (south, middle)
        bits = bits << 1 | is_upper
    return "".join(_GEOHASH_DIGITS[bits >> shift & 31] for shift in range(55, -1, -5))


def metres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The distance of two points on a sphere of the Earth's size (haversine)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    across = math.sin((other_phi - phi) / 2) ** 2
    along = math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2 * _EARTH_METRES * math.asin(min(1.0, math.sqrt(across + math.cos(phi) * math.cos(other_phi) * along)))


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("places are a list")  # noqa: TRY004
    texts = tuple(item for item in value if isinstance(item, str))
    if len(texts) != len(value):
        raise ValueError("a place is a string")
    return texts


def _circle(value: JsonValue) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("a circle is three numbers")
    numbers = [float(item) for item in value if isinstance(item, int | float) and not isinstance(item, bool)]
    if len(numbers) != 3:
        raise ValueError("a circle is three numbers")
    return numbers[0], numbers[1], numbers[2]
