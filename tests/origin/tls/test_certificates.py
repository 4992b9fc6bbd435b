from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from origin.tls.certificates import MAX_BYTES, Certificates, CertificatesUnusable, Fault, Pair, Refreshed
from origin.tls.contexts import Policy
from tests.tls_parts import DAY, Authority, Identity, pem_of

AUTHORITY = Authority()
PATIENCE = 10.0


def pair(folder: Path, name: str = "main") -> Pair:
    return Pair(name, folder / f"{name}.pem", folder / f"{name}.key")


def written(folder: Path, name: str = "main", *hosts: str, identity: Identity | None = None) -> Identity:
    identity = identity or AUTHORITY.issue(*(hosts or ("cdn.example",)))
    identity.write(folder, name)
    return identity


def told(faults: tuple[Fault, ...]) -> list[tuple[str, str]]:
    return [(fault.pair, fault.flaw.file) for fault in faults]


async def test_the_first_is_the_default_and_others_are_chosen_by_host(tmp_path: Path) -> None:
    written(tmp_path, "main", "cdn.example")
    written(tmp_path, "live", "live.example", "*.live.example")
    certificates = Certificates([pair(tmp_path, "main"), pair(tmp_path, "live")], Policy())
    assert certificates.differ_by_host
    await certificates.open(time.time())
    default, live = certificates.context_for(None), certificates.context_for("live.example")
    assert default is not live
    assert certificates.context_for("cdn.example") is default
    assert certificates.context_for("other.example") is default
    assert certificates.context_for("a.live.example") is live
    assert [*certificates.expiries] == ["main", "live"]


async def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "other")
    (tmp_path / "other.key").chmod(0o604)
    old = AUTHORITY.issue("cdn.example", begins=time.time() - 2 * DAY, seconds=DAY)
    written(tmp_path, "old", identity=old)
    (tmp_path / "mixed.pem").write_bytes(old.pem)
    (tmp_path / "mixed.key").touch(0o640)
    (tmp_path / "mixed.key").write_bytes(pem_of(AUTHORITY.issue("a").key))
    (tmp_path / "big.key").touch(0o600)
    (tmp_path / "big.key").write_bytes(b"a" * (MAX_BYTES + 1))
    (tmp_path / "big.pem").mkdir()
    names = ("gone", "other", "old", "mixed", "big")
    certificates = Certificates([pair(tmp_path, name) for name in names], Policy(tmp_path / "ca.pem"))
    with pytest.raises(CertificatesUnusable) as unusable:
        await certificates.open(time.time())
    assert [fault for fault in told(unusable.value.faults) if fault[1] != "client_ca"] == [
        ("gone", "certificate"),
        ("gone", "key"),
        ("other", "key"),
        ("old", "certificate"),
        ("mixed", "key"),
        ("mixed", "certificate"),
        ("big", "certificate"),
        ("big", "key"),
    ]
    assert {fault.pair for fault in unusable.value.faults if fault.flaw.file == "client_ca"} == set(names)
    assert "PRIVATE KEY" not in str(unusable.value)


async def test_a_key_may_be_open_to_a_group(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "main.key").chmod(0o640)
    await Certificates([pair(tmp_path)], Policy()).open(time.time())


async def test_a_key_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "main.key").unlink()
    os.mkfifo(tmp_path / "main.key", 0o600)
    with pytest.raises(CertificatesUnusable):
        await asyncio.wait_for(Certificates([pair(tmp_path)], Policy()).open(time.time()), PATIENCE)


async def test_what_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    written(tmp_path)
    certificates = Certificates([pair(tmp_path)], Policy())
    await certificates.open(time.time())
    context = certificates.context_for(None)
    assert await certificates.refresh(time.time() + 1000 * DAY) == Refreshed((), ())
    assert certificates.context_for(None) is context


async def test_a_new_pair_is_taken_whole(tmp_path: Path) -> None:
    written(tmp_path)
    certificates = Certificates([pair(tmp_path)], Policy())
    await certificates.open(time.time())
    context, expires = certificates.context_for(None), certificates.expiries["main"]
    new = AUTHORITY.issue("cdn.example", seconds=20 * DAY)
    (tmp_path / "main.pem").write_bytes(new.pem)
    half = await certificates.refresh(time.time())
    assert half.changed == ()
    assert told(half.faults) == [("main", "key")]
    assert certificates.context_for(None) is context
    assert certificates.expiries["main"] == expires
    (tmp_path / "main.key").write_bytes(pem_of(new.key))
    assert await certificates.refresh(time.time()) == Refreshed(("main",), ())
    assert certificates.context_for(None) is not context
    assert certificates.expiries["main"] > expires


async def test_bad_files_keep_the_old_ones_and_those_of_others(tmp_path: Path) -> None:
    written(tmp_path, "main", "cdn.example")
    written(tmp_path, "live", "live.example")
    certificates = Certificates([pair(tmp_path, "main"), pair(tmp_path, "live")], Policy())
    await certificates.open(time.time())
    main, live = certificates.context_for(None), certificates.context_for("live.example")
    (tmp_path / "main.pem").unlink()
    written(tmp_path, "live", "live.example")
    done = await certificates.refresh(time.time())
    assert done.changed == ("live",)
    assert told(done.faults) == [("main", "certificate")]
    assert certificates.context_for(None) is main
    assert certificates.context_for("live.example") is not live
    assert [*certificates.expiries] == ["main", "live"]


async def test_new_authorities_make_all_contexts_anew(tmp_path: Path) -> None:
    written(tmp_path)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(AUTHORITY.pem)
    certificates = Certificates([pair(tmp_path)], Policy(ca))
    await certificates.open(time.time())
    context = certificates.context_for(None)
    ca.write_bytes(Authority().pem + AUTHORITY.pem)
    assert (await certificates.refresh(time.time())).changed == ("main",)
    assert certificates.context_for(None) is not context


async def test_files_are_looked_at_until_it_ends(tmp_path: Path) -> None:
    written(tmp_path)
    certificates = Certificates([pair(tmp_path)], Policy())
    await certificates.open(time.time())
    seen: asyncio.Queue[Refreshed] = asyncio.Queue()
    keeping = asyncio.create_task(certificates.keep_fresh(seen.put_nowait, every=0.01))
    try:
        async with asyncio.timeout(PATIENCE):
            assert await seen.get() == Refreshed((), ())
            written(tmp_path)
            while not (await seen.get()).changed:
                pass
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
