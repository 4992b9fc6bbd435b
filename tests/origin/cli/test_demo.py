"""`headgate demo`, as far as it goes without making a stream; the system tests let it run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.origin.cli.conftest import Console


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "70000"], "public.port: should be less than or equal to 65535"),
        (["--port", "-1"], "public.port: should be greater than or equal to 0"),
        (["--port", "many"], "Invalid value for '--port'"),
        (["--prot", "1"], "No such option: --prot"),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(site: Path, console: Console, arguments: list[str], says: str) -> None:
    said = console("demo", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert says in said.err
    assert not (site / ".demo").exists()
