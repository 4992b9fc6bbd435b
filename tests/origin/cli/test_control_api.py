"""Calls of the control API: where the key comes from, and what is made of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from origin.cli.control_api import api_key, call
from origin.cli.trouble import ExitCode, Trouble
from tests.redis_server import free_port

KEY = "hgk_" + "a" * 40


def test_the_key_is_in_the_environment_or_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    assert api_key("SOME_KEY", None) == KEY
    file = tmp_path / "key"
    file.write_text(KEY[::-1] + "\n")
    assert api_key("SOME_KEY", file) == KEY[::-1]


@pytest.mark.parametrize("content", [None, "", "short", KEY + "\n" + KEY, "é" * 20])
def test_without_one_that_is_said_and_nothing_shown(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(Trouble) as caught:
        api_key("ABSENT_KEY", file)
    assert caught.value.code is ExitCode.USAGE
    assert not content or content not in str(caught.value)
    with pytest.raises(Trouble, match="ABSENT_KEY holds no API key"):
        api_key("ABSENT_KEY", None)


async def _answering(request: web.Request) -> web.Response:
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    if request.path == "/below/echo":
        return web.json_response({"got": await request.json()})
    status, text = request.path.removeprefix("/").split("/", 1)
    return web.Response(status=int(status), text=text, headers={"Location": "/below/echo"})


@pytest.fixture
async def api() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/{tail:.*}", _answering)
    async with TestServer(application) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_what_is_sent_and_answered(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    for base in (f"{api}/below", f"{api}/below/"):
        assert await asyncio.to_thread(call, base, KEY, "/echo", {"a": 1}) == {"got": {"a": 1}}


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ('/403/{"reason": "api_key_not_permitted", "detail": "No."}', ExitCode.USAGE, "(api_key_not_permitted): No."),
        ('/503/{"reason": "later"}', ExitCode.UNAVAILABLE, "(later)"),
        ("/200/hello", ExitCode.UNAVAILABLE, "no control API (status 200)"),
        ("/200/[]", ExitCode.UNAVAILABLE, "no control API (status 200)"),
        ("/307/{}", ExitCode.UNAVAILABLE, "no control API (status 307)"),
        ('/404/{"reason": 4}', ExitCode.UNAVAILABLE, "no control API (status 404)"),
        ("/500/" + "[" * 5000, ExitCode.UNAVAILABLE, "no control API (status 500)"),
    ],
)
async def test_what_is_no_good_answer_is_told(api: str, path: str, code: ExitCode, says: str) -> None:
    with pytest.raises(Trouble) as caught:
        await asyncio.to_thread(call, api, KEY, path.replace(" ", "%20"), {})
    assert caught.value.code is code
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "url", ["localhost:9080", "ftp://h", "http://", "http://h:port", "http://u:p@h", "http://h?x", "http://[h"]
)
def test_what_is_no_url_is_a_wrong_command_line(url: str) -> None:
    with pytest.raises(Trouble) as caught:
        call(url, KEY, "/x", {})
    assert caught.value.code is ExitCode.USAGE


def test_who_does_not_answer_is_not_there() -> None:
    with pytest.raises(Trouble) as caught:
        call(f"http://127.0.0.1:{free_port()}", KEY, "/x", {})
    assert caught.value.code is ExitCode.UNAVAILABLE
    assert KEY not in str(caught.value)
