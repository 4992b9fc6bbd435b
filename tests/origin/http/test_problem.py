from __future__ import annotations

import json

import pytest

from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes


def test_a_whole_problem() -> None:
    problem = Problem(
        403,
        "token_expired",
        title="The token is no longer valid.",
        detail="It ended 12 seconds ago.",
        type="https://headgate.example/problems/token",
        extensions={"retry_after": 3, "accepts": ("jwt", "cat")},
    )
    assert json.loads(problem.document()) == {
        "type": "https://headgate.example/problems/token",
        "title": "The token is no longer valid.",
        "status": 403,
        "detail": "It ended 12 seconds ago.",
        "reason": "token_expired",
        "retry_after": 3,
        "accepts": ["jwt", "cat"],
    }


def test_the_least_problem() -> None:
    assert json.loads(Problem(404, "not_found").document()) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "reason": "not_found",
    }


@pytest.mark.parametrize("name", ["type", "title", "status", "detail", "instance", "reason"])
def test_extensions_take_no_defined_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Problem(400, "bad", extensions={name: "x"})


def test_no_cache_keeps_a_problem_by_default() -> None:
    problem = Problem(503, "store_unavailable")
    reply = problem_reply(problem, ("Retry-After", "1"))
    assert reply.status == 503
    assert reply.headers == (
        ("Content-Type", "application/problem+json"),
        ("Cache-Control", "no-store"),
        ("Retry-After", "1"),
    )
    assert reply.body == Bytes(problem.document())


def test_a_policy_of_its_own_replaces_the_default() -> None:
    reply = problem_reply(Problem(404, "not_found"), ("cache-control", "max-age=1"))
    assert reply.headers == (("Content-Type", "application/problem+json"), ("cache-control", "max-age=1"))
