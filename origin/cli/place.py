"""Where this process stands among the workers of a supervisor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from origin.workers.place import WorkerPlace


def place_of_this_process() -> WorkerPlace | None:
    """What the environment says; None without a supervisor, and `Trouble` for what no supervisor says."""
    from origin.server.worker_environment import DIRECTORY, SLOT
    from origin.workers.place import BadPlaceError, place_of

    try:
        return place_of(os.environ.get(DIRECTORY, ""), os.environ.get(SLOT, ""))
    except BadPlaceError as error:
        raise Trouble(ExitCode.USAGE, f"{DIRECTORY}, {SLOT}: {error}") from None
