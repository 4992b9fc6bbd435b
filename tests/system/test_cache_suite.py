"""The public cache tests against the gateway: their score, and a reason for each that is not passed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.system.cache_suite import PACKAGE, Suite, run_suite, score

pytestmark = [pytest.mark.system, pytest.mark.needs("node", "peers")]

_DOCUMENT = Path(__file__).parents[2] / "deploy/cache-tests.md"
# Another edition: a checkout of the suite's repository, with its dependencies.
_SUITE = Suite(Path(os.environ.get("TESTS_CACHE_SUITE", PACKAGE)).resolve())


def _rows(first_column: str) -> list[list[str]]:
    """The cells of the table in the documentation whose first column is called so."""
    text = _DOCUMENT.read_text(encoding="utf-8")
    table = text.partition(f"| {first_column} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def _documented() -> dict[str, str]:
    """The tests that this edition is known to fail, each with the reason."""
    known: dict[str, str] = {}
    for names, editions, reason in _rows("Tests"):
        if editions in {"both", _SUITE.edition}:
            known |= dict.fromkeys(re.findall(r"`([^`]+)`", names), reason)
    return known


@pytest.mark.timeout(240)
def test_all_tests_are_passed_but_those_that_are_documented(tmp_path: Path) -> None:
    verdicts = run_suite(_SUITE, tmp_path)
    failed = {
        name: verdict.said
        for name, verdict in verdicts.items()
        if verdict.kind in {"required", "optimal"} and not verdict.is_passed
    }
    documented = _documented()
    assert {name: said for name, said in failed.items() if name not in documented} == {}
    assert sorted(documented.keys() - failed.keys()) == [], "passed meanwhile"
    (told,) = [row[1:] for row in _rows("Edition") if row[0] == _SUITE.edition]
    assert ["{} of {}".format(*score(verdicts, kind)) for kind in ("required", "optimal")] == told


def test_every_failure_has_a_reason() -> None:
    documented = _documented()
    assert documented
    assert min(map(len, documented.values())) > 20
