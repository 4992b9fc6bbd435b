"""The public handler's own decisions; tests/stories has the rest."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from origin.edge.pages import Page, fixed
from tests.stories.gateway import running


def broken(_now: float) -> Page:
    raise ValueError("a defect")


async def test_a_defect_is_a_500_with_an_id_that_the_log_has_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, pages={"/broken": broken}) as gateway, gateway.wire() as wire:
        answer = await wire.ask("/broken?token=secret")
        assert (await wire.ask("/time")).status == 200
    assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (500, "internal_error")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert answer["x-request-id"] in record.getMessage()
    assert "secret" not in caplog.text
    assert b"defect" not in answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_answer_is_closed_the_same_way(method: str, tmp_path: Path) -> None:
    async with running(tmp_path, pages={"/page": fixed(Page("text/html", b"<p>"))}) as gateway, gateway.wire() as wire:
        gateway.put("a/1.ts", b"abc")
        for path, status in (("/page", 200), ("/open/a/1.ts", 200), ("/open/none", 404), ("/", 404), ("/vod/a", 401)):
            answer = await wire.ask(path, method=method)
            assert answer.status == status
            assert answer["x-content-type-options"] == "nosniff"
            assert answer["server-timing"].startswith("origin;dur=")
            assert len(answer["x-request-id"]) == 16
            assert (answer.body == b"") == (method == "HEAD")
            assert int(answer["content-length"]) > 0


async def test_decisions_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a/1.ts", b"abc")
        await gateway.ask("/vod/a/1.ts")
        await gateway.ask(f"/vod/a/1.ts?token={gateway.token()}")
        name = 'headgate_token_decisions_total{dialect="%s",mount="/vod",reason="%s"}'
        assert await gateway.metric(name % ("-", "token_absent")) == 1
        assert await gateway.metric(name % ("jwt", "ok")) == 1
