"""The tree as declared: closed, frozen, described; and the sample file that shows it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from origin.settings import load, parse
from origin.settings.checks import KEY_SOURCES
from origin.settings.keys import declared_keys
from origin.settings.tree import Settings

SAMPLE = Path(__file__).parents[3] / "deploy" / "headgate.example.toml"
OPEN = {"prefix": "/vod", "storage": "memory:", "access": "open"}


def test_every_key_is_described_in_a_sentence() -> None:
    assert [key.path for key in declared_keys(Settings) if not (key.field.description or "").endswith(".")] == []


def test_the_tree_is_frozen() -> None:
    settings = parse({"mount": [OPEN], "keyrings": {"main": {"file": "k"}}}, Path("/"))
    with pytest.raises(ValidationError, match="frozen"):
        settings.public.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.keyrings["other"] = settings.keyrings["main"]  # type: ignore[index]


def test_secrets_never_print() -> None:
    redis, secret = "redis://:hunter22hunter22@h/0", "an-edge-secret-of-length"
    edge = {"trust": "asks", "secrets": [secret]}
    settings = parse({"cache": {"redis": redis}, "mount": [OPEN | {"edge": edge}]}, Path("/"))
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter22" not in text
        assert secret not in text


def test_the_sample_is_valid() -> None:
    assert load(SAMPLE, {}).mount[0].prefix == "/vod"


def test_the_sample_is_valid_with_what_is_commented_out() -> None:
    text = re.sub(r"^# (?=\w+ = |\[)", "", SAMPLE.read_text(), flags=re.MULTILINE)
    text = text.replace('trust = "none"', 'trust = "asks"')
    tables = tomllib.loads(text)
    rings = {source: {source: tables["keyrings"]["main"][source]} for source in KEY_SOURCES}
    tables |= {"keyrings": rings | {"main": rings["file"], "edges": rings["file"]}}
    (mount,) = tables["mount"]

    def fitting(storage: str, other: str) -> Settings:
        with_storage = {key: value for key, value in mount.items() if key != other} | {"storage": storage}
        return parse(tables | {"mount": [with_storage]}, Path("/"))

    assert fitting("s3://media/vod", "upstream").mount[0].bucket.endpoint
    settings = fitting("https://origin.example/media", "bucket")
    assert settings.cache.redis
    assert settings.mount[0].edge.secrets
    assert settings.keyrings["jwks"].jwks


def test_the_sample_mentions_every_key_and_no_other() -> None:
    assert _mentioned(SAMPLE.read_text()) == sorted(key.path for key in declared_keys(Settings))


def test_the_sample_shows_the_defaults() -> None:
    settings = load(SAMPLE, {})
    for name in ("public", "admin", "server", "log", "cache"):
        assert getattr(settings, name) == Settings.model_fields[name].default
    mount = settings.mount[0]
    for name, field in type(mount).model_fields.items():
        assert name in {"prefix", "storage", "access", "keys", "tokens"} or getattr(mount, name) == field.default


def _mentioned(text: str) -> list[str]:
    table, found = "", []
    for line in text.splitlines():
        if header := re.match(r"(?:# )?(\[+)([\w.]+)\]+", line):
            table = header[2].replace("keyrings.main", "keyrings.NAME")
            table = table.replace("tokens.jwt", "tokens.NAME").replace("api_keys.backend", "api_keys.NAME")
            table = table.replace("certificates.main", "certificates.NAME")
            table = re.sub(r"^(mount|edge_purge)\b", r"\1[]", table)
        elif key := re.match(r"(?:# )?([a-z0-9_]+) = ", line):
            found.append(f"{table}.{key[1]}")
    return sorted(found)
