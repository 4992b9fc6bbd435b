"""Tables about upstreams and buckets fit the storage that they are beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.settings import SettingsError, parse

OPEN: dict[str, object] = {"prefix": "/vod", "access": "open"}


@pytest.mark.parametrize(
    ("storage", "tables", "key", "words"),
    [
        ("file:///srv", {"upstream": {"retries": 0}}, "mount[0].upstream", "has no effect"),
        ("s3://media", {"upstream": {"retries": 0}}, "mount[0].upstream", "has no effect"),
        ("https://o.example", {"bucket": {"retries": 0}}, "mount[0].bucket", "has no effect"),
        ("memory:", {"shield": {"prefetch": 1}}, "mount[0].shield", "has no effect"),
        ("https://o.example", {"upstream": {"sign_keys": "none"}}, "mount[0].upstream.sign_keys", "does not exist"),
    ],
)
def test_refuses(storage: str, tables: dict[str, object], key: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse({"mount": [OPEN | {"storage": storage} | tables]}, Path("/"))
    (problem,) = refused.value.problems
    assert problem.key == key
    assert words in problem.message


def test_a_signed_mount_passes_no_unsafe_method_on() -> None:
    mount = {"prefix": "/vod", "access": "signed", "keys": "k", "storage": "https://o.example"}
    tables = {"mount": [mount | {"upstream": {"methods": ["POST"]}}], "keyrings": {"k": {"file": "k"}}}
    with pytest.raises(SettingsError) as refused:
        parse(tables, Path("/"))
    assert [problem.key for problem in refused.value.problems] == ["mount[0].upstream.methods"]


@pytest.mark.parametrize(
    ("storage", "tables"),
    [
        ("https://o.example", {"upstream": {"methods": ["POST"]}, "shield": {"prefetch": 2}}),
        ("gs://media/vod", {"bucket": {"anonymous": True}, "shield": {"tags": {"film/": ["film"]}}}),
    ],
)
def test_accepts(storage: str, tables: dict[str, object]) -> None:
    assert parse({"mount": [OPEN | {"storage": storage} | tables]}, Path("/")).mount[0].storage == storage
