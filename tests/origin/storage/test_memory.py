from __future__ import annotations

import pytest

from origin.storage.memory import MemoryStore
from tests.contracts.store import NO_OBJECT_PATHS, Stage, StoreContract, opened


def memory_stage() -> Stage:
    store = MemoryStore()

    async def put(path: str, data: bytes) -> None:
        store.put(path, data)

    async def delete(path: str) -> None:
        store.delete(path)

    return Stage(store, put, delete)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return memory_stage()


async def test_facts_are_those_that_were_put() -> None:
    store = MemoryStore()
    store.put("a", b"first", modified=1_700_000_000.5)
    found = await opened(store, "a")
    assert found.info.modified == 1_700_000_000.5
    assert found.fileno() is None


async def test_version_comes_from_the_bytes_alone() -> None:
    here, there = MemoryStore(), MemoryStore()
    here.put("a", b"same", modified=1)
    there.put("b", b"same", modified=2)
    assert (await opened(here, "a")).info.version == (await opened(there, "b")).info.version


@pytest.mark.parametrize("path", NO_OBJECT_PATHS[:18], ids=ascii)
def test_impossible_paths_cannot_be_put(path: str) -> None:
    with pytest.raises(ValueError):
        MemoryStore().put(path, b"")


def test_deleting_what_is_not_there_is_no_error() -> None:
    MemoryStore().delete("a")
