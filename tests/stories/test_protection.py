"""A signed mount from the outside: who gets in, what goes out, and who may keep it."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from tests.stories.gateway import SECRET, Answer, Gateway, running

MEDIA = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
    + b"".join(b"#EXTINF:4,\n%d.ts\n" % n for n in range(40))
    + b"#EXT-X-ENDLIST\n"
)
LIVE = MEDIA.removesuffix(b"#EXT-X-ENDLIST\n")
KEYED = b'#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-KEY:METHOD=AES-128,URI="k.key"\n#EXTINF:4,\n0.ts\n#EXT-X-ENDLIST\n'
SIGNED: dict[str, object] = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
EDGE_FIELD = f"X-Headgate-Edge: {SECRET}"


def mount(**more: object) -> list[dict[str, object]]:
    return [{**SIGNED, **more}]


def edge(trust: str) -> dict[str, object]:
    return {"trust": trust, "secrets": [SECRET]}


def fill(gateway: Gateway) -> None:
    gateway.put("film/i.m3u8", MEDIA)
    gateway.put("film/live.m3u8", LIVE)
    gateway.put("film/0.ts", b"segment")
    gateway.put("film/k.key", b"0123456789abcdef")


def is_shareable(answer: Answer) -> bool:
    return "cdn-cache-control" in answer or "public" in answer["cache-control"]


async def test_without_a_token_nothing_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        fill(gateway)
        for path in ("film/i.m3u8", "film/0.ts", "film/none.ts", "", "film/k.key", "film/.hidden"):
            answer = await gateway.ask(f"/vod/{path}", "Origin: https://player.example")
            assert (answer.status, answer["cache-control"]) == (401, "no-store")
            assert answer["www-authenticate"] == "Bearer"
            assert answer["access-control-allow-origin"] == "*"
            assert msgspec.json.decode(answer.body)["reason"] == "token_absent"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fault", ["foreign path", "expired", "forged", "garbage", "twice"])
async def test_a_bad_token_is_refused_and_never_repeated(
    fault: str, method: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, mount(leeway_seconds=0)) as gateway:
        fill(gateway)
        token = gateway.token("/vod/other" if fault == "foreign path" else "/vod/film")
        query = {
            "expired": f"token={gateway.token('/vod/film', lifetime=0.001)}",
            "forged": f"token={token[:-4]}AAAA",
            "garbage": "token=%ff",
            "twice": f"token={token}&token={token}",
        }.get(fault, f"token={token}")
        await asyncio.sleep(0.002)
        answer = await gateway.ask(f"/vod/film/i.m3u8?{query}", method=method)
    assert (answer.status, answer["cache-control"]) == (403, "no-store")
    assert "access-control-allow-origin" in answer
    assert (answer.body == b"") == (method == "HEAD")
    assert token not in str(answer)
    assert token not in caplog.text


@pytest.mark.parametrize("way", ["query", "header", "path", "cookie"])
async def test_a_token_gets_in_by_every_way(way: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        fill(gateway)
        answer = await ask_with_token(gateway, "film/0.ts", way)
    assert (answer.status, answer.body) == (200, b"segment")
    assert (answer["cache-control"], "cdn-cache-control" in answer) == ("private, immutable, max-age=31536000", False)
    assert answer["referrer-policy"] == "no-referrer"


async def ask_with_token(gateway: Gateway, path: str, way: str, *fields: str) -> Answer:
    token = gateway.token("/vod/film")
    match way:
        case "path":
            return await gateway.ask(f"/vod/token={token}/{path}", *fields)
        case "header":
            return await gateway.ask(f"/vod/{path}", f"Authorization: Bearer {token}", *fields)
        case "cookie":
            return await gateway.ask(f"/vod/{path}", f"Cookie: a=b; token={token}", *fields)
        case _:
            return await gateway.ask(f"/vod/{path}?token={token}", *fields)


@pytest.mark.parametrize("propagate", ["query", "define", "path", "cookie", "none"])
@pytest.mark.parametrize("way", ["query", "header", "path", "cookie"])
async def test_nothing_with_a_token_in_it_may_be_shared(propagate: str, way: str, tmp_path: Path) -> None:
    cors = {"origins": ["https://p.example"], "credentials": True}
    async with running(tmp_path, mount(propagate=propagate, edge=edge("asks"), cors=cors)) as gateway:
        fill(gateway)
        answer = await ask_with_token(gateway, "film/i.m3u8", way, EDGE_FIELD)
        assert answer.status == 200
        has_token = "eyJ" in answer.body.decode() or "set-cookie" in answer
        assert is_shareable(answer) != has_token
        segment = await ask_with_token(gateway, "film/0.ts", way, EDGE_FIELD)
        assert segment["cdn-cache-control"] == "immutable, max-age=31536000"
        assert segment["cache-control"].startswith("private")


async def test_an_edge_that_verifies_needs_no_token_and_one_that_asks_does(tmp_path: Path) -> None:
    for trust, status in (("verifies", 200), ("asks", 401)):
        async with running(tmp_path, mount(propagate="define", edge=edge(trust))) as gateway:
            fill(gateway)
            for path in ("film/i.m3u8", "film/0.ts"):
                answer = await gateway.ask(f"/vod/{path}", EDGE_FIELD)
                assert answer.status == status
                assert is_shareable(answer) == (status == 200)
            forged = gateway.token("/vod/film")[:-4] + "AAAA"
            assert (await gateway.ask(f"/vod/film/0.ts?token={forged}", EDGE_FIELD)).status == 403


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["X-Headgate-Edge: "],
        [f"X-Headgate-Edge: {SECRET[:-1]}"],
        [f"X-Headgate-Edge: {SECRET}x"],
        ["X-Headgate-Edge: \xff\xfe"],
        [EDGE_FIELD, EDGE_FIELD],
        [f"X-Other: {SECRET}"],
    ],
)
async def test_a_wrong_secret_proves_nothing(fields: list[str], tmp_path: Path) -> None:
    async with running(tmp_path, mount(propagate="define", edge=edge("verifies"))) as gateway:
        fill(gateway)
        assert (await gateway.ask("/vod/film/0.ts", *fields)).status == 401
        answer = await gateway.ask(f"/vod/film/0.ts?token={gateway.token()}", *fields)
        assert (answer.status, is_shareable(answer)) == (200, False)


async def test_a_manifest_that_needs_a_token_is_not_sent_to_an_edge_without_one(tmp_path: Path) -> None:
    async with running(tmp_path, mount(edge=edge("verifies"))) as gateway:
        fill(gateway)
        answer = await gateway.ask("/vod/film/i.m3u8", EDGE_FIELD)
    assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (502, "reference_unprotectable")


async def test_keys_are_never_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        fill(gateway)
        assert (await gateway.ask("/open/film/k.key"))["cache-control"] == "no-store"
        answer = await gateway.ask(f"/vod/film/k.key?token={gateway.token()}")
    assert (answer.status, answer["cache-control"]) == (200, "no-store")


async def test_every_viewer_gets_their_own_token_from_one_cached_manifest(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        fill(gateway)
        tokens = [gateway.token("/vod/film", lifetime=600 + number) for number in range(3)]
        for token in tokens:
            answer = await gateway.ask(f"/vod/film/i.m3u8?token={token}")
            assert set(re.findall(r"token=([\w.-]+)", answer.body.decode())) == {token}
        assert (
            await gateway.metric('headgate_storage_operations_total{mount="/vod",operation="open",result="found"}') <= 1
        )
        misses = await gateway.metric('headgate_cache_outcomes_total{outcome="miss"}')
    assert misses == 1


async def test_codings_have_tags_of_their_own(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        fill(gateway)
        plain = await wire.ask("/open/film/i.m3u8")
        tags = {plain["etag"]}
        for coding in ("gzip", "br", "zstd"):
            coded = await wire.ask("/open/film/i.m3u8", f"Accept-Encoding: {coding}")
            assert coded["content-encoding"] == coding
            assert len(coded.body) < len(plain.body)
            assert "accept-encoding" in coded["vary"].lower()
            tags.add(coded["etag"])
            again = await wire.ask("/open/film/i.m3u8", f"Accept-Encoding: {coding}", f"If-None-Match: {coded['etag']}")
            assert again.status == 304
            part = await wire.ask("/open/film/i.m3u8", f"Accept-Encoding: {coding}", "Range: bytes=0-3")
            assert (part.status, part.body) == (206, coded.body[:4])
        assert len(tags) == 4
        refused = await wire.ask("/open/film/i.m3u8", "Accept-Encoding: gzip;q=0, br;q=0, zstd;q=0")
        assert refused.body == plain.body == MEDIA
        assert "accept-encoding" in plain["vary"].lower()
        gzipped = await wire.ask("/open/film/i.m3u8", "Accept-Encoding: gzip")
        assert gzip.decompress(gzipped.body) == MEDIA


async def test_a_changed_manifest_is_seen(tmp_path: Path) -> None:
    async with running(tmp_path, mount(cache={"recheck_seconds": 0.05})) as gateway:
        fill(gateway)
        token = gateway.token()
        first = await gateway.ask(f"/vod/film/i.m3u8?token={token}")
        gateway.put("film/i.m3u8", KEYED)
        async with asyncio.timeout(5):
            while (now := await gateway.ask(f"/vod/film/i.m3u8?token={token}"))["etag"] == first["etag"]:
                await asyncio.sleep(0.01)
    assert b"k.key?token=" in now.body


async def test_what_cannot_be_understood_is_served_openly_or_not_at_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("film/i.m3u8", b"no playlist at all")
        assert (await gateway.ask("/open/film/i.m3u8")).body == b"no playlist at all"
        token = gateway.token()
        for _ in range(3):
            answer = await gateway.ask(f"/vod/film/i.m3u8?token={token}")
            assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (502, "not_a_playlist")
            assert answer["cache-control"] == "no-store"
        assert await gateway.metric('headgate_manifests_refused_total{mount="/vod",reason="not_a_playlist"}') == 3
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "/vod/film/i.m3u8 is not_a_playlist" in told
    assert token not in caplog.text


async def test_an_expected_404_is_short_lived(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        opened = [await gateway.ask(path) for path in ("/open/none.ts", "/open/none.m3u8", "/open/none.mpd")]
        signed = await gateway.ask(f"/vod/none.m3u8?token={gateway.token()}")
    assert {(answer.status, answer["cache-control"]) for answer in opened} == {(404, "public, max-age=1")}
    assert (signed.status, signed["cache-control"]) == (404, "no-store")


async def test_age_and_cache_status_tell_what_happened(tmp_path: Path) -> None:
    async with running(
        tmp_path, [{"prefix": "/open", "storage": "file:media", "access": "open", "cache": {"recheck_seconds": 600.0}}]
    ) as gateway:
        fill(gateway)
        first, second = [await gateway.ask("/open/film/live.m3u8") for _ in range(2)]
        segment = await gateway.ask("/open/film/0.ts")
    assert first["cache-status"].startswith("Headgate; fwd=uri-miss; ttl=")
    assert second["cache-status"].startswith("Headgate; hit; ttl=")
    assert (first["age"], second["age"]) == ("0", "0")
    assert (first["cache-control"], first["cdn-cache-control"]) == ("public, max-age=2", "max-age=2, stale-if-error=4")
    assert "cache-status" not in segment
    assert "age" not in segment


async def test_nested_mounts_keep_to_themselves(tmp_path: Path) -> None:
    nested: dict[str, object] = {"prefix": "/vod/free", "storage": "file:free", "access": "open"}
    (tmp_path / "free").mkdir()
    (tmp_path / "free" / "0.ts").write_bytes(b"free")
    async with running(tmp_path, [*mount(), nested]) as gateway:
        gateway.put("film/i.m3u8", MEDIA.replace(b"\n0.ts", b"\n../free/0.ts"))
        gateway.put("free/0.ts", b"shadowed")
        token = gateway.token()
        for path in ("/vod/free/0.ts", "/vod/fre%65/0.ts", "/%76od/free/0.ts"):
            assert (await gateway.ask(path)).body == b"free"
        for path in ("/vod/film/i.m3u8", "/%76od/film/i.m3u8", "/vod/%66ilm/i.m3u8"):
            assert (await gateway.ask(path)).status == 401
            answer = await gateway.ask(f"{path}?token={token}")
            lines = answer.body.decode().splitlines()
            assert "../free/0.ts" in lines
            assert f"1.ts?token={quote(token)}" in lines
        # Behind the token's segment the path would belong to the other mount.
        assert (await gateway.ask(f"/vod/token={token}/free/0.ts")).status == 404


@pytest.mark.parametrize(("path", "cookie_path"), [("film/i.m3u8", "/vod/film/"), ("i.m3u8", "/vod/")])
async def test_a_cookie_goes_to_its_asset(path: str, cookie_path: str, tmp_path: Path) -> None:
    cors = {"origins": ["https://p.example"], "credentials": True}
    async with running(tmp_path, mount(propagate="cookie", cors=cors)) as gateway:
        gateway.put(path, MEDIA)
        token = gateway.token()
        answer = await gateway.ask(f"/vod/{path}?token={token}", "Origin: https://p.example")
        again = await gateway.ask(f"/vod/{path}", f"Cookie: token={token}")
    name, _, attributes = answer["set-cookie"].partition("; ")
    assert name == f"token={token}"
    assert f"Path={cookie_path};" in attributes
    assert {"Secure", "HttpOnly", "SameSite=None"} <= set(attributes.split("; "))
    assert answer.body == again.body == MEDIA
    assert "set-cookie" not in again
    assert answer["access-control-allow-credentials"] == "true"


async def test_options_gives_permissions_and_no_content(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        fill(gateway)
        for path in ("/vod/film/0.ts", "/vod/film/i.m3u8", "/open/film/0.ts", "/vod/none", "/time"):
            answer = await wire.ask(
                path, "Origin: https://p.example", "Access-Control-Request-Method: GET", method="OPTIONS"
            )
            assert (answer.status, answer.body) == (204, b"")
            assert "content-length" not in answer
            assert "Range" in answer["access-control-allow-headers"]


async def test_the_viewer_behind_a_proxy_is_the_last_address_that_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, public={"trusted_proxies": ["127.0.0.0/8"]}) as gateway:
        fill(gateway)
        answer = await gateway.ask("/open/film/0.ts", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=evil")
    assert answer.status == 200


async def test_storage_that_fails_is_a_503(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        fill(gateway)
        token = gateway.token()
        gateway.media.rename(tmp_path / "away")
        for target in ("/open/film/0.ts", "/open/film/i.m3u8", f"/vod/film/i.m3u8?token={token}"):
            answer = await gateway.ask(target)
            assert (answer.status, answer["retry-after"], answer["cache-control"]) == (503, "2", "no-store")
        async with gateway.wire(admin=True) as admin:
            assert (await admin.ask("/readyz")).status == 503
