"""Redis as operators run it: behind TLS, with users, watched by Sentinels, as a cluster."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

from cache.errors import BadRedisUrl
from cache.l2_redis import RedisLimits, RedisSecondTier
from cache.outcome import Result
from cache.redis_link import RedisLink, Script
from cache.redis_url import RedisTls
from origin.ledger.redis_ledger import RedisLedger
from tests.contracts.ledger import LedgerContract
from tests.contracts.ledger import Stage as LedgerStage
from tests.contracts.second_tier import KEY, LARGEST, SecondTierContract
from tests.contracts.second_tier import Stage as TierStage
from tests.fault_proxy import FaultProxy
from tests.redis_server import RedisServer
from tests.redis_topologies import Authority, Cluster, Watched, cluster, running, watched
from tests.system.processes import wait_until

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

PATIENT = 10.0  # seconds
HASTY = 0.3
TOLERANCE = 1.0  # seconds that a busy machine may add

_prefixes = count()


@asynccontextmanager
async def link_to(url: str, budget_seconds: float = PATIENT, tls: RedisTls | None = None) -> AsyncIterator[RedisLink]:
    link = RedisLink(url, budget_seconds=budget_seconds, tls=tls)
    try:
        yield link
    finally:
        await link.close()


async def asked(url: str, tls: RedisTls | None = None) -> Result:
    """How a first question ends."""
    async with link_to(url, tls=tls) as link:
        return (await link.ask("SET", "a", "b", "PX", 60_000))[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the servers that nothing happens to."""
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    """The CA of all servers here."""
    return Authority(folder / "ca")


@pytest.fixture(scope="module")
def watched_redis(folder: Path, authority: Authority) -> Iterator[Watched]:
    """A master that stays the master."""
    with watched(folder / "watched", authority=authority, password="p@ss/word", sentinel_password="s3ntinel") as redis:
        yield redis


@pytest.fixture(scope="module")
def cluster_redis(folder: Path, authority: Authority) -> Iterator[Cluster]:
    """A cluster whose nodes stay."""
    with cluster(folder / "cluster", authority=authority) as redis:
        yield redis


TOPOLOGIES = ("sentinel", "sentinel+tls", "cluster", "cluster+tls")


@pytest.fixture(params=TOPOLOGIES)
def url(request: pytest.FixtureRequest) -> str:
    """Where Redis is, for everything that must not depend on it."""
    topology, _, tls = str(request.param).partition("+")
    redis: Watched | Cluster = request.getfixturevalue(f"{'watched' if topology == 'sentinel' else topology}_redis")
    return redis.tls_url if tls else redis.url


class TestLedger(LedgerContract):
    @pytest.fixture
    async def stage(self, url: str) -> AsyncIterator[LedgerStage]:
        store = RedisLedger(url, prefix=f"contract{next(_prefixes)}", budget_seconds=PATIENT, clock=time.time)

        async def outlast(seconds: float) -> None:
            await asyncio.sleep(seconds + 0.01)

        yield LedgerStage(store, outlast, time.time)
        await store.close()


class TestSecondTier(SecondTierContract):
    @pytest.fixture
    async def stage(self, url: str) -> AsyncIterator[TierStage]:
        prefix = f"contract{next(_prefixes)}"
        tier = RedisSecondTier(
            url, prefix=prefix, limits=RedisLimits(budget_seconds=PATIENT, largest_value_bytes=LARGEST)
        )
        async with link_to(url) as link:

            async def outlast(seconds: float) -> None:
                while 0 <= int(str((await link.ask("PTTL", f"{prefix}:v1:{KEY.text}"))[1])) <= seconds * 1000:
                    await asyncio.sleep(0.005)

            yield TierStage(tier, outlast)
        await tier.close()


async def test_answers_and_refusals_are_values(url: str) -> None:
    async with link_to(url) as link:
        name = f"list{next(_prefixes)}"
        assert await link.ask("PING") == (Result.DONE, True)
        assert await link.ask("RPUSH", name, "a") == (Result.DONE, 1)
        assert await link.ask("GET", name) == (Result.REFUSED, None)
        assert await link.ask("EVAL", "return redis.call('GET', KEYS[1])", 1, name) == (Result.REFUSED, None)
        assert sorted(await asyncio.gather(*(link.ask("LLEN", name) for _ in range(100)))) == [(Result.DONE, 1)] * 100
        assert "p@ss" not in repr(link)


async def test_what_is_published_is_heard(url: str) -> None:
    async with link_to(url) as link, link_to(url) as other:
        await hears(link, other)


async def test_a_channel_is_passed_on(url: str) -> None:
    async with link_to(url) as link, link_to(url) as other:
        heard: list[bytes] = []
        ready = asyncio.Event()
        hearing = asyncio.create_task(link.hear("fleet", heard.append, ready.set, 0.05))
        async with asyncio.timeout(PATIENT):
            await ready.wait()
            await asyncio.sleep(0.2)  # a few times around, with nothing to hear
            while b"\x00end" not in heard:
                await other.ask("PUBLISH", "fleet", b"\x00end")
                await asyncio.sleep(0.01)
        assert not hearing.done()
        hearing.cancel()
        await asyncio.wait({hearing})


async def test_scripts_are_run_by_name(url: str) -> None:
    script = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    async with link_to(url) as link:
        key = f"{{sum{next(_prefixes)}}}:total"
        assert [await link.run(script, [key], 2) for _ in range(3)] == [(Result.DONE, total) for total in (2, 4, 6)]


async def hears(link: RedisLink, other: RedisLink) -> None:
    """Returns when the one has heard what the other has published, while both wait for nothing but that."""
    async with asyncio.timeout(PATIENT):
        while True:
            hearing = asyncio.ensure_future(link.listen("news", 3600))
            done, _ = await asyncio.wait({hearing}, timeout=0.1)
            while not done:
                await other.ask("PUBLISH", "news", "x")
                done, _ = await asyncio.wait({hearing}, timeout=0.1)
                if done:
                    return


async def test_scripts_publish_to_all(url: str) -> None:
    async with link_to(url) as link, link_to(url) as other:
        await link.listen("told", 0.01)
        hearing = asyncio.ensure_future(link.listen("told", 3600))
        async with asyncio.timeout(PATIENT):
            while not hearing.done():
                script = "return redis.call('PUBLISH', ARGV[1], 'x')"
                assert (await other.ask("EVAL", script, 1, "{a}:b", "told"))[0] is Result.DONE
                await asyncio.wait({hearing}, timeout=0.05)


async def test_the_wrong_password_is_denied(watched_redis: Watched, cluster_redis: Cluster, tmp_path: Path) -> None:
    wrong = watched_redis.url.replace(quote("p@ss/word", safe=""), "wrong")
    assert wrong != watched_redis.url
    assert await asked(wrong) is Result.DENIED
    assert await asked(watched_redis.url.replace("s3ntinel", "wrong")) is Result.FAILED  # no Sentinel tells
    assert await asked(cluster_redis.url.replace("://", "://u:wrong@")) is Result.DENIED
    users = tmp_path / "users.acl"
    users.write_text("user edge on >right ~headgate:* &* +@all -flushall\n")
    with running(tmp_path / "users", {"aclfile": str(users)}) as server:
        at = f"127.0.0.1:{server.port}"
        async with link_to(f"redis://edge:right@{at}") as link:
            assert (await link.ask("SET", "headgate:a", "b"))[0] is Result.DONE
            assert (await link.ask("SET", "other:a", "b"))[0] is Result.REFUSED
            assert (await link.ask("FLUSHALL"))[0] is Result.REFUSED
        assert await asked(f"redis://edge:wrong@{at}") is Result.DENIED
        assert await asked(f"redis://nobody:right@{at}") is Result.DENIED


async def test_a_sentinel_that_hangs_leaves_time_for_the_others(watched_redis: Watched) -> None:
    with FaultProxy(watched_redis.sentinel.port) as proxy:
        proxy.black_hole()
        url = re.sub(r"127\.0\.0\.1:\d+,", f"127.0.0.1:{proxy.port},", watched_redis.url)
        async with link_to(url, budget_seconds=1.5) as link:
            assert (await link.ask("PING"))[0] is Result.DONE
        assert proxy.connections == 1


async def test_tls_takes_the_right_ca_name_and_client(authority: Authority, tmp_path: Path) -> None:
    settings, port = authority.server_settings(asks_clients=True)
    client, key = authority.issue("client")
    tls = RedisTls(str(authority.ca_file), str(client), str(key))
    with running(tmp_path / "tls", settings):
        url = f"rediss://127.0.0.1:{port}/0"
        assert await asked(url, tls) is Result.DONE
        query = f"?ssl_ca_certs={authority.ca_file}&ssl_certfile={client}&ssl_keyfile={key}"
        assert await asked(url + query) is Result.DONE
        assert await asked(url, RedisTls(str(authority.ca_file))) is Result.FAILED
        assert await asked(url, replace(tls, ca_file="")) is Result.FAILED
        assert await asked(url, replace(tls, ca_file=str(Authority(tmp_path / "other").ca_file))) is Result.FAILED
        assert await asked(url, replace(tls, ca_file="", verifies=False)) is Result.DONE
        assert await asked(f"redis://127.0.0.1:{port}/0") is Result.FAILED
    settings, port = authority.server_settings(host="127.0.0.2")
    with running(tmp_path / "other-name", settings):
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.ca_file}"
        assert await asked(url) is Result.FAILED
        assert await asked(f"{url}&ssl_check_hostname=false") is Result.DONE


def test_files_that_are_no_certificates_are_refused_at_once(authority: Authority, tmp_path: Path) -> None:
    other = tmp_path / "hunter2"
    other.write_text("-----BEGIN CERTIFICATE-----\n")
    client, _ = authority.issue("client")
    for tls in (RedisTls(str(other)), RedisTls("", str(other)), RedisTls("", str(client)), RedisTls("/nowhere")):
        with pytest.raises(BadRedisUrl) as caught:
            RedisLink("rediss://127.0.0.1", tls=tls)
        assert "hunter2" not in str(caught.value)


async def recovers(link: RedisLink, *words: str | int) -> set[Result]:
    """Asks until there is an answer again; what there was instead, each within the budget."""
    met: set[Result] = set()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        while True:
            started = loop.time()
            result, _ = await link.ask(*words)
            assert loop.time() - started < HASTY + TOLERANCE
            if result is Result.DONE:
                return met
            met.add(result)
            await asyncio.sleep(0.01)


def subscribers(*servers: RedisServer) -> list[RedisServer]:
    """Those that somebody listens to."""
    return [server for server in servers if ":1\r\n" in server.ask("PUBSUB", "NUMSUB", "news")]


async def listens_to(link: RedisLink, *servers: RedisServer) -> RedisServer:
    """Listens until one of these knows of it."""
    async with asyncio.timeout(20):
        while not (found := subscribers(*servers)):
            await link.listen("news", 0.05)
    return found[0]


FALLS = ["kill", "pause"]


@pytest.mark.parametrize("fall", FALLS)
async def test_a_master_that_falls_is_followed_to_its_replica(tmp_path: Path, fall: str) -> None:
    with watched(tmp_path) as redis:
        async with link_to(redis.url, HASTY) as link, link_to(redis.url, HASTY) as other:
            assert await recovers(link, "SET", "a", "before") <= {Result.TIMED_OUT}
            await listens_to(link, redis.master)
            await asyncio.to_thread(wait_until, lambda: redis.replica.ask("DBSIZE") == ":1\r\n", "the replica has it")
            getattr(redis.master, fall)()
            met = await recovers(link, "EVAL", "return redis.call('APPEND', KEYS[1], ARGV[1])", 1, "a", "+after")
            assert met <= {Result.FAILED, Result.TIMED_OUT}
            assert met
            assert await recovers(other, "GET", "a") <= {Result.TIMED_OUT}
            assert (await other.ask("GET", "a"))[1] == b"before+after"
            await listens_to(link, redis.replica)
            await hears(link, other)


@pytest.mark.parametrize("fall", FALLS)
async def test_a_node_that_falls_is_followed_to_its_replica(tmp_path: Path, fall: str) -> None:
    with cluster(tmp_path) as redis:
        fallen, *others = redis.masters
        key = next(key for key in map(str, range(1000)) if not fallen.ask("GET", key).startswith("-MOVED"))
        async with link_to(redis.url, HASTY) as link, link_to(redis.url, HASTY) as other:
            assert await recovers(link, "SET", key, "before") <= {Result.TIMED_OUT}
            await asyncio.to_thread(wait_until, lambda: redis.replica.ask("DBSIZE") == ":1\r\n", "the replica has it")
            getattr(fallen, fall)()
            met = await recovers(link, "EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", 1, key, "after")
            assert met <= {Result.FAILED, Result.TIMED_OUT}
            assert met
            assert await recovers(other, "GET", key) <= {Result.FAILED, Result.TIMED_OUT}
            assert (await other.ask("GET", key))[1] == b"after"
            heard_from = await listens_to(link, redis.replica, *others)
            await hears(link, other)
            getattr(heard_from, fall)()
            await listens_to(link, *(server for server in (redis.replica, *others) if server is not heard_from))
            # Nobody stands in for this one; the others answer for the cluster.
            assert await recovers(link, "PING") <= {Result.FAILED, Result.TIMED_OUT}


async def test_a_cluster_that_comes_back_elsewhere_is_found_by_its_url(tmp_path: Path) -> None:
    with ExitStack() as first:
        old = first.enter_context(cluster(tmp_path / "old"))
        with FaultProxy(old.masters[0].port) as proxy:
            async with link_to(f"redis+cluster://127.0.0.1:{proxy.port}", HASTY) as link:
                assert await recovers(link, "SET", "a", "b") <= {Result.TIMED_OUT}
                first.close()
                assert (await link.ask("SET", "a", "b"))[0] is Result.FAILED
                with cluster(tmp_path / "new") as new:
                    proxy.lead_to(new.masters[0].port)
                    await recovers(link, "SET", "a", "c")
                    assert (await link.ask("GET", "a"))[1] == b"c"
