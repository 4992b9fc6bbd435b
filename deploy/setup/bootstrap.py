"""Make the virtual environment with nothing but Python: `python3 -m deploy.setup.bootstrap VENV LOCK...`.

Every package comes from a lock file and is checked against its hashes. What has no wheel (the project itself,
one test tool) is built by the locked build backends. The project is installed in place: edits count at once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from deploy.setup import debs

_OLDEST = (3, 11)
_LOCKED = ("install", "--require-hashes", "--no-build-isolation", "--requirement")
_QUIET = ("--no-input", "--disable-pip-version-check", "--no-color")
_DEBIAN_WHEELS = "usr/share/python-wheels"
_PIP_PACKAGE = "pip-package"  # inside the environment, gone when its own pip is there

Command = tuple[str, ...]


def main(arguments: Sequence[str]) -> int:
    """Make or complete the environment; 0 when it is ready, 1 with one line on stderr when it cannot be."""
    folder, locks = Path(arguments[0]), [Path(lock) for lock in arguments[1:]]
    try:
        _require_python()
        python = environment(folder)
        build = Path("deploy/requirements/build.txt")
        install_locked(first_pip(python), build)
        shutil.rmtree(folder / _PIP_PACKAGE, ignore_errors=True)
        pip = (str(python), "-m", "pip")  # from here on the locked one
        for lock in locks:
            install_locked(pip, lock)
        _say("installing headgate itself, in place")
        _pip(pip, "install", "--no-deps", "--no-build-isolation", "--editable", ".")
    except debs.Unavailable as error:
        print(f"headgate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _require_python() -> None:
    if sys.version_info < _OLDEST:
        found, oldest = (".".join(map(str, version[:2])) for version in (sys.version_info, _OLDEST))
        raise debs.Unavailable(f"Python {oldest} or newer is needed, this is {found}: run make PYTHON=python{oldest}")


def environment(folder: Path) -> Path:
    """The interpreter of the virtual environment in `folder`, which is made when there is none that works."""
    python = (folder / "bin/python").absolute()
    usable = f"import sys; sys.exit(sys.version_info < {_OLDEST})"
    if python.exists() and _works((str(python), "-c", usable)):
        return python
    _say(f"making {folder} with Python {sys.version.split()[0]}")
    try:
        venv.EnvBuilder(with_pip=False, symlinks=True, clear=True).create(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        raise debs.Unavailable(f"cannot make {folder}: {error}") from error
    return python


def first_pip(python: Path) -> Command:
    """Some pip that can install into the environment of `python`, whatever the machine has.

    Debian splits ensurepip off into a package of its own, so its absence is normal there.
    """
    own = (str(python), "-m", "pip")
    if _works((*own, "--version")) or _works((str(python), "-m", "ensurepip", "--default-pip")):
        return own
    outside = (sys.executable, "-m", "pip", "--python", str(python))
    if _works((*outside, "--version")):
        return outside
    _say("this Python has no ensurepip: taking pip from the distribution's package")
    try:
        root = debs.unpack(["python3-pip-whl"], python.parent.parent / _PIP_PACKAGE)
    except debs.Unavailable as error:
        remedy = "install the package python3-venv and run the same command again"
        raise debs.Unavailable(f"no pip for this Python ({error}): {remedy}") from error
    for place in (root, Path("/")):  # it is not downloaded when the machine has it already
        for wheel in sorted((place / _DEBIAN_WHEELS).glob("pip-*.whl")):
            return (str(python), f"{wheel}/pip")
    raise debs.Unavailable("python3-pip-whl holds no pip: install the package python3-venv")


def install_locked(pip: Command, lock: Path) -> None:
    """Install exactly what `lock` lists."""
    total = sum("==" in line for line in lock.read_text().splitlines())
    _say(f"installing {lock.stem}: {total} locked packages")
    _pip(pip, *_LOCKED, str(lock), total=total)


def _pip(pip: Command, *arguments: str, total: int = 0) -> None:
    """Run pip and show one line of progress; raises `Unavailable` with pip's own error."""
    command = [*pip, *arguments, *_QUIET]
    said: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        for line in run.stdout or ():
            said.append(line.strip())
            if line.startswith("Collecting "):
                count = sum(earlier.startswith("Collecting ") for earlier in said)
                _progress(f"  {count}/{total} {line.split()[1]}")
            elif line.startswith("Installing collected"):
                _progress("  unpacking\n")
    if run.returncode != 0:
        errors = [line for line in said if line.startswith("ERROR:")] or said[-1:] or ["ERROR: no message"]
        raise debs.Unavailable(f"pip failed: {errors[0].removeprefix('ERROR: ')}")


def _progress(text: str) -> None:
    """Rewrite the current line on a terminal; in a log only the last line of a step is worth keeping."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def _say(text: str) -> None:
    print(f"headgate: {text}", flush=True)


def _works(command: Command) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
