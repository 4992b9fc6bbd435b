"""The supervisor as a program: its arguments, its sockets, its directory, its end."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from origin.server.listeners import ListenError, Sockets, given_sockets, open_listener
from origin.supervisor.child import Nursery
from origin.supervisor.plan import Plan, read_plan, write_plan
from origin.supervisor.supervise import Supervisor
from origin.systemd.notify import Notifier, watchdog_seconds
from origin.telemetry.logs import configure, handler

_UNAVAILABLE = 3  # the exit code of a port that is taken, as without workers


def become_supervisor(plan: Plan, command: Sequence[str]) -> NoReturn:
    """Turn this process into the supervisor of workers that `command` starts; what it holds is forgotten."""
    # The directory from which a program was started with -m is on its path; to others it must not become so.
    is_from_here = Path(sys.path[0]).resolve() == Path.cwd()
    options = () if is_from_here else ("-P",)
    arguments = [sys.executable, *options, "-m", "origin.supervisor", write_plan(plan), *command]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, arguments)  # noqa: S606  # no shell is wanted


def main() -> NoReturn:
    """Supervise as the process's arguments say."""
    plan = read_plan(sys.argv[1])
    if not isinstance(plan, Plan):
        raise SystemExit("headgate: a supervisor needs a plan")
    configure(logging.getLogger(), handler(sys.stderr, plan.log_format), plan.log_level)
    raise SystemExit(supervise(plan, sys.argv[2:], os.environ))


def supervise(plan: Plan, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Supervise until everybody has ended; the exit code. Sockets and the directory are there before any worker."""
    pid = os.getpid()
    try:
        sockets = _open(plan, environ, pid)
    except ListenError as error:
        sys.stderr.write(f"headgate: {error}\n")
        return _UNAVAILABLE
    with contextlib.ExitStack() as stack:
        for each in (*sockets.public, *sockets.admin):
            stack.enter_context(each)
        directory = stack.enter_context(_directory(environ))
        nursery = Nursery(command, environ, directory, sockets.public, sockets.admin)
        notifier = Notifier(environ.get("NOTIFY_SOCKET"))
        return Supervisor(plan, nursery, notifier, watchdog_seconds=watchdog_seconds(environ, pid)).run()


def _open(plan: Plan, environ: Mapping[str, str], pid: int) -> Sockets:
    given = given_sockets(environ, pid)
    return Sockets(
        given.public or open_listener("public", plan.public),
        given.admin or open_listener("admin", plan.admin),
    )


@contextlib.contextmanager
def _directory(environ: Mapping[str, str]) -> Iterator[str]:
    """A directory of this supervisor's workers, theirs alone (mode 0700), which ends with it."""
    # systemd's has the unit's lifetime; the other is a person's.
    place = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or environ.get("XDG_RUNTIME_DIR") or None
    try:
        made = tempfile.mkdtemp(prefix="headgate-", dir=place)
    except OSError:  # it is not there, or not ours
        made = tempfile.mkdtemp(prefix="headgate-")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
