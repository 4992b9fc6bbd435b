"""Which request lines are read at all."""

from __future__ import annotations

import pytest

from origin.lane.line import read_line


def test_a_plain_line() -> None:
    data = b"xxGET /vod/a.ts?token=a.b-c%20 HTTP/1.1\r\nHost: a\r\n\r\n"
    assert read_line(data, 2) == (False, b"/vod/a.ts", b"token=a.b-c%20", data.index(b"Host"))
    assert read_line(b"HEAD / HTTP/1.1\r\n", 0) == (True, b"/", b"", 17)


@pytest.mark.parametrize(
    "line",
    [
        b"GET /a HTTP/1.0\r\n",
        b"GET /a HTTP/1.1\n",
        b"GET  /a HTTP/1.1\r\n",
        b"GET /a  HTTP/1.1\r\n",
        b"GET /a HTTP/1.1 \r\n",
        b"get /a HTTP/1.1\r\n",
        b"POST /a HTTP/1.1\r\n",
        b"GET a HTTP/1.1\r\n",
        b"GET http://a/a HTTP/1.1\r\n",
        b"GET /a%20b HTTP/1.1\r\n",
        b"GET /token=x/a HTTP/1.1\r\n",
        b"GET /a#b HTTP/1.1\r\n",
        b'GET /a?"b HTTP/1.1\r\n',
        b"GET /a\0 HTTP/1.1\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\n",
        b"\r\nGET /a HTTP/1.1\r\n",
        b"GET /" + b"a" * 256 + b" HTTP/1.1\r\n",
        b"GET /?" + b"a" * 4097 + b" HTTP/1.1\r\n",
        b"GET /a HTTP/1.1",
    ],
)
def test_anything_else_is_left_alone(line: bytes) -> None:
    assert read_line(line, 0) is None
