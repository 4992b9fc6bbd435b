"""Tests mirror the tree: `origin/http/ranges.py` ↔ `tests/origin/http/test_ranges.py`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, modules

# Modules with code and no test file of their own → why. An entry that is no longer needed fails.
WITHOUT_PARTNER: dict[str, str] = {}


def partner(module: Path) -> Path:
    """Where the tests of `module` belong; those of a package's `__init__` are called after the package."""
    name = module.parent.name if module.name == "__init__.py" else module.stem.strip("_")
    folder = module.parent.parent if module.name == "__init__.py" else module.parent
    return Path("tests") / folder / f"test_{name}.py"


def has_logic(source: str) -> bool:
    """Whether any function does something: protocols, enums and plain dataclasses do not."""
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return any(not _is_declaration(statement) for function in functions for statement in function.body)


def _is_declaration(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_every_module_has_its_tests() -> None:
    with_logic = {path for path in modules() if has_logic((ROOT / path).read_text(encoding="utf-8"))}
    alone = {str(path) for path in with_logic if not (ROOT / partner(path)).exists()}
    assert sorted(alone - set(WITHOUT_PARTNER)) == []
    assert sorted(set(WITHOUT_PARTNER) - alone) == [], "entries that are no longer needed"


def test_every_test_file_has_its_module() -> None:
    expected = {partner(path) for path in modules()}
    found = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / "tests" / package).rglob("test_*.py")}
    assert sorted(found - expected) == []


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("origin/http/ranges.py", "tests/origin/http/test_ranges.py"),
        ("origin/settings/__init__.py", "tests/origin/test_settings.py"),
        ("origin/__main__.py", "tests/origin/test_main.py"),
    ],
)
def test_partner(module: str, tests: str) -> None:
    assert partner(Path(module)) == Path(tests)


@pytest.mark.parametrize(
    ("source", "logic"),
    [
        ('"""Doc."""\nX = 1\n', False),
        ('class P:\n    def f(self) -> int:\n        """Doc."""\n        ...\n', False),
        ("def f() -> int:\n    return 1\n", True),
    ],
)
def test_has_logic(source: str, logic: bool) -> None:
    assert has_logic(source) is logic
