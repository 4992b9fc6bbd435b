"""Realms that would be ambiguous are not built."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.carriage import Carriage, Transport
from auth.dialects import DIALECTS
from auth.errors import Misuse
from auth.realm import Accepted, Realm

QUERY = frozenset({Transport.QUERY})


@pytest.mark.parametrize("prefix", ["/", "/vod", "/a/b"])
def test_prefixes(prefix: str) -> None:
    assert Realm(prefix).accepts == (Accepted("jwt", Carriage("token")),)


@pytest.mark.parametrize("prefix", ["", "vod", "/vod/", "/a//b", "/../a", "/%61", "/a b", "/a?b"])
def test_prefixes_are_normal(prefix: str) -> None:
    with pytest.raises(Misuse, match="prefix"):
        Realm(prefix)


def test_it_accepts_something() -> None:
    with pytest.raises(Misuse, match="at least one"):
        Realm("/vod", ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Accepted("jwt"), Accepted("cat")),
        (Accepted("jwt"), Accepted("jwt", Carriage("other", QUERY))),
        (Accepted("jwt"), Accepted("cat", Carriage("CAT"))),
    ],
)
def test_two_dialects_do_not_read_one_token(one: Accepted, other: Accepted) -> None:
    with pytest.raises(Misuse, match="name them apart"):
        Realm("/vod", (one, other))


def test_dialects_named_apart() -> None:
    accepts = (Accepted("jwt"), Accepted("cat", Carriage("CAT", QUERY)))
    assert Realm("/vod", accepts).accepts == accepts


def accepted(dialect: str, *transports: Transport) -> Accepted:
    spec = DIALECTS[dialect]
    carriage = replace(spec.carriage, transports=frozenset(transports) or spec.carriage.transports)
    return Accepted(dialect, carriage, reads=spec.reads)


@pytest.mark.parametrize(
    ("one", "other"), [("cloudfront", "cloud-cdn"), ("cloud-cdn", "media-cdn"), ("gcore", "bunny"), ("bunny", "gcore")]
)
def test_two_dialects_do_not_read_one_parameter(one: str, other: str) -> None:
    with pytest.raises(Misuse, match="name them apart"):
        Realm("/vod", (accepted(one), accepted(other)))


def test_parameters_are_shared_in_a_query_alone() -> None:
    accepts = (accepted("cloudfront"), accepted("cloud-cdn", Transport.COOKIE))
    assert Realm("/vod", accepts).accepts == accepts
