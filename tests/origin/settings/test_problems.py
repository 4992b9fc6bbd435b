"""How problems read."""

from __future__ import annotations

import pytest

from origin.settings import Problem, SettingsError
from origin.settings.problems import attributed, did_you_mean, key_path


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("public.port", "is wrong"), "public.port: is wrong"),
        (Problem("public.port", "is wrong", "try 80"), "public.port: is wrong (try 80)"),
        (Problem("a", "is wrong", source="HEADGATE_A"), "a (from HEADGATE_A): is wrong"),
        (Problem("", "is not TOML"), "is not TOML"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_an_error_carries_all_of_them() -> None:
    error = SettingsError([Problem("a", "x"), Problem("b", "y")])
    assert str(error) == "a: x\nb: y"
    assert [problem.key for problem in error.problems] == ["a", "b"]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("mount", 0, "cors", "origins", 1), "mount[0].cors.origins[1]"),
        (("public",), "public"),
        (("a\nb", "c"), r"'a\nb'.c"),
    ],
)
def test_key_path(location: tuple[str | int, ...], path: str) -> None:
    assert key_path(location) == path


def test_a_far_word_is_no_suggestion() -> None:
    assert did_you_mean("prot", ["port", "host"]) == "did you mean port?"
    assert did_you_mean("verbose", ["port", "host"]) == ""


@pytest.mark.parametrize(
    ("key", "source"),
    [("mount[0].prefix", "M"), ("mount", "M"), ("mounts", ""), ("public.port", "P"), ("public", "")],
)
def test_a_problem_is_attributed_to_the_variable_that_set_it(key: str, source: str) -> None:
    assert attributed(Problem(key, "x"), {"mount": "M", "public.port": "P"}).source == source
