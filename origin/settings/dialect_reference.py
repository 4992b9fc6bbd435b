"""The token dialects and their options as text, rendered from their declarations."""

from __future__ import annotations

from collections.abc import Iterator

from auth.dialects import DIALECTS
from auth.dialects.dialect import Spec
from auth.options import option_facts


def dialects_markdown() -> str:
    """Every dialect that a mount may accept: how its tokens ride, and its options."""
    shown = (spec_lines for name, spec in sorted(DIALECTS.items()) if (spec_lines := list(_lines(name, spec))))
    return "\n\n".join("\n".join(lines) for lines in shown) + "\n"


def _lines(name: str, spec: Spec) -> Iterator[str]:
    if spec.is_internal:
        return
    carriage = spec.carriage
    yield f"## `{name}`"
    yield ""
    places = ", ".join(sorted(carriage.transports))
    yield f"Token name `{carriage.name}`, by {places}; header field `{carriage.header}`."
    if spec.is_for_urls:
        yield "A token opens the URL that it was made for: let it be exchanged for a session."
    facts = option_facts(spec.options)
    if facts:
        yield from ("", "| option | type | default | meaning |", "|---|---|---|---|")
        yield from (f"| `{fact.name}` | {fact.type} | `{fact.default}` | {fact.meaning} |" for fact in facts)
