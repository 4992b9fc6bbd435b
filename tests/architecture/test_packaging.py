"""What is installed is what is here: three packages, from this checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, modules


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return archive.namelist()


def test_wheel_holds_the_three_packages_and_nothing_else(wheel: list[str]) -> None:
    top = {name.split("/")[0] for name in wheel}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)


def test_wheel_holds_every_module_the_types_and_the_licence(wheel: list[str]) -> None:
    assert {str(path) for path in modules()} <= set(wheel)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel)
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_resolve_to_this_checkout(package: str) -> None:
    assert Path(str(import_module(package).__file__)) == ROOT / package / "__init__.py"
