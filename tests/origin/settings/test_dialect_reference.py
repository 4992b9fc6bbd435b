"""The dialects' reference."""

from __future__ import annotations

from auth import DIALECTS
from auth.options import option_facts
from origin.settings.dialect_reference import dialects_markdown


def test_it_names_every_option_of_every_dialect() -> None:
    text = dialects_markdown()
    for name, spec in DIALECTS.items():
        assert (f"## `{name}`\n" in text) is not spec.is_internal
        if not spec.is_internal:
            section = text.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
            assert all(f"| `{fact.name}` |" in section for fact in option_facts(spec.options))
