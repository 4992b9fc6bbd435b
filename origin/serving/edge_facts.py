"""What a trusted edge says of a viewer in header fields, and what a database knows of an address.

Only fields of configured proxies are read; anybody else could write them. The database fills in what no field said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from multidict import CIMultiDictProxy

from auth.request import Place, Tls
from origin.serving.forwarded import Address

PlaceOf = Callable[[Address], Place]

_COUNTRY = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_NUMBER = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,12})?")
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})")
_FINGERPRINT = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_MAX_CITY = 128


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The fields in which the edge says what it knows; None where it does not."""

    country: str | None = None
    subdivision: str | None = None
    city: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    asn: str | None = None
    ja3: str | None = None
    ja4: str | None = None


class EdgeFacts:
    """Reads the facts that tokens may be bound to."""

    def __init__(self, names: FieldNames, place_of: PlaceOf | None = None) -> None:
        """`place_of` asks a database about an address."""
        self._names = names
        self._place_of = place_of

    def place(self, fields: CIMultiDictProxy[str], client: Address | None, *, is_trusted: bool) -> Place:
        """Where the viewer is. `is_trusted`: the fields come from a proxy that is believed."""
        known = Place() if self._place_of is None or client is None else self._place_of(client)
        return self._said(fields, known) if is_trusted else known

    def tls(self, fields: CIMultiDictProxy[str], alpn: str | None, *, is_trusted: bool) -> Tls | None:
        """What is known of the viewer's TLS connection; None when nothing is."""
        names = {"ja3": self._names.ja3, "ja4": self._names.ja4} if is_trusted else {}
        found = {kind: _matching(_FINGERPRINT, _only(fields, name)) for kind, name in names.items()}
        fingerprints = tuple((kind, value) for kind, value in found.items() if value is not None)
        return Tls(alpn, fingerprints) if alpn or fingerprints else None

    def _said(self, fields: CIMultiDictProxy[str], known: Place) -> Place:
        names = self._names
        asn = _ASN.fullmatch(_only(fields, names.asn) or "")
        city = _only(fields, names.city) or ""
        return Place(
            country=_matching(_COUNTRY, (_only(fields, names.country) or "").upper()) or known.country,
            subdivision=_matching(_SUBDIVISION, (_only(fields, names.subdivision) or "").upper()) or known.subdivision,
            city=city if 0 < len(city) <= _MAX_CITY and city.isprintable() else known.city,
            latitude=_degrees(_only(fields, names.latitude), 90, known.latitude),
            longitude=_degrees(_only(fields, names.longitude), 180, known.longitude),
            asn=int(asn[1]) if asn else known.asn,
        )


def _only(fields: CIMultiDictProxy[str], name: str | None) -> str | None:
    """The field's value if it is there exactly once: of two, nobody knows which one the edge wrote."""
    values = () if name is None else fields.getall(name, ())
    return values[0].strip(" \t") if len(values) == 1 else None


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None


def _degrees(value: str | None, limit: int, known: float | None) -> float | None:
    if value is None or not _NUMBER.fullmatch(value):
        return known
    degrees = float(value)
    return degrees if math.fabs(degrees) <= limit else known


NO_FACTS = EdgeFacts(FieldNames())
