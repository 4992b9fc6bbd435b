"""What can be said without a Redis; `test_redis_link` and the system tests ask real ones."""

from __future__ import annotations

import pytest
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cache.errors import BadRedisUrl
from cache.outcome import Result
from cache.redis_client import client, result_of
from cache.redis_url import RedisTls, parse_redis_url


def caused(error: Exception) -> Exception:
    """What a cluster's client makes of the last node's error."""
    lost = RedisClusterException("no node has answered")
    lost.__cause__ = error
    return lost


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), Result.TIMED_OUT),
        (RedisTimeoutError(), Result.TIMED_OUT),
        (caused(RedisTimeoutError()), Result.TIMED_OUT),
        (AuthenticationError(), Result.DENIED),
        (caused(AuthenticationError()), Result.DENIED),
        (ClusterDownError("CLUSTERDOWN"), Result.FAILED),
        (ResponseError("ERR"), Result.REFUSED),
        (RedisConnectionError(), Result.FAILED),
        (RedisClusterException("no cause"), Result.FAILED),
        (ValueError("nonsense"), Result.FAILED),
    ],
)
def test_what_went_wrong_is_one_of_few_words(error: Exception, expected: Result) -> None:
    assert result_of(error) is expected


def test_files_of_tls_that_are_not_there_are_told_before_anything_is_opened() -> None:
    address = parse_redis_url("rediss://:hunter2@h/0", RedisTls(ca_file="/no/such/file"))
    with pytest.raises(BadRedisUrl, match="the files for TLS with Redis cannot be used") as told:
        client(address, 0.1)
    assert "hunter2" not in str(told.value)
