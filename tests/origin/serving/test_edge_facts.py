"""What an edge says of a viewer, and what a database knows."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from auth.request import Place, Tls
from origin.serving.edge_facts import EdgeFacts, FieldNames
from origin.serving.forwarded import Address

NAMES = FieldNames("X-Country", "X-Region", "X-City", "X-Lat", "X-Lon", "X-ASN", "X-JA3", "X-JA4")
CLIENT = ip_address("192.0.2.7")


def fields(**values: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict({f"X-{name}": value for name, value in values.items()}))


SAID = fields(Country="ca", Region="CA-QC", City="Montréal", Lat="45.5", Lon="-73.56", ASN="AS64500")


def database(address: Address) -> Place:
    assert address == CLIENT
    return Place(country="US", city="Boston", asn=64501)


def test_a_trusted_edge_is_believed() -> None:
    place = EdgeFacts(NAMES).place(SAID, CLIENT, is_trusted=True)
    assert place == Place("CA", "CA-QC", "Montréal", 45.5, -73.56, 64500)


def test_nobody_else_is() -> None:
    assert EdgeFacts(NAMES).place(SAID, CLIENT, is_trusted=False) == Place()
    assert EdgeFacts(NAMES).tls(fields(JA4="t13d"), None, is_trusted=False) is None


def test_the_database_fills_the_gaps() -> None:
    facts = EdgeFacts(NAMES, database)
    assert facts.place(fields(), CLIENT, is_trusted=False) == Place("US", None, "Boston", None, None, 64501)
    assert facts.place(fields(Country="CA"), CLIENT, is_trusted=True) == Place("CA", None, "Boston", None, None, 64501)
    assert facts.place(fields(), None, is_trusted=False) == Place()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Country", "CAN"),
        ("Country", "C1"),
        ("Region", "QC"),
        ("City", ""),
        ("City", "x" * 129),
        ("Lat", "91"),
        ("Lat", "nan"),
        ("Lon", "-180.1"),
        ("Lon", "1e2"),
        ("ASN", "AS-1"),
        ("ASN", "12345678901"),
    ],
)
def test_nonsense_is_not_known(name: str, value: str) -> None:
    assert EdgeFacts(NAMES).place(fields(**{name: value}), CLIENT, is_trusted=True) == Place()


def test_a_field_that_is_there_twice_is_not_known() -> None:
    twice = CIMultiDictProxy(CIMultiDict([("X-Country", "CA"), ("X-Country", "US")]))
    assert EdgeFacts(NAMES).place(twice, CLIENT, is_trusted=True) == Place()


def test_tls_facts() -> None:
    facts = EdgeFacts(NAMES)
    assert facts.tls(fields(JA4="t13d1516h2_8daa", JA3="abc"), "h2", is_trusted=True) == Tls(
        "h2", (("ja3", "abc"), ("ja4", "t13d1516h2_8daa"))
    )
    assert facts.tls(fields(JA4="no way"), None, is_trusted=True) is None
    assert facts.tls(fields(), "h2", is_trusted=False) == Tls("h2")
