"""A MaxMind database, made here by another library."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from auth.request import Place
from origin.serving.geo import GeoDatabase, GeoDatabaseError

CITY = {
    "country": {"iso_code": "CA"},
    "subdivisions": [{"iso_code": "QC"}],
    "city": {"names": {"en": "Montreal"}},
    "location": {"latitude": 45.5, "longitude": -73.5},
    "autonomous_system_number": 64500,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-City", float_type="f64")
    writer.insert_network(IPSet(["192.0.2.0/24", "2001:db8::/32"]), CITY)
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "FR"}})
    file = tmp_path / "geo.mmdb"
    writer.to_db_file(str(file))
    return file


def test_an_address_has_a_place(path: Path) -> None:
    database = GeoDatabase(path)
    try:
        for address in ("192.0.2.7", "2001:db8::1"):
            assert database.place(ip_address(address)) == Place("CA", "CA-QC", "Montreal", 45.5, -73.5, 64500)
        assert database.place(ip_address("198.51.100.1")) == Place(country="FR")
        assert database.place(ip_address("203.0.113.1")) == Place()
    finally:
        database.close()


def test_what_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(GeoDatabaseError, match="cannot be read"):
        GeoDatabase(tmp_path / "none.mmdb")
    (tmp_path / "x.mmdb").write_bytes(b"nonsense" * 100)
    with pytest.raises(GeoDatabaseError, match="is not a MaxMind database"):
        GeoDatabase(tmp_path / "x.mmdb")
