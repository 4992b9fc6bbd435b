"""Keys of encrypted media come from the key store, behind the mount's own tokens, over the wire."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import pytest

from auth import Claims, Gate, PathScope
from auth.encoding import base64url_encode
from auth.revocation import Revoked
from origin.realms import realm_of
from tests.stories.gateway import Answer, Gateway, running

KID, KEY, OTHER = bytes(range(16)), bytes(range(200, 216)), bytes(range(100, 116))
WISH = json.dumps({"kids": [base64url_encode(KID), base64url_encode(OTHER)], "type": "temporary"}).encode()
LICENCE = {
    "keys": [{"kty": "oct", "kid": base64url_encode(KID), "k": base64url_encode(KEY)}],
    "type": "temporary",
}
PLAYLIST = b"""#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-KEY:METHOD=AES-128,URI="%s.key"
#EXTINF:4,
0.ts
#EXT-X-ENDLIST
""" % KID.hex().encode()
MPD = b"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"
 mediaPresentationDuration="PT4S" minBufferTime="PT1S"><Period><AdaptationSet mimeType="video/mp4">
 <ContentProtection schemeIdUri="urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e" value="ClearKey1.0">
 <ck:Laurl xmlns:ck="http://dashif.org/guidelines/clearKey" Lic_type="EME-1.0">%s</ck:Laurl></ContentProtection>
 <Representation id="v" bandwidth="1"><SegmentTemplate media="$Number$.ts" duration="4"/></Representation>
 </AdaptationSet></Period></MPD>"""


def mounts(folder: Path, **more: object) -> list[dict[str, object]]:
    entries = [
        {"asset": "film", "kid": KID.hex(), "k": KEY.hex()},
        {"asset": "other", "kid": OTHER.hex(), "k": OTHER.hex()},
    ]
    path = folder / "content-keys.json"
    path.touch(0o600)
    path.write_text(json.dumps({"keys": entries}))
    signed = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    opened: dict[str, object] = {"prefix": "/open", "storage": "file:media", "access": "open"}
    return [{**signed, "content_keys": path.name, **more}, opened]


async def licence(gateway: Gateway, target: str, *fields: str, body: bytes = WISH) -> Answer:
    async with gateway.wire() as wire:
        lines = (f"POST {target} HTTP/1.1", "Host: cdn.example", f"Content-Length: {len(body)}", *fields, "", "")
        await wire.send("\r\n".join(lines).encode() + body)
        answer = await wire.answer()
        if answer.status < 500 and "connection" not in answer:
            assert (await wire.ask("/time")).status == 200  # the connection goes on
        return answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_key_is_sixteen_octets_that_nobody_stores(method: str, tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        gateway.put(f"film/{KID.hex()}.key", b"what lies in storage")
        url = f"/vod/film/{KID.hex()}.key?token={gateway.token('/vod/film')}"
        answer = await gateway.ask(url, "Range: bytes=0-3", method=method)
        assert (answer.status, answer.body) == (200, KEY if method == "GET" else b"")
        assert (answer["content-length"], answer["content-type"]) == ("16", "application/octet-stream")
        assert answer["cache-control"] == "no-store"
        assert "etag" not in answer
        assert answer["access-control-allow-origin"] == "*"


async def test_a_token_opens_the_keys_of_its_own_asset_alone(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        gateway.put("film/stored.key", b"what lies in storage")
        token = gateway.token("/vod/film")
        for path, status in (
            (f"/vod/film/{KID.hex()}.key", 401),
            (f"/vod/other/{OTHER.hex()}.key?token={token}", 403),
            (f"/vod/film/{OTHER.hex()}.key?token={token}", 404),
            (f"/vod/film/stored.key?token={token}", 404),
        ):
            answer = await gateway.ask(path)
            assert (answer.status, answer["cache-control"]) == (status, "no-store")
            assert answer["content-type"] == "application/problem+json"


async def test_without_a_key_store_they_come_from_storage(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("film/a.key", b"k" * 16)
        assert (await gateway.ask(f"/vod/film/a.key?token={gateway.token()}")).body == b"k" * 16
        assert (await licence(gateway, f"/vod/film/clearkey?token={gateway.token()}")).status == 405


async def test_a_licence(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        token = gateway.token("/vod/film")
        fields = ("Content-Type: application/json", "Origin: https://player.example")
        for target in (f"/vod/film/clearkey?token={token}", f"/vod/token={token}/film/clearkey"):
            answer = await licence(gateway, target, *fields)
            assert (answer.status, answer["cache-control"]) == (200, "no-store")
            assert json.loads(answer.body) == LICENCE
            assert answer["access-control-allow-origin"] == "*"
        name = 'headgate_token_decisions_total{dialect="jwt",mount="/vod",reason="ok"}'
        assert await gateway.metric(name) == 2
        for target, status, reason in (
            ("/vod/film/clearkey", 401, "token_absent"),
            (f"/vod/other/clearkey?token={token}", 403, "path_out_of_scope"),
        ):
            answer = await licence(gateway, target, *fields)
            assert (answer.status, json.loads(answer.body)["reason"]) == (status, reason)


async def test_what_is_revoked_opens_no_key(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        token = gateway.token("/vod/film")
        await gateway.runtime.ledger.revoke(Revoked.ASSET, "film", seconds=600, mount="/vod")
        for answer in (
            await gateway.ask(f"/vod/film/{KID.hex()}.key?token={token}"),
            await licence(gateway, f"/vod/film/clearkey?token={token}"),
        ):
            assert (answer.status, json.loads(answer.body)["reason"]) == (403, "token_revoked")


async def test_pages_may_ask_for_licences_and_nothing_else_is_posted(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        asked = ("Origin: https://player.example", "Access-Control-Request-Method: POST")
        preflight = await gateway.ask("/vod/film/clearkey", *asked, method="OPTIONS")
        assert (preflight.status, preflight["access-control-allow-methods"]) == (204, "POST, OPTIONS")
        assert "Content-Type" in preflight["access-control-allow-headers"]
        elsewhere = await gateway.ask("/vod/film/a.key", *asked, method="OPTIONS")
        assert elsewhere["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        wrong = await gateway.ask("/vod/film/clearkey")
        assert (wrong.status, wrong["allow"]) == (405, "OPTIONS, POST")
        for target in ("/vod/film/a.key", "/open/film/clearkey", "/time", "/vod/film/clearkey/"):
            assert (await licence(gateway, target)).status == 405


@pytest.mark.parametrize(
    ("field", "body", "status", "reason"),
    [
        ("Transfer-Encoding: chunked", b"0\r\n\r\n", 400, "body_not_allowed"),
        ("X: y", b"", 411, "length_required"),
        ("Content-Length: 16385", b"", 413, "body_too_large"),
        ("Content-Length: 99999999999", b"", 413, "body_too_large"),
    ],
)
async def test_bodies_are_bounded(field: str, body: bytes, status: int, reason: str, tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway, gateway.wire() as wire:
        await wire.send(f"POST /vod/film/clearkey HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n".encode() + body)
        answer = await wire.answer()
        assert (answer.status, json.loads(answer.body)["reason"]) == (status, reason)
        assert answer["connection"] == "close"


async def test_a_body_ends_where_its_length_says(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway, gateway.wire() as wire:
        target = f"/vod/film/clearkey?token={gateway.token()}"
        head = f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(WISH)}\r\n\r\n".encode()
        await wire.send((head + WISH) * 2 + b"GET /time HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [await wire.answer() for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert [json.loads(answer.body) for answer in answers[:2]] == [LICENCE, LICENCE]


async def test_who_waits_to_be_told_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway, gateway.wire() as wire:
        first = f"POST /vod/film/clearkey?token={gateway.token()} HTTP/1.1"
        fields = ("Host: a", f"Content-Length: {len(WISH)}", "Expect: 100-continue")
        await wire.send("\r\n".join((first, *fields, "", "")).encode())
        assert (await wire.head()).status == 100
        await wire.send(WISH)
        answer = await wire.answer()
        assert (answer.status, json.loads(answer.body)) == (200, LICENCE)


async def test_a_body_has_a_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway, gateway.wire() as wire:
        await wire.send(b"POST /vod/film/clearkey HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        answer = await wire.answer()
        assert (answer.status, answer["connection"]) == (408, "close")
        assert 4 < time.monotonic() - begun < 8


async def test_a_body_that_ends_early_is_no_defect(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        async with gateway.wire() as wire:
            await wire.send(b"POST /vod/film/clearkey HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert (await gateway.ask("/time")).status == 200
    assert caplog.records == []


@pytest.mark.parametrize("mode", ["query", "path", "define"])
async def test_a_session_reaches_the_key_that_a_playlist_names(mode: str, tmp_path: Path) -> None:
    more = {"propagate": mode, "session": {"exchange": "always"}}
    async with running(tmp_path, mounts(tmp_path, **more)) as gateway:
        gateway.put("film/i.m3u8", PLAYLIST)
        url, text = await _manifest(gateway, "/vod/film/i.m3u8")
        found = re.search(r'URI="([^"]*)"', text)
        assert found is not None
        key = urljoin(url, found[1].replace("{$token}", url.partition("token=")[2]))
        assert "HGs1" in key
        assert (await gateway.ask(key)).body == KEY


@pytest.mark.parametrize("mode", ["query", "path", "define"])
@pytest.mark.parametrize("where", [b"clearkey", b"/vod/film/clearkey", b"http://cdn.example/vod/film/clearkey"])
async def test_a_session_reaches_the_licence_that_an_mpd_names(mode: str, where: bytes, tmp_path: Path) -> None:
    more = {"propagate": mode, "session": {"exchange": "always"}}
    async with running(tmp_path, mounts(tmp_path, **more)) as gateway:
        gateway.put("film/m.mpd", MPD % where)
        url, text = await _manifest(gateway, "/vod/film/m.mpd")
        found = re.search(r"EME-1.0\">([^<]*HGs1[^<]*)<", text)
        assert found is not None
        answer = await licence(gateway, urljoin(url, found[1].replace("&amp;", "&")))
        assert json.loads(answer.body) == LICENCE


async def _manifest(gateway: Gateway, path: str) -> tuple[str, str]:
    """A manifest that a token for it alone has opened, and the URL that gave it."""
    claims = Claims(expires=time.time() + 60, scope=PathScope.exact(path))
    token = Gate(realm_of(gateway.configured.mount[0])).mint(claims, gateway.ring, time.time()).reveal()
    url = f"http://cdn.example{path}?token={token}"
    answer = await gateway.ask(url)
    if answer.status == 302:
        url = urljoin(url, answer["location"])
        answer = await gateway.ask(url)
    return url, answer.body.decode()


async def test_the_access_log_has_the_path_and_no_key(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with running(tmp_path, mounts(tmp_path), log={"access": True}) as gateway:
        token = gateway.token("/vod/film")
        assert (await gateway.ask(f"/vod/film/{KID.hex()}.key?token={token}")).body == KEY
        assert (await licence(gateway, f"/vod/film/clearkey?token={token}")).status == 200
    logged = capfdbinary.readouterr().out
    lines = [msgspec.json.decode(line) for line in logged.splitlines() if b"/vod/film" in line]
    assert [(line["headgate.kind"], line["http.response.status_code"]) for line in lines] == [
        ("key", 200),
        ("key", 200),
    ]
    for secret in (KEY, KEY.hex().encode(), base64url_encode(KEY).encode(), token.encode()):
        assert secret not in logged


async def test_new_keys_are_found_while_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(tmp_path)) as gateway:
        fresh = tmp_path / "fresh.json"
        fresh.touch(0o600)
        fresh.write_text(json.dumps({"keys": [{"asset": "film", "kid": OTHER.hex(), "k": KEY.hex()}]}))
        fresh.replace(tmp_path / "content-keys.json")
        url = f"/vod/film/{OTHER.hex()}.key?token={gateway.token()}"
        async with asyncio.timeout(8):
            while (await gateway.ask(url)).status != 200:
                await asyncio.sleep(0.2)
        assert (await gateway.ask(f"/vod/film/{KID.hex()}.key?token={gateway.token()}")).status == 404
