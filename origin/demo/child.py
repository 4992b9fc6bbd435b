"""Run one child process to its end: bounded in time, its last words kept, ended when we are cancelled."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_TAIL_BYTES = 2048
_CHUNK = 4096
_GRACE_SECONDS = 2.0

OnLine = Callable[[str], None]


class ChildFailed(Exception):  # noqa: N818  # reads as the fact it is
    """The program did not start, ran too long, or ended with an error; the text ends with its last words."""


async def run_child(
    arguments: Sequence[str],
    *,
    directory: Path,
    limit_seconds: float,
    environment: Mapping[str, str] | None = None,
    on_line: OnLine | None = None,
) -> None:
    """Run `arguments` in `directory`; each line of its standard output goes to `on_line`.

    Raises `ChildFailed`. When this ends, by cancellation too, the process and its children have been ended.
    """
    name = Path(arguments[0]).name
    process = await _start(name, arguments, directory, environment)
    tail = bytearray()
    try:
        async with asyncio.timeout(limit_seconds):
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump_lines(process.stdout, on_line))
                pumps.create_task(_pump_tail(process.stderr, tail))
            code = await process.wait()
    except TimeoutError:
        raise ChildFailed(f"{name} was still running after {limit_seconds:g} s{_last_words(tail)}") from None
    finally:
        await _end(process)
    if code != 0:
        raise ChildFailed(f"{name} ended with status {code}{_last_words(tail)}")


async def _start(
    name: str, arguments: Sequence[str], directory: Path, environment: Mapping[str, str] | None
) -> asyncio.subprocess.Process:
    # A session of its own: an interrupt typed at the terminal reaches us alone, and one signal its children.
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ChildFailed(f"{name} could not be started: {error.strerror}") from error


async def _pump_lines(stream: asyncio.StreamReader | None, on_line: OnLine | None) -> None:
    assert stream is not None  # noqa: S101  # we asked for a pipe
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await stream.read(_CHUNK):
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        rest = rest[-_CHUNK:]
        if on_line is not None:
            for line in lines:
                on_line(line)


async def _pump_tail(stream: asyncio.StreamReader | None, tail: bytearray) -> None:
    assert stream is not None  # noqa: S101  # we asked for a pipe
    while chunk := await stream.read(_CHUNK):
        tail += chunk
        del tail[:-_TAIL_BYTES]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the whole group to stop, then insist."""
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _last_words(tail: bytearray) -> str:
    said = tail.decode("utf-8", "replace").strip()
    return f": {said}" if said else ""
