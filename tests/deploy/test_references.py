"""The committed references are what the code says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from origin.settings import parse, reference_markdown
from origin.settings.dialect_reference import dialects_markdown
from origin.telemetry.declarations import metrics_markdown

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize(
    ("name", "title", "text", "command"),
    [
        ("configuration.md", "Configuration", reference_markdown(), "headgate config reference"),
        ("dialects.md", "Token dialects", dialects_markdown(), "headgate dialects"),
        ("metrics.md", "Metrics", metrics_markdown(), "headgate metrics reference"),
    ],
    ids=["configuration", "dialects", "metrics"],
)
def test_a_reference_is_what_its_command_prints(name: str, title: str, text: str, command: str) -> None:
    expected = f"# {title}\n\nMade by `{command}`.\n\n{text}"
    assert (DEPLOY / name).read_text(encoding="utf-8") == expected


def test_the_example_can_be_served_beside_its_media() -> None:
    tables = tomllib.loads((DEPLOY / "headgate.example.toml").read_text(encoding="utf-8"))
    settings = parse(tables, Path("/srv/site"))
    assert [(mount.prefix, mount.storage) for mount in settings.mount] == [("/vod", "file:///srv/site/vod")]
    assert settings.keyrings["main"].file == Path("/srv/site/keys.json")
