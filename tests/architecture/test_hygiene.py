"""Things that creep into a tree: names that say nothing, one machine's paths, locks that do not lock."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, files

VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}
LOCKS = sorted((ROOT / "deploy/requirements").glob("*.txt"))

# Written in pieces, so that this file does not find itself. Debian's own hosts may be named.
_HOSTS = "|".join(
    re.escape(name)
    for name in ("pypi." + "org", "python" + "hosted.org", "registry.npm" + "js.org", "registry.yarn" + "pkg")
)
_HOMES = "|".join(("ro" + "ot", "ho" + "me/[a-z]", "wo" + "rk", "Us" + "ers/[A-Za-z]"))
_SOURCES = "|".join("--" + name for name in ("index-url", "extra-index-url", "find-links", "trusted-host"))
FORBIDDEN = {
    "a path of one machine": re.compile(rf"(?<![\w./$}}\])-])/(?:{_HOMES})[\w.-]*/"),
    "a package index": re.compile(rf"\b(?:{_HOSTS})\b|(?<![\w-])(?:{_SOURCES})\b"),
}

_REQUIREMENT = re.compile(r"[a-z0-9][a-z0-9._-]*==[\w.+!]+(?: ; [^\\]+)? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)((?: ; [^\\]+)?)", re.MULTILINE)


def texts() -> Iterable[tuple[Path, str]]:
    """Every text file of the project with its content."""
    for path in files():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # media samples and the like


def faults(text: str) -> list[str]:
    """What in a text must not be published."""
    return [f"{what}: {match.group()}" for what, pattern in FORBIDDEN.items() for match in pattern.finditer(text)]


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = {str(path): said for path, text in texts() if (said := faults(text))}
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "cd /ro" + "ot/x/",
        'open("/ho' + 'me/anna/x")',
        "pip --find" + "-links x",
        "https://pypi." + "org/simple",
    ],
)
def test_what_must_not_be_published_is_noticed(text: str) -> None:
    assert len(faults(text)) == 1


@pytest.mark.parametrize("text", ["$root/usr/lib/", "file:///srv/vod", "https://example.com/home", "tests/root/x"])
def test_what_may_be_published(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_holds_versions_and_hashes_only(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not (_REQUIREMENT.fullmatch(line) or _HASH.fullmatch(line))] == []
    bare = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if line[0] != " " and after[:1] != " "]
    assert bare == [], "a version without a hash"


def test_locks_agree_with_each_other() -> None:
    versions: dict[tuple[str, str], set[str]] = {}
    for lock in LOCKS:
        for name, version, marker in _PINNED.findall(lock.read_text(encoding="utf-8")):
            versions.setdefault((name, marker), set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    ours = [path.relative_to(ROOT) for path in files() if path.suffix == ".py"]
    assert [str(path) for path in ours if VAGUE & {path.stem.removeprefix("test_"), *path.parts[:-1]}] == []


def test_tests_have_no_package_of_their_own() -> None:
    # With one, `import auth` could mean tests/auth.
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_package_says_what_lives_there() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    silent = [folder for folder in folders if not _docstring(folder / "__init__.py")]
    assert silent == []


def _docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.exists() else None
