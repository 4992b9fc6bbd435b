"""How a command ends: an exit code, and a line per problem on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a calling program may rely on."""

    OK = 0
    FAILED = 1  # a check found something wrong
    USAGE = 2  # the command line or the configuration is wrong
    UNAVAILABLE = 3  # something that is needed does not answer
    DEFECT = 70
    INTERRUPTED = 130
    UNREAD = 141  # whoever read the output went away before the end of it


Command = Callable[..., ExitCode | None]  # the function behind a command; None when all went well


class Trouble(Exception):  # noqa: N818  # what a command raises to end with a message and a code
    """Ends a command."""

    def __init__(self, code: ExitCode, *lines: str) -> None:
        """`lines` go to standard error; none when the command has already said what there is to say."""
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines


def tell(*lines: str) -> None:
    """Write each line to standard error, as one line, with whatever looks like a token masked."""
    from origin.telemetry.redaction import redact_text

    for line in lines:
        print(f"headgate: {redact_text(' '.join(line.split()))}", file=sys.stderr)
