"""`headgate dialects`: the token formats that a mount may accept."""

from __future__ import annotations

import json

from origin.cli.config import JsonOption


def dialects(as_json: JsonOption = False) -> None:
    """List the token dialects, how their tokens ride, and the options of each."""
    from auth import DIALECTS
    from auth.options import option_facts
    from origin.settings.dialect_reference import dialects_markdown

    if not as_json:
        print(dialects_markdown(), end="")
        return
    rows = {
        name: {
            "token_name": spec.carriage.name,
            "transports": sorted(spec.carriage.transports),
            "options": {fact.name: fact.meaning for fact in option_facts(spec.options)},
        }
        for name, spec in sorted(DIALECTS.items())
        if not spec.is_internal
    }
    print(json.dumps(rows))
