"""What is broken by itself is reported once, and never as something that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.settings import SettingsError, parse
from origin.settings.salvage import salvage

SIGNED = {"prefix": "/vod", "storage": "memory:", "access": "signed", "keys": "main"}


def keys_of(tables: dict[str, object]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(tables, Path("/"))
    return [problem.key for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("tables", "keys"),
    [
        # a broken key does not hide another rule in the same mount
        (
            {"mount": [SIGNED | {"cache": {"segments": -1}}]},
            ["mount[0].cache.segments", "mount[0].keys"],
        ),
        # a misspelt trust is not also "a secret without trust"
        (
            {
                "keyrings": {"main": {"file": "k"}},
                "mount": [SIGNED | {"edge": {"trust": "aks", "secrets": ["sixteen-characters"]}}],
            },
            ["mount[0].edge.trust"],
        ),
        # a broken ring still exists
        ({"keyrings": {"main": {"file": 1}}, "mount": [SIGNED]}, ["keyrings.main.file"]),
        ({"keyrings": {"main": 1}, "mount": [SIGNED]}, ["keyrings.main"]),
        ({"keyrings": {"main": {}}, "mount": [SIGNED]}, ["keyrings.main"]),
        ({"keyrings": 1, "mount": [SIGNED]}, ["keyrings"]),
        # a mount that is no table, between two that are
        (
            {"keyrings": {"main": {"file": "k"}}, "mount": [SIGNED, 1, SIGNED]},
            ["mount[1]", "mount[2].prefix"],
        ),
        ({"mount": {"prefix": "/vod"}}, ["mount"]),
        ({"mount": 1}, ["mount"]),
        ({"keyrings": {"Main": {"file": "k"}}, "mount": [SIGNED]}, ["keyrings.Main", "mount[0].keys"]),
        ({"[key]": 1, "mount": 1}, ["mount", "[key]"]),
        ({"admin": {"api_keys": {"Not A Name": {"sha256": "0" * 64}}}}, ["admin.api_keys.Not A Name", "mount"]),
        ({"admin": {"api_keys": {"[key]": {"sha256": "0" * 64}}}}, ["admin.api_keys.[key]", "mount"]),
        ({"mount": [{}]}, ["mount[0].prefix", "mount[0].storage", "mount[0].access"]),
    ],
)
def test_reported_keys(tables: dict[str, object], keys: list[str]) -> None:
    assert keys_of(tables) == keys


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.sampled_from(
    ["public", "port", "mount", "keyrings", "cors", "origins", "prefix", "secrets", "edge", "[key]"]
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))


@settings(max_examples=50)
@given(st.dictionaries(NAMES, ANYTHING))
def test_whatever_is_written_something_is_salvaged(tables: dict[str, object]) -> None:
    salvaged = salvage(tables, Path("/"))
    assert bool(salvaged.problems) == bool(salvaged.broken)


def test_the_input_is_left_alone() -> None:
    tables: dict[str, object] = {"public": {"prot": 1}}
    salvage(tables, Path("/"))
    assert tables == {"public": {"prot": 1}}
