"""The walk over declared keys."""

from __future__ import annotations

import pytest

from origin.settings.keys import Shape, choices, declared_keys, holds_text_only, table_at, table_in
from origin.settings.mount import Cors, Mount
from origin.settings.tree import Settings

FIELDS = {key.path: key.field for key in declared_keys(Settings)}


def test_every_shape_of_path_is_walked() -> None:
    assert {"public.port", "keyrings.NAME.file", "mount[].prefix", "mount[].cors.origins"} <= FIELDS.keys()


@pytest.mark.parametrize(
    ("name", "shape"),
    [("public", Shape.TABLE), ("keyrings", Shape.NAMED_TABLES), ("mount", Shape.ARRAY_OF_TABLES)],
)
def test_shapes_of_tables(name: str, shape: Shape) -> None:
    assert table_in(Settings.model_fields[name])[0] is shape


@pytest.mark.parametrize(
    ("location", "table"),
    [
        ((), Settings),
        (("mount", 3), Mount),
        (("mount", 0, "cors"), Cors),
        (("mount",), None),
        (("public", "port"), None),
        (("nothing",), None),
    ],
)
def test_table_at(location: tuple[str | int, ...], table: type | None) -> None:
    assert table_at(Settings, location) is table


@pytest.mark.parametrize(
    ("path", "is_text"),
    [
        ("public.host", True),
        ("cache.redis", True),
        ("keyrings.NAME.file", True),
        ("mount[].keys", True),
        ("mount[].access", True),
        ("cache.memory_bytes", False),
        ("public.port", False),
        ("log.access", False),
        ("mount[].dialects", False),
        ("mount[].cache.segments", False),
        ("public.trusted_proxies", False),
    ],
)
def test_what_holds_text_only(path: str, is_text: bool) -> None:
    assert holds_text_only(FIELDS[path]) is is_text


def test_choices_are_the_words_of_a_closed_key() -> None:
    assert choices(FIELDS["mount[].access"]) == ("open", "signed")
    assert choices(FIELDS["public.port"]) == ()
