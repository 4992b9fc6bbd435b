"""Debian packages without root: download what the machine lacks and unpack it into a folder of our own.

Nothing on the machine changes and no service is started: maintainer scripts never run. Standard library only,
because this runs before anything is installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_PLANNED = re.compile(r"^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)", re.MULTILINE)
_WAIT = 600.0  # seconds for one step on a slow mirror


class Unavailable(Exception):  # noqa: N818 -- named by what happened
    """What was asked for cannot be had on this machine; the text is one line that says why."""


def supported() -> bool:
    """Whether this machine has the two programs that everything here is made of."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


def unpack(packages: Iterable[str], folder: Path) -> Path:
    """Download `packages` with the dependencies that are not installed, and unpack them all.

    The returned path, below `folder`, is the root of the unpacked tree; what was unpacked there before stays.
    Raises `Unavailable` when there is no apt, no network or no such package.
    """
    if not supported():
        raise Unavailable("this machine has no apt-get and dpkg-deb")
    names = sorted(packages)
    options = _private_state(folder)
    _run(["apt-get", *options, "update"])
    plan = _run(["apt-get", *options, "install", "--simulate", "--no-install-recommends", *names])
    wanted = [f"{name}={version}" for name, version in _PLANNED.findall(plan)]
    downloads = folder / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    if wanted:
        _run(["apt-get", *options, "download", *wanted], cwd=downloads)
    root = folder / "root"
    for package in sorted(downloads.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(root)])
    for done in (downloads, folder / "apt"):
        shutil.rmtree(done)
    return root


def _private_state(folder: Path) -> list[str]:
    """Options that keep apt away from the system's folders, but for the list of installed packages."""
    lists, cache = folder.absolute() / "apt/lists", folder.absolute() / "apt/cache"
    for needed in (lists / "partial", cache / "archives/partial"):
        needed.mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State::Lists": lists,
        "Dir::Cache": cache,
        "APT::Sandbox::User": "root",  # the _apt user may not enter a home folder
        "APT::Get::List-Cleanup": "false",
        "Acquire::Retries": 3,
    }
    return ["--quiet=2", *(f"--option={name}={value}" for name, value in settings.items())]


def _run(command: list[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_WAIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise Unavailable(f"{command[0]}: {said[-1].strip()}")
    return done.stdout
