from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.http.spans import ByteSpan
from origin.storage.filesystem import FilesystemStore
from origin.storage.store import ObjectChanged, StoreUnavailable
from tests.contracts.descriptors import descriptors_below, eventually
from tests.contracts.store import Stage, StoreContract, opened, whole

SECRET = b"not below the root"


def filesystem_stage(root: Path) -> Stage:
    root.mkdir(exist_ok=True)

    async def put(path: str, data: bytes) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = root.parent / "fresh"
        fresh.write_bytes(data)
        fresh.rename(file)

    async def delete(path: str) -> None:
        (root / path).unlink()

    return Stage(FilesystemStore(root), put, delete)


class TestFilesystemStore(StoreContract):
    @pytest.fixture
    async def stage(self, tmp_path: Path) -> Stage:
        return filesystem_stage(tmp_path / "root")


class TestFilesystemStoreWithoutLinks(StoreContract):
    @pytest.fixture
    async def stage(self, tmp_path: Path) -> Stage:
        stage = filesystem_stage(tmp_path / "root")
        return Stage(FilesystemStore(tmp_path / "root", follow_links=False), stage.put, stage.delete)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file in it, beside a directory with a secret."""
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    (root / "dir" / "file").write_bytes(b"inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(SECRET)
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "file").write_bytes(SECRET)
    return root


@pytest.fixture
def store(root: Path) -> Iterator[FilesystemStore]:
    yield FilesystemStore(root)
    assert descriptors_below(root.parent) == []


# Changes under an open object


async def test_facts(root: Path, store: FilesystemStore) -> None:
    os.utime(root / "dir/file", ns=(0, 1_700_000_000_250_000_000))
    found = await opened(store, "dir/file")
    assert (found.info.size, found.info.modified) == (6, 1_700_000_000.25)
    assert os.pread(found.fileno() or -1, 10, 0) == b"inside"
    found.release()


@pytest.mark.parametrize("data", [b"INSIDE", b"longer than before", b"less", b""])
async def test_overwritten_in_place_is_seen(root: Path, store: FilesystemStore, data: bytes) -> None:
    os.utime(root / "dir/file", (0, 0))
    found = await opened(store, "dir/file")
    (root / "dir/file").write_bytes(data)
    assert not found.is_unchanged()
    with pytest.raises(ObjectChanged):
        await found.read(ByteSpan(0, 6))
    found.release()


async def test_overwritten_in_place_with_the_old_time_put_back_is_seen(root: Path, store: FilesystemStore) -> None:
    os.utime(root / "dir/file", (0, 0))
    found = await opened(store, "dir/file")
    before = (root / "dir/file").stat().st_ctime_ns
    while (root / "dir/file").stat().st_ctime_ns == before:  # the system's clock ticks in steps
        (root / "dir/file").write_bytes(b"INSIDE")
        os.utime(root / "dir/file", (0, 0))
    assert not found.is_unchanged()
    found.release()


async def test_truncated_is_seen(root: Path, store: FilesystemStore) -> None:
    found = await opened(store, "dir/file")
    os.truncate(root / "dir/file", 3)
    assert not found.is_unchanged()
    with pytest.raises(ObjectChanged):
        await found.read(ByteSpan(0, 6))
    found.release()


async def test_another_name_for_the_file_is_no_change(root: Path, store: FilesystemStore) -> None:
    os.utime(root / "dir/file", (0, 0))
    found = await opened(store, "dir/file")
    (root / "backup").hardlink_to(root / "dir/file")
    assert found.is_unchanged()
    assert await whole(found) == b"inside"
    found.release()


async def test_a_read_that_lost_its_caller_keeps_the_descriptor(root: Path) -> None:
    store = FilesystemStore(root, threads=2)
    (root / "big").write_bytes(b"x" * 2_000_000)
    for turns in range(6):
        found = await opened(store, "big")
        reading = asyncio.create_task(found.read(ByteSpan(0, 2_000_000)))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        found.release()
        await asyncio.gather(reading, return_exceptions=True)
    await eventually(lambda: not descriptors_below(root))


# What is no file


async def test_fifo_directory_and_socket_are_absent(root: Path, store: FilesystemStore) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(root, os.O_PATH)
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        (root / "to-socket").symlink_to("socket")
        for path in ("fifo", "dir", "socket", "to-socket", "dir/file/below"):
            assert await store.open(path) is None, path


async def test_links_to_devices_and_processes_are_absent(root: Path, store: FilesystemStore) -> None:
    for name in (
        "/dev/null",
        "/dev/zero",
        "/dev/tty",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/proc/self/root",
    ):
        link = root / name.replace("/", "-")
        link.symlink_to(name)
        assert await store.open(link.name) is None, name


# Links


@pytest.mark.parametrize("target", ["dir/file", "./dir/../dir/file", "chain", "absolute", "dirlink/file"])
async def test_links_inside_the_root_are_followed(root: Path, store: FilesystemStore, target: str) -> None:
    (root / "chain").symlink_to("chain2")
    (root / "chain2").symlink_to("dir/file")
    (root / "absolute").symlink_to(root / "dir/file")
    (root / "dirlink").symlink_to("dir")
    (root / "link").symlink_to(target)
    found = await opened(store, "link")
    assert await whole(found) == b"inside"
    found.release()


ESCAPES = {
    "file": "../outside/file",
    "directory": "../outside",
    "neighbour": "../root-2/file",
    "parent": "..",
    "slash": "/",
    "chain": "file",
    "through": "directory/file",
}


@pytest.mark.parametrize(
    "path",
    ["file", "directory/file", "neighbour", "parent/outside/file", "slash/etc/passwd", "chain", "through"],
)
@pytest.mark.parametrize("follow_links", [True, False])
async def test_links_out_of_the_root_are_absent(root: Path, path: str, follow_links: bool) -> None:
    for name, target in ESCAPES.items():
        (root / name).symlink_to(target)
    assert (root / path).read_bytes(), "the link itself works"
    assert await FilesystemStore(root, follow_links=follow_links).open(path) is None
    assert descriptors_below(root.parent) == []


async def test_link_out_and_in_again_is_inside(root: Path, store: FilesystemStore) -> None:
    (root / "detour").symlink_to("../outside/../root/dir/file")
    found = await opened(store, "detour")
    assert await whole(found) == b"inside"
    found.release()


async def test_broken_and_looping_links_are_absent(root: Path, store: FilesystemStore) -> None:
    (root / "broken").symlink_to("nothing")
    (root / "loop").symlink_to("loop")
    assert await store.open("broken") is None
    assert await store.open("loop") is None


@pytest.mark.parametrize("path", ["link", "dirlink/file"])
async def test_without_links_no_link_is_followed(root: Path, path: str) -> None:
    (root / "link").symlink_to("dir/file")
    (root / "dirlink").symlink_to("dir")
    store = FilesystemStore(root, follow_links=False)
    assert await store.open(path) is None
    (root / "dir/very/deep").mkdir(parents=True)
    (root / "dir/very/deep/file").write_bytes(b"inside")
    found = await opened(store, "dir/very/deep/file")
    assert await whole(found) == b"inside"
    found.release()
    assert descriptors_below(root.parent) == []


@pytest.mark.parametrize("follow_links", [True, False])
@pytest.mark.parametrize("name", ["swap", "swap/file"])
async def test_a_link_swapped_during_the_open_never_leads_out(root: Path, name: str, follow_links: bool) -> None:
    inside, outside = ("dir", "../outside") if "/" in name else ("dir/file", "../outside/file")
    stop = threading.Event()

    def swap() -> None:
        targets = [outside, inside]
        while not stop.is_set():
            targets.reverse()
            (root / "next").symlink_to(targets[0])
            (root / "next").rename(root / "swap")

    (root / "swap").symlink_to(inside)
    store = FilesystemStore(root, follow_links=follow_links)
    swapping = asyncio.create_task(asyncio.to_thread(swap))
    try:
        for _ in range(300):
            found = await store.open(name)
            if found is not None:
                assert await whole(found) == b"inside"
                found.release()
    finally:
        stop.set()
        await swapping
    assert descriptors_below(root.parent) == []


# The root


async def test_the_root_may_be_a_link_and_may_be_switched(root: Path) -> None:
    current = root.parent / "current"
    current.symlink_to("root")
    store = FilesystemStore(current)
    found = await opened(store, "dir/file")
    found.release()
    (root.parent / "next").symlink_to("root-2")
    (root.parent / "next").rename(current)
    assert await store.open("dir/file") is None
    found = await opened(store, "file")
    found.release()


async def test_the_root_may_be_the_whole_file_system(root: Path) -> None:
    found = await opened(FilesystemStore(Path("/")), str(root / "dir/file").lstrip("/"))
    assert await whole(found) == b"inside"
    found.release()


@pytest.mark.parametrize("follow_links", [True, False])
async def test_a_root_that_is_away_is_trouble_and_may_come_back(tmp_path: Path, follow_links: bool) -> None:
    store = FilesystemStore(tmp_path / "later", follow_links=follow_links)
    with pytest.raises(StoreUnavailable):
        await store.open("a")
    with pytest.raises(StoreUnavailable):
        await store.probe()
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a").write_bytes(b"x")
    await store.probe()
    found = await opened(store, "a")
    found.release()


async def test_a_root_that_is_a_file_is_trouble(root: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await FilesystemStore(root / "dir/file").probe()


# Trouble


async def test_no_descriptors_left_is_trouble_not_absence(store: FilesystemStore) -> None:
    found = await opened(store, "dir/file")  # the threads and what they need are there
    found.release()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(StoreUnavailable) as caught:
            await store.open("dir/file")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert str(caught.value) == os.strerror(errno.EMFILE)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so for a while the process is somebody else."""
    was = os.geteuid()
    os.seteuid(65534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)


async def test_no_permission_is_trouble_not_absence() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "file").write_bytes(b"x")
        (root / "file").chmod(0)
        (root / "dir").mkdir(mode=0)
        store = FilesystemStore(root)
        with as_nobody():
            await store.probe()
            assert await store.open("nothing") is None
            for path in ("file", "dir/file"):
                with pytest.raises(StoreUnavailable) as caught:
                    await store.open(path)
                assert str(caught.value) == os.strerror(errno.EACCES)


async def test_closed_store_is_unavailable(store: FilesystemStore) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.open("dir/file")
    with pytest.raises(StoreUnavailable):
        await store.probe()


async def test_cancelled_opens_leak_nothing(root: Path) -> None:
    store = FilesystemStore(root, threads=2)
    for turns in range(40):
        opening = asyncio.create_task(store.open("dir/file"))
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        try:
            found = await opening
        except asyncio.CancelledError:
            continue
        assert found is not None
        found.release()
    await eventually(lambda: not descriptors_below(root))


async def test_a_copy_that_keeps_its_modification_time_keeps_its_etag(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"the same bytes")
    shutil.copy2(tmp_path / "a" / "file", tmp_path / "b" / "file")
    here, there = FilesystemStore(tmp_path / "a"), FilesystemStore(tmp_path / "b")
    first, second = await here.open("file"), await there.open("file")
    assert first is not None
    assert second is not None
    assert first.info.etag_source == second.info.etag_source
    assert first.info.version != second.info.version
    for held in (first, second):
        held.release()
    await here.close()
    await there.close()
