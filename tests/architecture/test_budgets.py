"""Limits on the largest file and function: averages hide the ones that hurt."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, modules

FILE_LINES = 400
FUNCTION_LINES = 50
PARAMETERS = 8
NESTING = 3

# "path" or "path:function" → why it may be larger. An entry that is no longer needed fails.
EXCEPTIONS: dict[str, str] = {
    "origin/cli/sign.py:sign": "typer reads a command's options from its parameters",
    "origin/cli/verify.py:verify": "typer reads a command's options from its parameters",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
_DEEPER = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def parameters(function: Function) -> int:
    """How many parameters a caller can give; `self` and `cls` are not among them."""
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def nesting(node: ast.AST, depth: int = 0) -> int:
    """The deepest block below `node`; an `elif` is as deep as its `if`, and an inner function starts anew."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (Function, ast.ClassDef)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deeper = isinstance(child, _DEEPER) and not is_elif
        deepest = max(deepest, nesting(child, depth + deeper))
    return deepest


def excesses(path: Path, source: str) -> dict[str, str]:
    """What in one file is over budget: place → what it has too much of."""
    lines = source.count("\n")
    found = {str(path): f"{lines} lines, at most {FILE_LINES}"} if lines > FILE_LINES else {}
    for function in functions(ast.parse(source)):
        measured = {
            "lines": (body_lines(function), FUNCTION_LINES),
            "parameters": (parameters(function), PARAMETERS),
            "levels of nesting": (nesting(function), NESTING),
        }
        over = [f"{value} {what}, at most {most}" for what, (value, most) in measured.items() if value > most]
        if over:
            found[f"{path}:{function.name}"] = "; ".join(over)
    return found


def test_every_file_and_function_is_within_its_budget() -> None:
    found: dict[str, str] = {}
    for path in modules():
        found |= excesses(path, (ROOT / path).read_text(encoding="utf-8"))
    assert {place: why for place, why in found.items() if place not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(found), "exceptions that are no longer needed"


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = 1\n" * 401, "401 lines, at most 400"),
        ("def f():\n" + "    x = 1\n" * 50, "51 lines, at most 50"),
        ("def f(a, b, c, d, e, f, g, *, h, i): ...\n", "9 parameters, at most 8"),
        (
            "def f():\n if a:\n  for b in c:\n   with d:\n    if e:\n     pass\n",
            "4 levels of nesting, at most 3",
        ),
    ],
    ids=["file", "function", "parameters", "nesting"],
)
def test_too_much_is_noticed(source: str, fault: str) -> None:
    assert list(excesses(Path("x.py"), source).values()) == [fault]


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """Doc.\n' + "\n" * 60 + '    """\n    return 1\n',
        "class A:\n def f(self, a, b, c, d, e, f, g, h): ...\n",
        "def f():\n if a:\n  pass\n elif b:\n  pass\n elif c:\n  pass\n elif d:\n  pass\n elif e:\n  pass\n",
    ],
    ids=["docstring", "self", "elif"],
)
def test_what_does_not_count(source: str) -> None:
    assert excesses(Path("x.py"), source) == {}
