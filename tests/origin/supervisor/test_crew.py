from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from origin.server.listeners import Place
from origin.supervisor.actions import (
    Action,
    AskForPlan,
    Exit,
    ForgetPlan,
    Kill,
    Reloading,
    Retire,
    Say,
    Serving,
    Start,
    Stopping,
    Terminate,
)
from origin.supervisor.backoff import HEALTHY_SECONDS
from origin.supervisor.crew import END_SECONDS, START_SECONDS, Crew
from origin.supervisor.plan import NoPlan, Plan

PLAN = Plan(2, 10.0, Place("127.0.0.1", 0), Place("127.0.0.1", 0), ("/vod",), "info", "json")
KILLED = -signal.SIGKILL


def deeds(actions: list[Action]) -> list[Action]:
    """The actions without the words."""
    return [action for action in actions if not isinstance(action, Say)]


def words(actions: list[Action]) -> list[str]:
    return [action.text for action in actions if isinstance(action, Say)]


def serving(plan: Plan = PLAN) -> Crew:
    """A crew whose first generation serves since 0."""
    crew = Crew(plan)
    crew.begin(0)
    for slot in range(plan.workers):
        crew.is_ready(slot, 0)
    return crew


def reloaded(crew: Crew, now: float, *slots: int) -> list[Action]:
    """A reload in which the new workers are in `slots`."""
    crew.reload(now)
    assert deeds(crew.has_plan(PLAN, now)) == [Start(slot) for slot in slots]
    return [action for slot in slots for action in crew.is_ready(slot, now)]


def test_it_serves_when_the_last_one_is_ready() -> None:
    crew = Crew(PLAN)
    assert crew.begin(0) == [Start(0), Start(1)]
    assert crew.is_ready(1, 1) == []
    assert crew.is_ready(1, 1) == []
    assert crew.is_ready(0, 2) == [Serving(2, is_first=True)]
    assert crew.wakes_at() is None


def test_who_dies_is_replaced_in_its_own_slot() -> None:
    crew = serving()
    told = crew.has_ended(1, KILLED, 5)
    assert deeds(told) == [Start(1)]
    assert words(told) == ["worker 1 was ended by signal 9 unbidden; another starts now"]
    assert crew.is_ready(1, 6) == []
    assert crew.wakes_at() is None


def test_who_dies_again_and_again_is_replaced_ever_later() -> None:
    crew, now, waits = serving(), 0.0, []
    for _ in range(6):
        died_at = now
        if not deeds(crew.has_ended(1, 70, now)):
            due = crew.wakes_at()
            assert due is not None
            assert crew.tick(due - 0.01) == []
            assert crew.tick(due) == [Start(1)]
            now = due
        waits.append(now - died_at)
    assert waits == [0, 0.5, 1, 2, 4, 8]
    crew.is_ready(1, now)
    assert deeds(crew.has_ended(1, KILLED, now + HEALTHY_SECONDS)) == [Start(1)]


def test_places_fail_for_themselves() -> None:
    crew = serving()
    crew.has_ended(1, KILLED, 0)
    crew.has_ended(1, KILLED, 0)
    assert deeds(crew.has_ended(0, KILLED, 0)) == [Start(0)]
    assert crew.tick(0.5) == [Start(1)]


def test_what_cannot_start_is_told_at_once_with_its_own_code() -> None:
    crew = Crew(PLAN)
    crew.begin(0)
    told = crew.has_ended(0, 3, 1)
    assert deeds(told) == [Stopping(), Terminate(1)]
    assert words(told)[0] == "worker 0 ended with code 3 before it was ready"
    assert deeds(crew.has_ended(1, 0, 1)) == [Exit(3)]


def test_one_that_is_killed_at_the_start_is_no_success() -> None:
    crew = Crew(replace(PLAN, workers=1))
    crew.begin(0)
    assert deeds(crew.has_ended(0, KILLED, 1)) == [Stopping(), Exit(1)]


def test_one_that_is_never_ready_is_killed() -> None:
    crew = Crew(PLAN)
    crew.begin(0)
    crew.is_ready(0, 1)
    assert crew.wakes_at() == START_SECONDS
    assert deeds(crew.tick(START_SECONDS)) == [Kill(1)]
    assert crew.wakes_at() is None


def test_a_reload_lets_the_old_go_when_all_the_new_are_ready() -> None:
    crew = serving()
    assert deeds(crew.reload(10)) == [Reloading(), AskForPlan()]
    assert crew.has_plan(replace(PLAN, workers=3), 11) == [Start(2), Start(3), Start(4)]
    assert crew.is_ready(2, 12) == []
    assert crew.is_ready(4, 12) == []
    assert deeds(crew.is_ready(3, 13)) == [Retire(0), Retire(1), Serving(3, is_first=False)]
    assert crew.wakes_at() == 13 + PLAN.drain_seconds + END_SECONDS
    assert crew.has_ended(0, 0, 14) == []
    assert deeds(crew.tick(13 + PLAN.drain_seconds + END_SECONDS)) == [Kill(1)]
    assert crew.has_ended(1, KILLED, 30) == []
    assert crew.wakes_at() is None
    assert deeds(crew.has_ended(3, KILLED, 40)) == [Start(0)]


def test_slots_are_used_again_but_never_by_two() -> None:
    crew = serving()
    reloaded(crew, 1, 2, 3)
    reloaded(crew, 2, 4, 5)  # the first are not gone yet
    for slot in range(4):
        assert crew.has_ended(slot, 0, 3) == []
    reloaded(crew, 4, 0, 1)


@pytest.mark.parametrize("problems", [("mount: is missing",), ("a: is wrong", "b: is wrong")])
def test_a_bad_configuration_changes_nothing(problems: tuple[str, ...]) -> None:
    crew = serving()
    crew.reload(1)
    told = crew.has_plan(NoPlan(problems), 2)
    assert deeds(told) == [Serving(2, is_first=False)]
    assert words(told) == [f"the reload is given up, the old workers go on: {'; '.join(problems)}"]
    assert crew.wakes_at() is None
    assert deeds(crew.reload(3)) == [Reloading(), AskForPlan()]


def test_new_workers_that_fail_leave_the_old_ones_serving() -> None:
    crew = serving()
    crew.reload(1)
    crew.has_plan(PLAN, 1)
    crew.is_ready(2, 2)
    told = crew.has_ended(3, 2, 3)
    assert deeds(told) == [Terminate(2), Serving(2, is_first=False)]
    assert "the old workers go on: new worker 3 ended with code 2" in words(told)[0]
    assert crew.has_ended(2, 0, 4) == []
    assert crew.wakes_at() is None
    assert deeds(crew.has_ended(0, KILLED, 5)) == [Start(0)]


def test_a_second_failed_reload_is_no_other() -> None:
    crew = serving()
    for slots in ((2, 3), (2, 4)):  # the others have not ended yet
        crew.reload(1)
        crew.has_plan(PLAN, 1)
        assert deeds(crew.has_ended(slots[0], 2, 3))[0] == Terminate(slots[1])
    assert Retire(0) in reloaded(crew, 6, 2, 5)


def test_reading_the_configuration_takes_too_long() -> None:
    crew = serving()
    crew.reload(1)
    assert crew.wakes_at() == 1 + START_SECONDS
    assert deeds(crew.tick(1 + START_SECONDS)) == [ForgetPlan(), Serving(2, is_first=False)]
    assert crew.has_plan(PLAN, 100) == []


def test_new_workers_that_are_never_ready_are_given_up() -> None:
    crew = serving()
    crew.reload(1)
    crew.has_plan(PLAN, 1)
    crew.is_ready(2, 2)
    assert deeds(crew.tick(1 + START_SECONDS)) == [Kill(3)]
    assert deeds(crew.has_ended(3, KILLED, 70)) == [Terminate(2), Serving(2, is_first=False)]


@pytest.mark.parametrize("is_planned", [True, False])
def test_a_reload_during_a_reload_comes_after_it(is_planned: bool) -> None:
    crew = serving()
    crew.reload(1)
    if is_planned:
        crew.has_plan(PLAN, 1)
    assert crew.reload(2) == []
    assert crew.reload(2) == []
    if not is_planned:
        crew.has_plan(PLAN, 2)
    crew.is_ready(2, 3)
    done = deeds(crew.is_ready(3, 3))
    assert done == [Retire(0), Retire(1), Serving(2, is_first=False), Reloading(), AskForPlan()]
    assert deeds(crew.has_plan(NoPlan(("no",)), 4)) == [Serving(2, is_first=False)]


def test_a_reload_during_the_start_comes_after_it() -> None:
    crew = Crew(replace(PLAN, workers=1))
    crew.begin(0)
    assert crew.reload(1) == []
    assert deeds(crew.is_ready(0, 2)) == [Serving(1, is_first=True), Reloading(), AskForPlan()]


def test_an_old_one_that_dies_during_a_reload_is_replaced_until_the_new_take_over() -> None:
    crew = serving()
    crew.reload(1)
    crew.has_plan(PLAN, 1)
    assert deeds(crew.has_ended(0, KILLED, 2)) == [Start(0)]
    assert deeds(crew.has_ended(0, KILLED, 2)) == []  # in half a second
    crew.is_ready(2, 2.1)
    assert deeds(crew.is_ready(3, 2.1)) == [Retire(1), Serving(2, is_first=False)]
    assert crew.tick(3) == []


def test_the_end_waits_for_all_and_kills_who_overstays() -> None:
    crew = serving()
    assert deeds(crew.stop(5)) == [Stopping(), Terminate(0), Terminate(1)]
    assert crew.wakes_at() == 5 + PLAN.drain_seconds + END_SECONDS
    assert crew.has_ended(0, 0, 6) == []
    assert deeds(crew.tick(5 + PLAN.drain_seconds + END_SECONDS)) == [Kill(1)]
    assert crew.has_ended(1, KILLED, 20) == [Exit(0)]


def test_who_asks_twice_for_the_end_is_in_a_hurry() -> None:
    crew = serving()
    crew.stop(5)
    assert crew.stop(6) == [Terminate(0), Terminate(1)]
    assert crew.reload(7) == []


def test_the_end_forgets_a_reload_and_a_restart() -> None:
    crew = serving()
    crew.has_ended(0, KILLED, 1)
    crew.has_ended(0, KILLED, 1)
    crew.reload(1)
    assert deeds(crew.stop(1)) == [Stopping(), ForgetPlan(), Terminate(1)]
    assert crew.has_plan(PLAN, 2) == []
    assert crew.tick(2) == []
    assert crew.has_ended(1, 0, 3) == [Exit(0)]


def test_the_end_in_the_middle_of_a_reload_is_everybodys() -> None:
    crew = serving()
    crew.reload(1)
    crew.has_plan(PLAN, 1)
    assert deeds(crew.stop(2)) == [Stopping(), *(Terminate(slot) for slot in range(4))]
    assert crew.is_ready(2, 3) == []
    assert [crew.has_ended(slot, 0, 3) for slot in range(4)] == [[], [], [], [Exit(0)]]
    assert crew.has_ended(9, 0, 3) == []
