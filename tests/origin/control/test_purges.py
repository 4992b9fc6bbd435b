"""Purging over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cache.fleet.purging import PurgeDesk, Source
from cache.purges import Purge, PurgeTable, PurgeVerdict
from origin.control.api_keys import ApiKey, ApiKeys, Permission, new_api_key
from origin.control.purges import Purging
from origin.control.revocations import RevocationDesk
from origin.control.routes import add_control
from origin.control.signing import Signers
from origin.ledger.ledger import Ledger
from origin.ledger.memory_ledger import MemoryLedger
from origin.telemetry.metrics import Metrics, Vocabulary
from tests.clock import Clock

WORD, DIGEST = new_api_key()
OTHER, OTHER_DIGEST = new_api_key()
PATH = "/api/v1/purge"


class Silent:
    """Records nothing."""

    def purges_applied(self, source: Source, count: int) -> None:
        """Nothing."""

    def purges_held(self, count: int, *, is_pending: bool) -> None:
        """Nothing."""


@dataclass
class Site:
    """A control API, and the table behind it."""

    clock: Clock = field(default_factory=Clock)
    table: PurgeTable = field(default_factory=PurgeTable)
    passed: list[Purge] = field(default_factory=list)

    def application(self, *, is_caching: bool = True) -> web.Application:
        names = count()
        desk = PurgeDesk(
            self.table, Silent(), clock=self.clock, new_id=lambda: f"p{next(names)}", pass_on=self.passed.extend
        )
        application = web.Application()
        ledger = Ledger(MemoryLedger(self.clock), Metrics(Vocabulary(), "0"), clock=self.clock, monotonic=self.clock)
        keys = {
            "operator": ApiKey("operator", DIGEST, frozenset({Permission.PURGE})),
            "other": ApiKey("other", OTHER_DIGEST, frozenset({Permission.SIGN, Permission.REVOKE})),
        }
        purging = Purging(desk) if is_caching else None
        add_control(application, Signers((), {}), RevocationDesk(ledger, ["/vod"]), ApiKeys(keys), purging)
        return application

    def verdict(self, url: str, *tags: str) -> PurgeVerdict:
        return self.table.verdict(url, tags, self.clock.now)


@pytest.fixture
def site() -> Site:
    return Site()


@asynccontextmanager
async def client_of(site: Site, *, is_caching: bool = True) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async with TestClient(TestServer(site.application(is_caching=is_caching))) as client:
        yield client


async def post(
    client: TestClient[web.Request, web.Application], body: object, key: str | None = WORD
) -> tuple[int, dict[str, object]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with client.post(PATH, json=body, headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json(content_type=None)


async def test_what_is_purged_is_in_force_and_passed_on(site: Site) -> None:
    async with client_of(site) as client:
        body = {"urls": ["https://cdn.example/vod/%61.ts"], "prefixes": ["/vod/b/", "/vod/c*"], "tags": ["t"]}
        assert await post(client, body) == (200, {"id": "p0", "applied": 4, "fleet": "single"})
        assert site.verdict("/vod/a.ts") is PurgeVerdict.SOFT
        assert site.verdict("/vod/b/1.ts") is PurgeVerdict.SOFT
        assert site.verdict("/vod/cd.ts") is PurgeVerdict.SOFT
        assert site.verdict("/vod/x", "t") is PurgeVerdict.SOFT
        assert site.verdict("/vod/x") is PurgeVerdict.NONE
        assert await post(client, {"tags": ["t"], "mode": "hard"}) == (
            200,
            {"id": "p1", "applied": 1, "fleet": "single"},
        )
        assert site.verdict("/vod/x", "t") is PurgeVerdict.HARD
    assert [one.value for one in site.passed] == ["/vod/a.ts", "/vod/b", "/vod/c*", "t", "t"]


MANY = [f"/vod/{number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("body", "key", "status", "reason"),
    [
        ({"urls": ["/a"]}, None, 401, "api_key_required"),
        ({"urls": ["/a"]}, OTHER, 403, "api_key_not_permitted"),
        ({}, WORD, 400, "request_invalid"),
        ({"urls": []}, WORD, 400, "request_invalid"),
        ({"urls": [*MANY, "/one"]}, WORD, 400, "request_invalid"),
        ({"urls": MANY, "tags": ["one"]}, WORD, 400, "request_invalid"),
        ({"urls": ["/a"], "mode": "gentle"}, WORD, 400, "request_invalid"),
        ({"urls": ["/a"], "soft": True}, WORD, 400, "request_invalid"),
        ({"urls": "/a"}, WORD, 400, "request_invalid"),
        ({"urls": [1]}, WORD, 400, "request_invalid"),
        ({"urls": ["/" + "a" * 4096]}, WORD, 400, "request_invalid"),
        ({"urls": [*MANY[:5], "a"]}, WORD, 422, "purge_meaningless"),
        ({"urls": ["/a"], "prefixes": ["/a?b=1"]}, WORD, 422, "purge_meaningless"),
        ({"tags": ["a\nb"]}, WORD, 422, "purge_meaningless"),
    ],
)
async def test_refusals_have_reasons_and_change_nothing(
    site: Site, body: object, key: str | None, status: int, reason: str
) -> None:
    async with client_of(site) as client:
        got, answer = await post(client, body, key)
    assert (got, answer["reason"]) == (status, reason)
    assert len(site.table) == 0
    assert site.passed == []


async def test_a_thousand_in_one_call(site: Site) -> None:
    async with client_of(site) as client:
        assert (await post(client, {"urls": MANY}))[1]["applied"] == 1000


async def test_where_nothing_is_cached_that_is_said(site: Site) -> None:
    async with client_of(site, is_caching=False) as client:
        status, answer = await post(client, {"urls": ["/a"]})
    assert (status, answer["reason"]) == (422, "purge_meaningless")
