"""Where responses are found: variants, bodies on their way, and what is forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cache import Outcome
from cache.disk.held import Held
from origin.http.fields import Fields
from origin.httpcache.reuse import Purged
from origin.upstream.origin_server import Outgoing
from tests.contracts.descriptors import descriptors_below
from tests.origin.shield.scenes import FRESH, Scene, let_go, read, scene
from tests.scripted_origin import Answer, Gate, Script

DATA = bytes(range(256)) * 100


def by(*names: str) -> Script:
    """Answers that depend on these fields of the request, and say so."""

    def answer(request: Outgoing) -> Answer:
        seen = "|".join(value for name, value in request.fields if name in names)
        return Answer(200, (FRESH, ("Vary", ", ".join(names)), ("ETag", f'"{seen}"')), seen.encode())

    return answer


def language(value: str) -> tuple[str, str]:
    return ("Accept-Language", value)


async def test_each_variant_is_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = by("Accept-Language")
        for outcome in (Outcome.MISS, Outcome.HIT):
            for tongue in ("de", "en", "fr"):
                got = await it.get("/a", language(tongue))
                assert (got.body, got.outcome) == (tongue.encode(), outcome)
        got = await it.get("/a")
        assert (got.body, got.outcome) == (b"", Outcome.MISS)
        assert len(it.origin.asked) == 4


async def test_equal_fields_in_other_words_select_the_same(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = by("Accept-Language")
        await it.get("/a", language("de, en;q=0.5"))
        assert (await it.get("/a", language("en;q=0.50,DE"))).outcome is Outcome.HIT


async def test_what_an_upstream_varies_by_may_change(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        german, phone = language("de"), ("X-Device", "phone")
        it.origin.put("/a", b"all", FRESH)
        assert (await it.get("/a", german, phone)).body == b"all"
        it.clock.advance(61)
        it.origin.answers["/a"] = by("Accept-Language")
        assert (await it.get("/a", german, phone)).body == b"de"
        it.clock.advance(61)
        it.origin.answers["/a"] = by("X-Device")
        assert (await it.get("/a", german, phone)).body == b"phone"
        it.clock.advance(1)
        for outcome in (Outcome.MISS, Outcome.HIT):
            got = await it.get("/a", german, ("X-Device", "desk"))
            assert (got.body, got.outcome) == (b"desk", outcome)
        assert (await it.get("/a", german, phone)).outcome is Outcome.HIT
        it.clock.advance(61)
        it.origin.answers.clear()
        it.origin.put("/a", b"all again", FRESH)
        for fields in ((german, phone), (phone,), ()):
            assert (await it.get("/a", *fields)).body == b"all again"


async def test_several_variants_at_once_are_never_mixed(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = by("Accept-Language")
        tongues = [f"l{index % 5}" for index in range(50)]
        got = await asyncio.gather(*(it.get_now("/a", language(tongue)) for tongue in tongues))
        assert [one.body.decode() for one in got] == tongues
        await it.settled()
        # Most of those who wait for a variant that nobody has yet wait together.
        assert len(it.origin.asked) <= 12
        assert {(await it.get("/a", language(tongue))).outcome for tongue in tongues[:5]} == {Outcome.HIT}


async def test_a_variant_is_validated_by_its_own_tag(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = by("Accept-Language")
        await it.get("/a", language("de"))
        await it.get("/a", language("en"))
        it.clock.advance(61)

        def unchanged(request: Outgoing) -> Answer:
            assert ("If-None-Match", '"de"') in request.fields
            return Answer(304, (FRESH, ("ETag", '"de"')))

        it.origin.answers["/a"] = unchanged
        got = await it.get("/a", language("de"))
        assert (got.body, got.outcome) == (b"de", Outcome.REVALIDATED)


async def write(it: Scene, path: str = "/a", status: int = 204, *fields: tuple[str, str]) -> None:
    """An unsafe request that the upstream answers so."""
    it.clock.advance(1)
    before = it.origin.answers.get(path)
    it.origin.answers[path] = Answer(status, fields)
    await it.get(path, method="PUT", body=b"x")
    it.clock.advance(1)
    if before is None:
        del it.origin.answers[path]
    else:
        it.origin.answers[path] = before


async def test_a_write_takes_every_variant_away(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = by("Accept-Language")
        for tongue in ("de", "en"):
            await it.get("/a", language(tongue))
        await write(it)
        for tongue in ("de", "en"):
            assert (await it.get("/a", language(tongue))).outcome is Outcome.MISS


@pytest.mark.parametrize("after", [None, 100])
async def test_what_is_on_its_way_when_something_is_written_is_not_kept(tmp_path: Path, after: int | None) -> None:
    gate = Gate(after)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=gate)
        old = asyncio.create_task(it.get_now("/a"))
        await gate.reached.wait()
        await write(it)
        it.origin.put("/a", b"new", FRESH)
        new = asyncio.create_task(it.get_now("/a"))
        while len(it.origin.asked) < (3 if after else 2) and not new.done():
            await asyncio.sleep(0)
        gate.opened.set()
        assert ((await old).body, (await new).body) == (DATA, b"new")
        await it.settled()
        for _ in range(3):
            assert (await it.get("/a")).body == b"new"


async def test_the_latest_counts_of_what_is_on_its_way(tmp_path: Path) -> None:
    old_gate, new_gate = Gate(100), Gate(2)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=old_gate)
        old = await it.answer("/a")
        it.clock.advance(1)
        it.origin.put("/a", b"newer", FRESH, gate=new_gate)
        new = await it.answer("/a", ("Cache-Control", "no-cache"))
        latest = await it.answer("/a")
        new_gate.opened.set()
        assert (await read(new.reply), await read(latest.reply)) == (b"newer", b"newer")
        while (await it.get_now("/a")).outcome is not Outcome.HIT:
            await asyncio.sleep(0.001)
        # The older one ends later, and is for those alone who have it.
        old_gate.opened.set()
        assert await read(old.reply) == DATA
        await it.settled()
        assert (await it.get("/a")).body == b"newer"
        assert len(it.origin.asked) == 2


async def test_after_a_purge_one_pull_is_enough(tmp_path: Path) -> None:
    gate, other = Gate(100), Gate(2)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=gate)
        old = await it.answer("/a")
        born = it.clock()
        it.clock.advance(1)
        it.purged = lambda _url, since: Purged.HARD if since <= born else Purged.NONE
        it.origin.put("/a", b"newer", FRESH, gate=other)
        several = [await it.answer("/a") for _ in range(5)]
        other.opened.set()
        gate.opened.set()
        assert [await read(one.reply) for one in several] == [b"newer"] * 5
        assert await read(old.reply) == DATA
        await it.settled()
        assert len(it.origin.asked) == 2
        assert (await it.get("/a")).outcome is Outcome.HIT


@pytest.mark.parametrize("fields", [(), (("Vary", "Accept-Language"),)], ids=["alone", "varied"])
@pytest.mark.parametrize("is_whole", [True, False], ids=["kept", "arriving"])
async def test_what_begins_to_arrive_while_the_disk_is_asked_is_not_pulled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: Fields, is_whole: bool
) -> None:
    gate = Gate(100)
    async with scene(tmp_path) as it:
        get, looked, may_know = it.store.get, asyncio.Event(), asyncio.Event()

        async def slow(key: str) -> Held | None:
            held = await get(key)
            if not looked.is_set():
                looked.set()
                await may_know.wait()
            return held

        it.origin.put("/a", DATA, FRESH, *fields, gate=gate)
        monkeypatch.setattr(it.store, "get", slow)
        late = asyncio.create_task(it.get_now("/a"))
        await looked.wait()
        early = await it.answer("/a")
        await gate.reached.wait()
        if is_whole:
            gate.opened.set()
            await it.settled()
        may_know.set()
        await asyncio.sleep(0)
        gate.opened.set()
        assert ((await late).body, await read(early.reply)) == (DATA, DATA)
        assert len(it.origin.asked) == 1


async def test_looking_for_variants_leaves_nothing_open(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        for names in (("Accept-Language",), ("X-Device",), ("X-Device", "Accept-Language")):
            it.clock.advance(61)
            it.origin.answers["/a"] = by(*names)
            await it.get("/a", language("de"), ("X-Device", "phone"))
        before = len(descriptors_below(tmp_path / "cache" / "bodies"))
        for _ in range(20):
            await let_go((await it.answer("/a", language("de"), ("X-Device", "phone"))).reply)
        assert len(descriptors_below(tmp_path / "cache" / "bodies")) <= before + 4
