"""The control API over the wire."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from origin.control.api_keys import new_api_key
from tests.stories.gateway import Gateway, running

WORD, DIGEST = new_api_key()
READER, READER_DIGEST = new_api_key()
API_KEYS = {
    "backend": {"sha256": DIGEST},
    "reader": {"sha256": READER_DIGEST, "permissions": ["verify"]},
}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running(tmp_path, admin={"api_keys": API_KEYS}) as opened:
        yield opened


async def post(gateway: Gateway, path: str, body: object, key: str | None = WORD) -> tuple[int, dict[str, object]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{gateway.where.admin_port}{path}"
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    headers["Content-Type"] = "application/json"
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json(content_type=None)


async def test_a_signed_url_plays(gateway: Gateway) -> None:
    gateway.put("film/a.ts", b"segment")
    status, answer = await post(gateway, "/api/v1/sign", {"url": "/vod/film/a.ts", "ttl": 60})
    assert status == 200
    assert (await gateway.ask(str(answer["url"]))).body == b"segment"
    status, verdict = await post(gateway, "/api/v1/verify", {"url": answer["url"]}, READER)
    assert (status, verdict["ok"]) == (200, True)


async def test_ten_thousand_urls_in_one_call(gateway: Gateway) -> None:
    requests = [{"url": f"/vod/film/{number}.ts", "subject": f"viewer-{number}"} for number in range(10_000)]
    status, answer = await post(gateway, "/api/v1/sign/batch", {"requests": requests})
    results = answer["results"]
    assert status == 200
    assert isinstance(results, list)
    assert len({result["url"] for result in results}) == 10_000
    assert results[9_999]["url"].startswith("/vod/film/9999.ts?token=")
    assert (await post(gateway, "/api/v1/sign/batch", {"requests": [*requests, requests[0]]}))[0] == 400


@pytest.mark.parametrize(
    ("path", "body", "key", "status", "reason"),
    [
        ("/api/v1/sign", {"url": "/vod/a/b"}, None, 401, "api_key_required"),
        ("/api/v1/sign", {"url": "/vod/a/b"}, "x" * 47, 401, "api_key_required"),
        ("/api/v1/sign", {"url": "/vod/a/b"}, READER, 403, "api_key_not_permitted"),
        ("/api/v1/sign", {"url": "/open/a"}, WORD, 422, "request_unsignable"),
        ("/api/v1/sign", {"url": "/vod/a/b", "tll": 5}, WORD, 400, "request_invalid"),
        ("/api/v1/sign", {"url": "/vod/a/b", "ttl": "60"}, WORD, 400, "request_invalid"),
        ("/api/v1/sign", {"url": "/vod/a/b", "ttl": -1}, WORD, 400, "request_invalid"),
        ("/api/v1/sign", b"{", WORD, 400, "request_invalid"),
        ("/api/v1/sign", b"[" * 100_000, WORD, 400, "request_invalid"),
        ("/api/v1/sign/batch", {"requests": []}, WORD, 400, "request_invalid"),
        ("/api/v1/sign/batch", {"requests": [{"url": "/vod/a/b"}, {"url": "/x"}]}, WORD, 422, "request_unsignable"),
        ("/api/v1/verify", {"url": "/vod/a", "client": "x"}, READER, 422, "request_unsignable"),
    ],
)
async def test_refusals_have_reasons(
    gateway: Gateway, path: str, body: object, key: str | None, status: int, reason: str
) -> None:
    got, answer = await post(gateway, path, body, key)
    assert (got, answer["reason"]) == (status, reason)


async def test_a_body_is_bounded_and_json(gateway: Gateway) -> None:
    assert (await post(gateway, "/api/v1/sign", b" " * (16 * 2**20 + 1)))[1]["reason"] == "request_too_large"
    async with gateway.wire(admin=True) as wire:
        answer = await wire.ask("/api/v1/sign", f"Authorization: Bearer {WORD}", "Content-Length: 0", method="POST")
        assert answer.status == 415


async def test_without_keys_the_api_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert (await post(gateway, "/api/v1/sign", {"url": "/vod/a/b"}))[0] == 401


async def test_it_describes_itself_and_is_not_public(gateway: Gateway) -> None:
    async with gateway.wire(admin=True) as wire:
        assert json.loads((await wire.ask("/openapi.json")).body)["openapi"] == "3.1.0"
        page = await wire.ask("/docs")
        assert b"/api/v1/sign/batch" in page.body
        assert page["content-security-policy"] == "default-src 'none'"
    for path in ("/api/v1/sign", "/openapi.json", "/docs"):
        assert (await gateway.ask(path)).status == 404
