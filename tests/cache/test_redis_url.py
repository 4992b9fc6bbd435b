"""What Redis URLs say, and what is refused without a word of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import BadRedisUrl
from cache.redis_url import RedisAddress, RedisTls, Topology, parse_redis_url

ALONE, SENTINEL, CLUSTER = Topology.ALONE, Topology.SENTINEL, Topology.CLUSTER


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress(ALONE, (("h", 6379),))),
        ("redis://", RedisAddress(ALONE, (("localhost", 6379),))),
        ("redis:///3", RedisAddress(ALONE, (("localhost", 6379),), db=3)),
        ("redis://h:7000/2", RedisAddress(ALONE, (("h", 7000),), db=2)),
        ("redis://h/?db=4", RedisAddress(ALONE, (("h", 6379),), db=4)),
        ("redis://h?protocol=2", RedisAddress(ALONE, (("h", 6379),), protocol=2)),
        ("redis://[::1]:7000/0", RedisAddress(ALONE, (("::1", 7000),))),
        ("redis://[::1]", RedisAddress(ALONE, (("::1", 6379),))),
        ("redis://:p%40ss:w@h", RedisAddress(ALONE, (("h", 6379),), password="p@ss:w")),
        ("redis://u%3Av:p@h", RedisAddress(ALONE, (("h", 6379),), username="u:v", password="p")),
        ("redis://u:p@ss@h", RedisAddress(ALONE, (("h", 6379),), username="u", password="p@ss")),
        ("redis://h?username=u&password=a%2Bb", RedisAddress(ALONE, (("h", 6379),), username="u", password="a+b")),
        ("unix:///run/redis.sock", RedisAddress(ALONE, (), path="/run/redis.sock")),
        ("unix://u:p@/a%20b?db=1", RedisAddress(ALONE, (), path="/a b", db=1, username="u", password="p")),
        ("rediss://h", RedisAddress(ALONE, (("h", 6379),), tls=RedisTls())),
        (
            "redis+sentinel://a,b:1,[::2]:3/main",
            RedisAddress(SENTINEL, (("a", 26379), ("b", 1), ("::2", 3)), master="main"),
        ),
        (
            "rediss+sentinel://u:p@a/main/5?sentinel_username=s&sentinel_password=t",
            RedisAddress(
                SENTINEL,
                (("a", 26379),),
                master="main",
                db=5,
                username="u",
                password="p",
                sentinel_username="s",
                sentinel_password="t",
                tls=RedisTls(),
            ),
        ),
        ("redis+cluster://a:1,b", RedisAddress(CLUSTER, (("a", 1), ("b", 6379)))),
        ("rediss+cluster://:p@a/0", RedisAddress(CLUSTER, (("a", 6379),), password="p", tls=RedisTls())),
    ],
)
def test_understood(url: str, address: RedisAddress) -> None:
    assert parse_redis_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h",
        "hunter2",
        "redis+x://:hunter2@h",
        "redis://:hunter2@h:port",
        "redis://:hunter2@h:0",
        "redis://:hunter2@h:65536",
        "redis://:hunter2@h:",
        "redis://:hunter2@h:²",
        "redis://:hunter2@[::1",
        "redis://:hunter2@[::1]x",
        "redis://:hunter2@::1",
        "redis://:hunter2@a,b",
        "redis://:hunter2@h/x",
        "redis://:hunter2@h/1/2",
        "redis://:hunter2@h/-1",
        "redis://:hunter2@h/99999999999",
        "redis://:hunter2@h?socket_timeout=1",
        "redis://:hunter2@h?hunter2",
        "redis://:hunter2@h?protocol=4",
        "redis://:hunter2@h#x",
        "redis://:hunter2@h?ssl_ca_certs=/ca.pem",
        "redis://:hunter2@h?sentinel_password=hunter2",
        "rediss://:hunter2@h?ssl_check_hostname=perhaps",
        "rediss://:hunter2@h?ssl_cert_reqs=optional",
        "rediss://:hunter2@h?ssl_keyfile=/hunter2",
        "unix://:hunter2@",
        "unix://:hunter2@host/path",
        "redis+sentinel://:hunter2@a",
        "redis+sentinel://:hunter2@/main",
        "redis+sentinel://:hunter2@a,,b/main",
        "redis+sentinel://:hunter2@a/main/0/1",
        "redis+sentinel://:hunter2@a/main/x",
        "redis+cluster://:hunter2@a/1",
        "redis+cluster://:hunter2@a?db=1",
        "redis+cluster://:hunter2@",
    ],
)
def test_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadRedisUrl) as caught:
        parse_redis_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_url_has_the_last_word_on_tls() -> None:
    given_tls = RedisTls("/ca", "/cert", "/key")
    assert parse_redis_url("rediss://h", given_tls).tls == given_tls
    said = parse_redis_url("rediss+cluster://h?ssl_ca_certs=/other%20ca&ssl_check_hostname=False", given_tls)
    assert said.tls == RedisTls("/other ca", "/cert", "/key", checks_hostname=False)
    both = parse_redis_url("rediss://h?ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=yes", RedisTls())
    assert both.tls == RedisTls("", "/c", "/k")


def test_without_verification_no_name_is_checked() -> None:
    assert parse_redis_url("rediss://h?ssl_cert_reqs=none").tls == RedisTls(checks_hostname=False, verifies=False)
    assert parse_redis_url("rediss://h", RedisTls(verifies=False)).tls == RedisTls(
        checks_hostname=False, verifies=False
    )


def test_tls_that_would_not_be_used_is_refused() -> None:
    assert parse_redis_url("redis://h", RedisTls()).tls is None
    with pytest.raises(BadRedisUrl):
        parse_redis_url("redis://h", RedisTls(ca_file="/ca"))
    with pytest.raises(BadRedisUrl):
        parse_redis_url("unix:///s", RedisTls(checks_hostname=False))


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("redis://u:hunter2@h/1", "h:6379"),
        ("unix://:hunter2@/run/r.sock", "/run/r.sock"),
        ("redis+sentinel://:hunter2@a,[::1]:2/main?sentinel_password=hunter2", "a:26379,[::1]:2"),
        ("redis+cluster://:hunter2@a:1,b:2", "a:1,b:2"),
    ],
)
def test_what_may_be_shown(url: str, where: str) -> None:
    address = parse_redis_url(url)
    assert address.where == where
    assert "hunter2" not in repr(address)


@given(st.text(max_size=40), st.sampled_from(["redis://", "rediss+sentinel://", "redis+cluster://", "unix://", ""]))
def test_anything_is_understood_or_refused(text: str, scheme: str) -> None:
    try:
        address = parse_redis_url(scheme + text)
    except BadRedisUrl:
        return
    assert all(host and 0 < port < 65536 for host, port in address.nodes)
    assert bool(address.nodes) != bool(address.path)
