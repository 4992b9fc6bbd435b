"""What asks for keys, and what it gets; tests/stories has admission and the wire."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from auth.encoding import base64url_encode
from auth.secret import Secret
from origin.edge.content_keys import MAX_KIDS, answer_keys, asks_for_keys, asks_for_licences
from origin.edge.mount import Mount
from origin.http.reply import Bytes, Reply
from origin.keystore.content_keys import ContentKeys
from origin.media.target import parse_target
from origin.storage.memory import MemoryStore
from tests.edge_parts import VOD, inbound, signed_mount

KID, KEY, OTHER = bytes(range(16)), bytes(range(200, 216)), bytes(16)
KEYS = ContentKeys({"film": {KID: Secret(KEY)}, "other": {OTHER: Secret(KEY)}})
JSON = ("Content-Type", "application/json")


def mount() -> Mount:
    return replace(signed_mount(MemoryStore()), content_keys=lambda: KEYS)


def ask(path: str, body: bytes | None = None, *fields: tuple[str, str]) -> tuple[Reply | None, str]:
    asked = replace(inbound(path, *fields, method="GET" if body is None else "POST"), body=body or b"")
    target = parse_target(path, [VOD])
    assert asks_for_keys(mount(), target, asked)
    return answer_keys(mount(), target, asked)


def wish(*kids: bytes, **more: object) -> bytes:
    return json.dumps({"kids": [base64url_encode(kid) for kid in kids], "type": "temporary", **more}).encode()


def content(reply: Reply | None) -> bytes:
    assert reply is not None
    assert isinstance(reply.body, Bytes)
    assert dict(reply.headers)["Cache-Control"] == "no-store"
    return reply.body.data


def test_who_is_asked() -> None:
    stored = signed_mount(MemoryStore())
    for path in ("/vod/film/a.key", "/vod/film/A.KEY", "/vod/film/hd/a.key"):
        target = parse_target(path, [VOD])
        assert asks_for_keys(mount(), target, inbound(path))
        assert not asks_for_keys(stored, target, inbound(path))
    assert not asks_for_keys(mount(), parse_target("/vod/film/a.bin", [VOD]), inbound("/vod/film/a.bin"))
    assert asks_for_licences(mount(), "/vod/token=abc/film/clearkey")
    assert not asks_for_licences(mount(), "/vod/film/clearkey/")
    assert not asks_for_licences(mount(), "/vod/film/notclearkey")
    assert not asks_for_licences(stored, "/vod/film/clearkey")
    assert answer_keys(stored, parse_target("/vod/film/a.key", [VOD]), inbound("/vod/film/a.key")) == (None, "")


@pytest.mark.parametrize("name", [KID.hex(), KID.hex().upper(), base64url_encode(KID)])
def test_a_key_is_its_octets(name: str) -> None:
    reply, reason = ask(f"/vod/film/{name}.key")
    assert (content(reply), reason) == (KEY, "")
    assert reply is not None
    assert dict(reply.headers)["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    [
        f"/vod/film/{OTHER.hex()}.key",
        f"/vod/other/{KID.hex()}.key",
        f"/vod/film/hd/{KID.hex()}.key",
        f"/vod/{KID.hex()}.key",
        "/vod/film/main.key",
        "/vod/film/key.key",
    ],
)
def test_no_such_key(path: str) -> None:
    assert ask(path) == (None, "")


@pytest.mark.parametrize("fields", [(JSON,), (), (("Content-Type", "Application/JSON; charset=utf-8"),)])
def test_a_licence_has_the_keys_of_its_asset(fields: tuple[tuple[str, str], ...]) -> None:
    reply, reason = ask("/vod/film/clearkey", wish(KID, OTHER, KID, b"short", initData=1), *fields)
    key = {"kty": "oct", "kid": base64url_encode(KID), "k": base64url_encode(KEY)}
    assert json.loads(content(reply)) == {"keys": [key], "type": "temporary"}
    assert reply is not None
    assert (reply.status, reason, dict(reply.headers)["Content-Type"]) == (200, "", "application/json")


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (wish(OTHER), "application/json", 404, "not_found"),
        (wish(KID), "text/plain", 415, "media_type_unsupported"),
        (b"", "application/json", 400, "licence_request_malformed"),
        (b"[]", "application/json", 400, "licence_request_malformed"),
        (b"{}", "application/json", 400, "licence_request_malformed"),
        (wish(), "application/json", 400, "licence_request_malformed"),
        (wish(*[KID] * (MAX_KIDS + 1)), "application/json", 400, "licence_request_malformed"),
        (b'{"kids": [1]}', "application/json", 400, "licence_request_malformed"),
        (b'{"kids": ["AAECAwQFBgcICQoLDA0ODw=="]}', "application/json", 400, "licence_request_malformed"),
        (b'{"kids": ["AA"], "kids": ["AA"]}', "application/json", 400, "licence_request_malformed"),
        (wish(KID, type="persistent-license"), "application/json", 400, "licence_type_unsupported"),
    ],
)
def test_no_licence(body: bytes, kind: str, status: int, reason: str) -> None:
    reply, said = ask("/vod/film/clearkey", body, ("Content-Type", kind))
    problem = json.loads(content(reply))
    assert (problem["status"], problem["reason"], said) == (status, reason, reason)


@pytest.mark.parametrize(
    "path", ["/vod/film/other", "/vod/film/hd/clearkey", "/vod/clearkey/a", f"/vod/film/{KID.hex()}.key"]
)
def test_licences_are_handed_out_in_one_place(path: str) -> None:
    assert ask(path, wish(KID), JSON) == (None, "")
