"""Imports point down only: the contracts stand in pyproject.toml, a tool checks them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, modules

# Modules that run when they are imported.
_PROGRAMS = {"__main__"}


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [lint, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_imports_without_a_warning(package: str) -> None:
    names = [".".join(path.with_suffix("").parts) for path in modules() if path.parts[0] == package]
    names = [name.removesuffix(".__init__") for name in names if name.rpartition(".")[2] not in _PROGRAMS]
    program = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
