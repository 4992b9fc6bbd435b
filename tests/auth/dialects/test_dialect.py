"""How a token rides that goes by one name; what is found where is `auth.carriage`'s to test."""

from __future__ import annotations

import pytest

from auth.carriage import Carriage, Transport
from auth.dialects.dialect import OneName
from auth.errors import Misuse
from auth.request import Request
from auth.secret import Token

RIDE = OneName()
TOKEN = Token("a b%")


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("header", ["authorization", "x-token"])
def test_what_is_issued_is_located(transport: Transport, header: str) -> None:
    carriage = Carriage("t", header=header)
    signed = RIDE.issue("/vod/a?x=1", TOKEN, carriage, "/vod", transport)
    path, _, query = signed.url.partition("?")
    request = Request("GET", "https", "h", path, query, signed.headers, signed.cookies)
    found = RIDE.locate(request, carriage, "/vod")
    assert found is not None
    assert (found.token, found.transport, found.path, found.query) == (TOKEN, transport, "/vod/a", "x=1")
    assert RIDE.strip(path, query, carriage, "/vod") == ("/vod/a", "x=1")


@pytest.mark.parametrize("transport", [Transport.COOKIE, Transport.HEADER])
def test_a_closed_transport_is_misuse(transport: Transport) -> None:
    with pytest.raises(Misuse):
        RIDE.issue("/vod/a", TOKEN, Carriage("t", frozenset({Transport.QUERY})), "/vod", transport)
