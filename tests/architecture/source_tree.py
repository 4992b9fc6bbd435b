"""The project's own files, for the tests that read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("auth", "cache", "origin")

# What tools and programs leave behind; the rest of the tree is ours.
_NOT_OURS = {"__pycache__", "node_modules", "build", "dist", "htmlcov"}
_OUR_HIDDEN = {".ci", ".github", ".gitignore"}


def modules() -> list[Path]:
    """Every Python file of the three packages, relative to the root."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file that belongs to the project, as an absolute path."""
    for path in sorted(folder.iterdir()):
        ours = path.name in _OUR_HIDDEN if path.name.startswith(".") else path.name not in _NOT_OURS
        if ours and path.is_dir():
            yield from files(path)
        elif ours:
            yield path
