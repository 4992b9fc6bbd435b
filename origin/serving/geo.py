"""Where an address is, by a MaxMind database that the operator brings."""

from __future__ import annotations

from pathlib import Path

import maxminddb

from auth.request import Place
from origin.serving.forwarded import Address


class GeoDatabaseError(Exception):
    """The database cannot be used; the words name the file."""


class GeoDatabase:
    """An open database: country, city or ASN, whichever it is. A look-up takes microseconds and touches memory only."""

    def __init__(self, path: Path) -> None:
        """Reads the whole file, so that overwriting it does no harm; it blocks. Raises `GeoDatabaseError`."""
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        except OSError as error:
            raise GeoDatabaseError(f"{path}: cannot be read ({error.strerror})") from None
        except (maxminddb.InvalidDatabaseError, ValueError):
            raise GeoDatabaseError(f"{path}: is not a MaxMind database") from None

    def place(self, address: Address) -> Place:
        """What is known of an address; nothing for one that is not in there."""
        try:
            found = self._reader.get(address)
        except (maxminddb.InvalidDatabaseError, ValueError):
            return Place()
        country, code = _at(found, "country", "iso_code"), _at(found, "subdivisions", 0, "iso_code")
        return Place(
            country=_text(country),
            subdivision=f"{country}-{code}" if _text(country) and _text(code) else None,
            city=_text(_at(found, "city", "names", "en")),
            latitude=_number(_at(found, "location", "latitude")),
            longitude=_number(_at(found, "location", "longitude")),
            asn=_whole(_at(found, "autonomous_system_number")),
        )

    def close(self) -> None:
        """Forget it."""
        self._reader.close()


def _at(record: object, *way: str | int) -> object:
    for step in way:
        if isinstance(step, str) and isinstance(record, dict):
            record = record.get(step)
        elif isinstance(step, int) and isinstance(record, list) and len(record) > step:
            record = record[step]
        else:
            return None
    return record


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
