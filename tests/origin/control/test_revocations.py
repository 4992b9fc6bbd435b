"""Revoking over the wire, in force at once."""

from __future__ import annotations

import io
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from auth.revocation import Revocation, token_hash
from auth.secret import Token
from origin.control.api_keys import ApiKey, ApiKeys, Permission, new_api_key
from origin.control.revocations import RevocationDesk
from origin.control.routes import add_control
from origin.control.signing import Signers
from origin.ledger.ledger import Ledger
from origin.ledger.memory_ledger import MemoryLedger
from origin.ledger.store import LedgerFull
from origin.telemetry.metrics import Metrics, Vocabulary
from tests.redis_server import free_port
from tests.stories.gateway import Gateway, running

WORD, DIGEST = new_api_key()
SIGNER, SIGNER_DIGEST = new_api_key()
API_KEYS = {
    "operator": {"sha256": DIGEST, "permissions": ["revoke"]},
    "backend": {"sha256": SIGNER_DIGEST, "permissions": ["sign", "verify"]},
}
PATH = "/api/v1/revocations"
ASSET = {"kind": "asset", "value": "film", "mount": "/vod", "ttl": 60}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running(tmp_path, admin={"api_keys": API_KEYS}) as opened:
        opened.put("film/a.ts", b"segment")
        yield opened


async def call(
    gateway: Gateway, method: str, path: str = PATH, body: object = None, key: str | None = WORD
) -> tuple[int, dict[str, object], Mapping[str, str]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{gateway.where.admin_port}{path}"
    data = None
    if body is not None:
        data = io.BytesIO(json.dumps(body).encode())
        headers["Content-Type"] = "application/json"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=data, headers=headers) as answer,
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        text = await answer.text()
        return answer.status, json.loads(text) if text else {}, answer.headers


async def test_what_is_revoked_is_refused_until_it_is_lifted(gateway: Gateway) -> None:
    shown = f"/vod/film/a.ts?token={gateway.token()}"
    assert (await gateway.ask(shown)).status == 200
    status, entry, _ = await call(gateway, "POST", body=ASSET)
    assert (status, entry["kind"], entry["value"], entry["mount"]) == (200, "asset", "film", "/vod")
    assert (await gateway.ask(shown)).status == 403
    assert (await call(gateway, "GET"))[1] == {"revocations": [entry]}
    assert (await call(gateway, "DELETE", f"{PATH}/{entry['id']}"))[0] == 204
    assert (await gateway.ask(shown)).status == 200
    assert (await call(gateway, "GET"))[1] == {"revocations": []}
    status, answer, _ = await call(gateway, "DELETE", f"{PATH}/{entry['id']}")
    assert (status, answer["reason"]) == (404, "revocation_not_found")


@pytest.mark.parametrize("write", [str.lower, str.upper])
async def test_a_token_is_named_by_its_hash(gateway: Gateway, write: Callable[[str], str]) -> None:
    token = gateway.token()
    named = {"kind": "token_hash", "value": write(token_hash(Token(token))), "ttl": 60}
    assert (await call(gateway, "POST", body=named))[0] == 200
    assert (await gateway.ask(f"/vod/film/a.ts?token={token}")).status == 403


async def test_everything_issued_before_a_moment(gateway: Gateway) -> None:
    asked = {"kind": "issued_before", "moment": 1_900_000_000, "ttl": 60}
    status, entry, _ = await call(gateway, "POST", body=asked)
    assert (status, entry["moment"]) == (200, 1_900_000_000)
    assert (await gateway.ask(f"/vod/film/a.ts?token={gateway.token()}")).status == 403


async def test_an_asset_is_named_with_or_without_slashes(gateway: Gateway) -> None:
    first = (await call(gateway, "POST", body=ASSET))[1]
    again = (await call(gateway, "POST", body=ASSET | {"value": "/film/"}))[1]
    assert first["id"] == again["id"]


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "status", "reason"),
    [
        ("POST", PATH, ASSET, None, 401, "api_key_required"),
        ("POST", PATH, ASSET, SIGNER, 403, "api_key_not_permitted"),
        ("GET", PATH, None, None, 401, "api_key_required"),
        ("GET", PATH, None, SIGNER, 403, "api_key_not_permitted"),
        ("DELETE", f"{PATH}/x", None, None, 401, "api_key_required"),
        ("DELETE", f"{PATH}/x", None, SIGNER, 403, "api_key_not_permitted"),
        ("DELETE", f"{PATH}/x", None, WORD, 404, "revocation_not_found"),
        ("POST", PATH, {"kind": "asset", "value": "film", "mount": "/vod"}, WORD, 400, "request_invalid"),
        ("POST", PATH, ASSET | {"kind": "viewer"}, WORD, 400, "request_invalid"),
        ("POST", PATH, ASSET | {"ttl": 0}, WORD, 400, "request_invalid"),
        ("POST", PATH, ASSET | {"ttl": "60"}, WORD, 400, "request_invalid"),
        ("POST", PATH, ASSET | {"extra": 1}, WORD, 400, "request_invalid"),
        ("POST", PATH, ASSET | {"value": "a" * 513}, WORD, 400, "request_invalid"),
        ("POST", PATH, {"kind": "issued_before", "moment": -1, "ttl": 60}, WORD, 400, "request_invalid"),
        ("POST", PATH, ASSET | {"mount": ""}, WORD, 422, "revocation_meaningless"),
        ("POST", PATH, ASSET | {"mount": "/vood"}, WORD, 422, "revocation_meaningless"),
        ("POST", PATH, {"kind": "subject", "ttl": 60}, WORD, 422, "revocation_meaningless"),
        ("POST", PATH, {"kind": "issued_before", "ttl": 60}, WORD, 422, "revocation_meaningless"),
        ("POST", PATH, {"kind": "subject", "value": "a", "moment": 1, "ttl": 60}, WORD, 422, "revocation_meaningless"),
        ("POST", PATH, {"kind": "token_hash", "value": "eyJh.a.b", "ttl": 60}, WORD, 422, "revocation_meaningless"),
    ],
)
async def test_refusals_have_reasons(
    gateway: Gateway, method: str, path: str, body: object, key: str | None, status: int, reason: str
) -> None:
    got, answer, _ = await call(gateway, method, path, body, key)
    assert (got, answer["reason"]) == (status, reason)
    assert (await call(gateway, "GET"))[1] == {"revocations": []}


@pytest.mark.parametrize(("method", "path", "body"), [("POST", PATH, ASSET), ("DELETE", f"{PATH}/x", None)])
async def test_without_the_store_it_is_to_be_tried_again(tmp_path: Path, method: str, path: str, body: object) -> None:
    redis = f"redis://127.0.0.1:{free_port()}/0"
    async with running(tmp_path, admin={"api_keys": API_KEYS}, cache={"redis": redis}) as gateway:
        status, answer, headers = await call(gateway, method, path, body)
        assert (status, answer["reason"]) == (503, "token_store_unavailable")
        assert headers["Retry-After"] == "2"


class Full(MemoryLedger):
    """A store that is asked for one more than it keeps."""

    async def revoke(self, revocation: Revocation) -> None:
        raise LedgerFull("at most so many")


async def test_when_no_more_are_kept_that_is_said() -> None:
    ledger = Ledger(Full(time.time), Metrics(Vocabulary(), "0"), clock=time.time, monotonic=time.monotonic)
    application = web.Application()
    keys = ApiKeys({"operator": ApiKey("operator", DIGEST, frozenset({Permission.REVOKE}))})
    add_control(application, Signers((), {}), RevocationDesk(ledger, ["/vod"]), keys)
    async with TestClient(TestServer(application)) as client:
        headers = {"Authorization": f"Bearer {WORD}"}
        async with client.post(PATH, json=ASSET, headers=headers) as answer:
            assert (answer.status, (await answer.json(content_type=None))["reason"]) == (503, "revocations_full")
            assert answer.headers["Retry-After"] == "2"
