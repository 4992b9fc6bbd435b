"""`headgate doctor`: ask every dependency and every mount, and say what to do about what is wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from origin.cli.config import ConfigOption, JsonOption, load_settings
from origin.cli.trouble import ExitCode

if TYPE_CHECKING:
    from origin.checkup import Diagnosis


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> ExitCode:
    """Probe everything the configuration names. Exit code 0 when all is well, 1 when something is not."""
    from origin.checkup import examine

    diagnoses = asyncio.run(examine(load_settings(config)))
    if as_json:
        print(json.dumps([one.as_dict() for one in diagnoses], indent=2))
    else:
        for one in diagnoses:
            print(_line(one))
    return ExitCode.OK if all(one.is_ok for one in diagnoses) else ExitCode.FAILED


def _line(one: Diagnosis) -> str:
    if one.is_ok:
        return f"ok      {one.name}: {one.finding}"
    return f"failed  {one.name}: {one.finding}\n        → {one.remedy}"
