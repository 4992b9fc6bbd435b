"""The tree as text."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from origin.settings import parse, reference_markdown, schema, show
from origin.settings.keys import declared_keys
from origin.settings.render import MASK
from origin.settings.tree import Settings

OPEN = {"prefix": "/vod", "storage": "memory:", "access": "open"}
SECRETIVE = {
    "cache": {"redis": "redis://:passw0rd@h/0"},
    "mount": [OPEN | {"edge": {"trust": "asks", "secrets": ["an-edge-secret-of-length"]}}],
}


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4),
    st.floats(0, allow_infinity=False),
    st.lists(st.sampled_from(["/a", "/b", "/c.d"]), unique=True, min_size=1),
)
def test_what_is_shown_reads_back_as_the_same_tree(words: list[str], seconds: float, prefixes: list[str]) -> None:
    mounts = [OPEN | {"prefix": prefix, "audience": words, "issuers": words} for prefix in prefixes]
    tables = {"server": {"drain_seconds": seconds}, "keyrings": {"main": {"file": "k"}}, "mount": mounts}
    settings = parse(tables, Path("/etc"))
    assert parse(tomllib.loads(show(settings)), Path("/elsewhere")) == settings


def test_secrets_are_masked() -> None:
    shown = show(parse(SECRETIVE, Path("/")))
    assert "passw0rd" not in shown
    assert "an-edge-secret" not in shown
    tables = tomllib.loads(shown)
    assert tables["cache"]["redis"] == MASK
    assert tables["mount"][0]["edge"]["secrets"] == [MASK]


def test_what_is_not_set_is_said_to_be() -> None:
    assert "# redis is not set" in show(parse({"mount": [OPEN]}, Path("/")))


def test_the_schema_is_json_and_closed() -> None:
    document = json.loads(json.dumps(schema()))
    tables = [document, *document["$defs"].values()]
    assert all(table["additionalProperties"] is False for table in tables)


def test_the_reference_has_a_row_for_every_key() -> None:
    rows = [line for line in reference_markdown().splitlines() if line.startswith("| `")]
    keys = list(declared_keys(Settings))
    assert [row.split("`")[1] for row in rows] == [key.path.rpartition(".")[2] for key in keys]
    assert all(row.count("|") == 5 for row in rows)


def test_the_reference_names_types_and_defaults() -> None:
    text = reference_markdown()
    assert "## `[[mount]]`" in text
    assert "## `[keyrings.NAME]`" in text
    assert "| `access` | `open`, `signed` | required |" in text
    assert '| `segments` | `immutable` or integer | `"immutable"` |' in text
    assert "| `redis` | secret | not set |" in text
    assert "| `secrets` | list of secrets | `[]` |" in text
