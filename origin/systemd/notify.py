"""What a service tells its service manager about itself: sd_notify(3)."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")

_log = logging.getLogger(__name__)


class Notifier:
    """Sends states to a service manager. Without an address it says nothing; a lost word is logged, never raised."""

    def __init__(self, address: str | None) -> None:
        """`address` is an absolute path, or "@" and an abstract name; what else there may be is not supported."""
        self._address = address if address is not None and address[:1] in {"/", "@"} else None

    def ready(self, status: str) -> None:
        """Requests are answered: after a start, and after a reload, whether it succeeded or not."""
        self._tell("READY=1", f"MAINPID={os.getpid()}", _status(status))

    def reloading(self) -> None:
        """A reload begins, which `ready` ends."""
        # Type=notify-reload tells by the time that this answers its own signal.
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={microseconds}", "STATUS=Reloading")

    def stopping(self) -> None:
        """No more requests are taken; transfers are finished."""
        self._tell("STOPPING=1", "STATUS=Draining")

    def status(self, status: str) -> None:
        """A line for people, in `systemctl status`."""
        self._tell(_status(status))

    def alive(self) -> None:
        """The watchdog's sign of life."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender:
                sender.setblocking(False)
                sender.connect(address)
                sender.send("\n".join(lines).encode())
        except OSError as error:
            _log.warning("the service manager was not told %s: %s", lines[0], os.strerror(error.errno or 0))


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"


def watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """How often process `pid` should say that it is alive: twice in the time after which it would be killed."""
    asked, who = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 18 and int(asked) > 0) or who != str(pid):
        return None
    return int(asked) / 2 / 1_000_000
