"""The last of a command's output, handed over while its failure can still be told in our words."""

from __future__ import annotations

import os
import sys

from origin.cli.trouble import ExitCode, tell


def deliver(code: int) -> int:
    """Flush standard output; the exit code, which is `code` unless what it stands for did not arrive.

    A reader that has gone is no failure: a command's verdict is its own, and a server's is that it has drained.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
    except OSError as error:
        _discard()
        tell(f"standard output cannot be written: {error.strerror}")
        return code or ExitCode.UNAVAILABLE
    return code


def _discard() -> None:
    """Let what is still buffered go nowhere; the interpreter would try it again at exit and tell of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
