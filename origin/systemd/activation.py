"""Sockets that a service manager has opened for us: sd_listen_fds(3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

_FIRST = 3  # SD_LISTEN_FDS_START
_AT_MOST = 64


class ActivationError(Exception):
    """What was passed is not what was announced, or nobody knows what it is for."""


def inherited(environ: Mapping[str, str], pid: int, names: Collection[str]) -> dict[str, list[int]]:
    """The descriptors that were passed to process `pid`, by their names, which have to be among `names`.

    A single one without a name is the first of `names`. Empty when nothing was passed, or to somebody else.
    """
    if environ.get("LISTEN_PID") != str(pid):
        return {}
    count = environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= _AT_MOST):
        raise ActivationError(f"LISTEN_FDS should be a number from 1 to {_AT_MOST}")
    given = _names(environ, int(count), next(iter(names)))
    found: dict[str, list[int]] = {}
    for number, name in enumerate(given):
        if name not in names:
            raise ActivationError(f"a socket should have one of the names {', '.join(names)} (FileDescriptorName=)")
        found.setdefault(name, []).append(_FIRST + number)
    return found


def _names(environ: Mapping[str, str], count: int, first: str) -> list[str]:
    given = environ.get("LISTEN_FDNAMES", "").split(":")
    if count == 1 and given in (["unknown"], [""]):  # "unknown": the socket has no unit
        return [first]
    if len(given) != count:
        raise ActivationError("LISTEN_FDNAMES should have a name for each of LISTEN_FDS")
    return given
