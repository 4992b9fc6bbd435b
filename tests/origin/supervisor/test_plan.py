from __future__ import annotations

import pytest

from origin.server.listeners import Place
from origin.supervisor.plan import NoPlan, Plan, read_plan, write_plan, write_problems

PLAN = Plan(2, 10.0, Place("::", 8080), Place("127.0.0.1", 0), ("/vod", "/live"), "info", "json")


def test_a_plan_arrives_as_it_was_sent() -> None:
    assert read_plan(write_plan(PLAN)) == PLAN


def test_so_do_problems() -> None:
    assert read_plan(write_problems(["mount: is missing", "public.port: is taken"])) == NoPlan(
        ("mount: is missing", "public.port: is taken")
    )


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "1", '{"plan": {}}', write_plan(PLAN)[:-2], write_plan(PLAN).replace("2,", '"2",', 1)],
)
def test_anything_else_is_no_plan(text: str) -> None:
    with pytest.raises(ValueError, match="not a plan"):
        read_plan(text)
