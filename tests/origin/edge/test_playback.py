"""`POST /playback/…` over the wire."""

from __future__ import annotations

import time
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Policy, Realm
from auth.revocation import Revoked
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from tests.stories.gateway import Answer, Gateway, running

PAGE = "https://app.example"


def mounts(**more: object) -> list[dict[str, object]]:
    signed: dict[str, object] = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    return [signed | more, {"prefix": "/open", "storage": "file:media", "access": "open"}]


def app_token(gateway: Gateway, **claims: object) -> str:
    """What the app's backend gives its player."""
    said = Claims(subject="viewer-42", session_id="s-1", issuer=PAGE, audience=("other",), expires=time.time() + 3600)
    realm = Realm("/", policy=Policy(audiences=frozenset({"other", "other-app"}), scope_required=False))
    return Gate(realm).mint(_with(said, claims), gateway.ring, time.time()).reveal()


def _with(claims: Claims, more: dict[str, object]) -> Claims:
    return Claims(**({name: getattr(claims, name) for name in Claims.__slots__} | more))


async def ask(gateway: Gateway, path: str, token: str | None, *fields: str, method: str = "POST") -> Answer:
    shown = () if token is None else (f"Authorization: Bearer {token}",)
    return await gateway.ask(path, *shown, "Content-Length: 0", *fields, method=method)


PLAYBACK = {"keys": "main", "issuers": [PAGE], "ttl_seconds": 600, "per_minute": 3, "audience": ["other"]}


@pytest.mark.parametrize("propagate", ["query", "path", "none", "define"])
async def test_a_player_gets_a_url_that_plays(propagate: str, tmp_path: Path) -> None:
    async with running(tmp_path, mounts(propagate=propagate), playback=PLAYBACK) as gateway:
        gateway.put("film/a.ts", b"segment")
        answer = await ask(gateway, "/playback/vod/film/a.ts", app_token(gateway))
        given = msgspec.json.decode(answer.body)
        assert (answer.status, answer["cache-control"]) == (200, "no-store")
        assert given["url"].startswith("http://cdn.example/vod/")
        assert given["expires_at"] <= time.time() + 600
        parts = urlsplit(given["url"])
        assert (await gateway.ask(f"{parts.path}?{parts.query}")).body == b"segment"


async def test_in_cookie_mode_it_gets_a_cookie(tmp_path: Path) -> None:
    cors = {"origins": [PAGE], "credentials": True}
    async with running(tmp_path, mounts(propagate="cookie", cors=cors), playback=PLAYBACK) as gateway:
        gateway.put("film/a.ts", b"segment")
        answer = await ask(gateway, "/playback/vod/film/a.ts", app_token(gateway), f"Origin: {PAGE}")
        given = msgspec.json.decode(answer.body)
        assert given["url"] == "http://cdn.example/vod/film/a.ts"
        assert answer["set-cookie"].startswith(f"token={given['cookies']['token']}; Path=/vod/film/; Max-Age=")
        assert answer["access-control-allow-origin"] == PAGE
        cookie = f"Cookie: token={given['cookies']['token']}"
        assert (await gateway.ask("/vod/film/a.ts", cookie)).body == b"segment"


@pytest.mark.parametrize(
    ("path", "claims", "status", "reason"),
    [
        ("/playback/vod/film/a.ts", None, 401, "token_absent"),
        ("/playback/vod/film/a.ts", {"issuer": "https://evil.example"}, 403, "issuer_mismatch"),
        ("/playback/vod/film/a.ts", {"audience": ("other-app",)}, 403, "audience_mismatch"),
        ("/playback/vod/film/a.ts", {"scope": PathScope.prefix("/vod/other")}, 403, "path_out_of_scope"),
        ("/playback/open/film/a.ts", {}, 404, "not_found"),
        ("/playback/elsewhere", {}, 404, "not_found"),
        ("/playback/vod/a%2Fb", {}, 403, "path_out_of_scope"),
        ("/playback/vod", {}, 404, "not_found"),
    ],
)
async def test_refusals(path: str, claims: dict[str, object] | None, status: int, reason: str, tmp_path: Path) -> None:
    async with running(tmp_path, mounts(), playback=PLAYBACK) as gateway:
        token = None if claims is None else app_token(gateway, **claims)
        answer = await ask(gateway, path, token)
        assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (status, reason)
        assert answer["cache-control"] == "no-store"


async def test_nothing_outlives_the_apps_session(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(), playback=PLAYBACK) as gateway:
        answer = await ask(gateway, "/playback/vod/film/a.ts", app_token(gateway, expires=time.time() + 30))
        assert msgspec.json.decode(answer.body)["expires_at"] <= time.time() + 30


async def test_a_subject_that_asks_too_often_waits(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(), playback=PLAYBACK) as gateway:
        token = app_token(gateway)
        answers = [await ask(gateway, "/playback/vod/film/a.ts", token) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert int(answers[-1]["retry-after"]) in range(1, 21)
        other = await ask(gateway, "/playback/vod/film/a.ts", app_token(gateway, subject="viewer-43"))
        assert other.status == 200


async def test_pages_may_ask_and_other_methods_may_not(tmp_path: Path) -> None:
    async with running(tmp_path, mounts(), playback=PLAYBACK) as gateway:
        preflight = await ask(gateway, "/playback/vod/film/a.ts", None, f"Origin: {PAGE}", method="OPTIONS")
        assert (preflight.status, preflight["access-control-allow-methods"]) == (204, "POST, OPTIONS")
        assert (await gateway.ask("/playback/vod/film/a.ts")).status == 405
        assert (await gateway.ask("/vod/film/a.ts", "Content-Length: 0", method="POST")).status == 405


async def test_it_is_closed_without_keys(tmp_path: Path) -> None:
    async with running(tmp_path, mounts()) as gateway:
        answer = await ask(gateway, "/playback/vod/film/a.ts", app_token(gateway))
        assert answer.status == 405


RINGS = {"shared": {"file": "shared.json"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the shared secret is, of dialects that say to nobody for whom a token is."""
    write_ring(tmp_path / "shared.json", KeyRing([new_key(Algorithm.SHARED, "s1")]))
    return tmp_path


def silent_mounts(dialect: str, **more: object) -> list[dict[str, object]]:
    return mounts(dialects=[dialect], keys="shared", require_path_scope=False, **more)


@pytest.mark.parametrize("dialect", ["secure-link", "fastly"])
@pytest.mark.parametrize("propagate", ["query", "path", "define"])
async def test_where_a_format_names_nobody_the_session_does(dialect: str, propagate: str, folder: Path) -> None:
    async with running(
        folder, silent_mounts(dialect, propagate=propagate), keyrings=RINGS, playback=PLAYBACK
    ) as gateway:
        gateway.put("film/hd/a.ts", b"segment")
        gateway.put("other/a.ts", b"segment")
        app = app_token(gateway, expires=time.time() + 3000)
        given = msgspec.json.decode((await ask(gateway, "/playback/vod/film/hd/a.ts", app)).body)
        assert time.time() + 2990 < given["expires_at"] <= time.time() + 3000
        parts = urlsplit(given["url"])
        shown = f"{parts.path}?{parts.query}"
        assert (await gateway.ask(shown)).body == b"segment"
        assert (await gateway.ask(shown.replace("film/hd", "film"))).status == 404
        assert (await gateway.ask(shown.replace("film/hd", "other"))).status == 403
        await gateway.runtime.ledger.revoke(Revoked.SUBJECT, "viewer-42", seconds=60)
        assert (await gateway.ask(shown)).status == 403


@pytest.mark.parametrize(
    ("dialect", "said"), [("secure-link", {"networks": (ip_network("127.0.0.1/32"),)}), ("fastly", {})]
)
async def test_without_sessions_a_format_that_names_nobody_goes_without(
    dialect: str, said: dict[str, object], folder: Path
) -> None:
    silent = silent_mounts(dialect, session={"exchange": "never"})
    async with running(folder, silent, keyrings=RINGS, playback=PLAYBACK) as gateway:
        gateway.put("film/a.ts", b"segment")
        answer = await ask(gateway, "/playback/vod/film/a.ts", app_token(gateway, **said))
        given = msgspec.json.decode(answer.body)
        assert given["expires_at"] <= time.time() + 600
        parts = urlsplit(given["url"])
        assert (await gateway.ask(f"{parts.path}?{parts.query}")).body == b"segment"


async def test_a_network_that_cannot_be_said_is_not_left_out(folder: Path) -> None:
    silent = silent_mounts("fastly", session={"exchange": "never"})
    async with running(folder, silent, keyrings=RINGS, playback=PLAYBACK) as gateway:
        app = app_token(gateway, networks=(ip_network("127.0.0.0/8"),))
        answer = await ask(gateway, "/playback/vod/film/a.ts", app)
        assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (503, "signing_unavailable")
