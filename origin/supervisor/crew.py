"""Who serves, who comes, who goes: everything a supervisor decides, without a clock, a process or a socket.

Theory of operation. A *member* is a worker process; its *slot* is the smallest number that no living member has. A
*place* is one of the workers that the plan asks for: when its member ends unbidden, another starts there, after a wait
that grows with the failures in a row.

A member is STARTING until it says that it is ready, then SERVING, then LEAVING, when it was told to. Who starts or
leaves has a time limit, after which it is killed.

A reload asks for a new plan, then starts a whole *generation* of new members beside the old ones. When the last of
them is ready, the old generation is told to retire. When any of them ends before, or no plan can be made, the new ones
are told to end, and the old generation, which never noticed, goes on. Who asks for a reload during a reload gets
another one after it.

Before everybody has been ready for the first time, a worker that ends takes all with it: what cannot start is told at
once, by its own exit code, and not tried for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count

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
from origin.supervisor.backoff import delay_seconds, failures_after
from origin.supervisor.plan import NoPlan, Plan

# How long reading the configuration, or starting, may take.
START_SECONDS = 60.0
# How much longer than its drain a worker may take to end, as a rule.
END_SECONDS = 5.0


class Phase(Enum):
    """What a member is doing."""

    STARTING = auto()
    SERVING = auto()
    LEAVING = auto()


@dataclass(slots=True)
class Member:
    """One worker process."""

    slot: int
    place: int
    generation: int
    since: float  # when its phase began
    limit: float | None  # when it is killed
    phase: Phase = Phase.STARTING


@dataclass(slots=True)
class Place:
    """One of the workers that there should be."""

    failures: int = 0
    due: float | None = None  # when another worker starts here


@dataclass(slots=True)
class Generation:
    """Members that were started from one plan, and those that took the place of any who died."""

    number: int
    plan: Plan
    places: list[Place] = field(default_factory=list)


class Crew:
    """The members of one supervisor. Every method takes the time in seconds and gives what is to be done, in order."""

    def __init__(self, plan: Plan, end_seconds: float = END_SECONDS) -> None:
        """Nobody starts before `begin`. A worker may take `end_seconds` longer than its drain to end."""
        self._end_seconds = end_seconds
        self._members: dict[int, Member] = {}
        self._numbers = count()
        self._current = Generation(next(self._numbers), plan)
        self._coming: Generation | None = None  # during a reload
        self._plan_limit: float | None = None  # while a plan is awaited
        self._reload_again = False
        self._has_served = False
        self._is_stopping = False
        self._code = 0

    def begin(self, now: float) -> list[Action]:
        """The first generation."""
        return list(self._populate(self._current, now))

    def is_ready(self, slot: int, now: float) -> list[Action]:
        """A worker says that it answers requests."""
        member = self._members.get(slot)
        if member is None or member.phase is not Phase.STARTING:
            return []
        member.phase, member.since, member.limit = Phase.SERVING, now, None
        generation = self._coming if self._coming and member.generation == self._coming.number else self._current
        if not self._is_complete(generation):
            return []
        if generation is self._coming:
            return list(self._take_over(generation, now))
        if not self._has_served:
            self._has_served = True
            return [Serving(len(generation.places), is_first=True), *self._continue(now)]
        return []

    def has_ended(self, slot: int, code: int, now: float) -> list[Action]:
        """A worker is gone; `code` is its exit code, or the negative number of the signal that ended it."""
        member = self._members.pop(slot, None)
        if member is None:
            return []
        if member.phase is Phase.LEAVING:
            return self._exit_if_alone()
        if self._coming is not None and member.generation == self._coming.number:
            return list(self._give_up_reload(f"new worker {slot} {_ended(code)} before it was ready", now))
        if not self._has_served:
            self._code = code if code > 0 else 1
            return [Say("error", f"worker {slot} {_ended(code)} before it was ready"), *self.stop(now)]
        return list(self._replace(member, code, now))

    def reload(self, now: float) -> list[Action]:
        """Somebody wants the code and the configuration of now."""
        if self._is_stopping:
            return []
        if not self._has_served or self._coming is not None or self._plan_limit is not None:
            self._reload_again = True
            return []
        self._reload_again = False
        self._plan_limit = now + START_SECONDS
        return [Say("info", "reloading"), Reloading(), AskForPlan()]

    def has_plan(self, plan: Plan | NoPlan, now: float) -> list[Action]:
        """The configuration was read anew."""
        if self._plan_limit is None:
            return []
        self._plan_limit = None
        if isinstance(plan, NoPlan):
            return list(self._give_up_reload("; ".join(plan.problems), now))
        self._coming = Generation(next(self._numbers), plan)
        return list(self._populate(self._coming, now))

    def stop(self, now: float) -> list[Action]:
        """Everybody ends; asked again, without finishing what they are at."""
        if self._is_stopping:
            return [Terminate(slot) for slot in self._members]
        self._is_stopping = True
        self._current.places.clear()
        actions: list[Action] = [Say("info", "draining"), Stopping()]
        if self._plan_limit is not None:
            self._plan_limit = None
            actions.append(ForgetPlan())
        self._coming = None
        actions.extend(self._dismiss(list(self._members.values()), now))
        return [*actions, *self._exit_if_alone()]

    def tick(self, now: float) -> list[Action]:
        """Whatever is due."""
        actions: list[Action] = []
        for member in self._members.values():
            if member.limit is not None and member.limit <= now:
                member.limit = None
                late = "was not ready" if member.phase is Phase.STARTING else "did not end"
                actions += [Say("error", f"worker {member.slot} {late} in time and is killed"), Kill(member.slot)]
        for number, place in enumerate(self._current.places):
            if place.due is not None and place.due <= now:
                actions.append(self._start(self._current, number, now))
        if self._plan_limit is not None and self._plan_limit <= now:
            self._plan_limit = None
            actions += [ForgetPlan(), *self._give_up_reload("reading the configuration takes too long", now)]
        return actions

    def wakes_at(self) -> float | None:
        """When `tick` has something to do; None while everything goes well."""
        times = [member.limit for member in self._members.values()]
        times += [place.due for place in self._current.places]
        return min((time for time in (*times, self._plan_limit) if time is not None), default=None)

    def _populate(self, generation: Generation, now: float) -> Iterator[Action]:
        generation.places[:] = [Place() for _ in range(generation.plan.workers)]
        for number in range(generation.plan.workers):
            yield self._start(generation, number, now)

    def _start(self, generation: Generation, place: int, now: float) -> Action:
        slot = next(number for number in range(len(self._members) + 1) if number not in self._members)
        self._members[slot] = Member(slot, place, generation.number, now, now + START_SECONDS)
        generation.places[place].due = None
        return Start(slot)

    def _is_complete(self, generation: Generation) -> bool:
        serving = [
            member
            for member in self._members.values()
            if member.generation == generation.number and member.phase is Phase.SERVING
        ]
        return len(serving) == len(generation.places)

    def _take_over(self, coming: Generation, now: float) -> Iterator[Action]:
        old = [member for member in self._members.values() if member.generation != coming.number]
        yield Say("info", f"reloaded: {len(coming.places)} new workers serve, the old ones drain")
        drain_seconds, self._current, self._coming = self._current.plan.drain_seconds, coming, None
        for member in old:
            if member.phase is not Phase.LEAVING:
                member.phase, member.since, member.limit = Phase.LEAVING, now, now + drain_seconds + self._end_seconds
                yield Retire(member.slot)
        yield Serving(len(coming.places), is_first=False)
        yield from self._continue(now)

    def _give_up_reload(self, why: str, now: float) -> Iterator[Action]:
        yield Say("error", f"the reload is given up, the old workers go on: {why}")
        coming, self._coming = self._coming, None
        if coming is not None:
            new = [member for member in self._members.values() if member.generation == coming.number]
            yield from self._dismiss(new, now)
        yield Serving(len(self._current.places), is_first=False)
        yield from self._continue(now)

    def _continue(self, now: float) -> Iterator[Action]:
        if self._reload_again:
            yield from self.reload(now)

    def _replace(self, member: Member, code: int, now: float) -> Iterator[Action]:
        place = self._current.places[member.place]
        served = now - member.since if member.phase is Phase.SERVING else 0.0
        place.failures = failures_after(place.failures, served)
        wait = delay_seconds(place.failures)
        when = f"in {wait:g} s" if wait else "now"
        yield Say("error", f"worker {member.slot} {_ended(code)} unbidden; another starts {when}")
        place.due = now + wait
        if not wait:
            yield self._start(self._current, member.place, now)

    def _dismiss(self, members: list[Member], now: float) -> Iterator[Action]:
        limit = now + self._current.plan.drain_seconds + self._end_seconds
        for member in members:
            if member.phase is not Phase.LEAVING:
                member.phase, member.since, member.limit = Phase.LEAVING, now, limit
                yield Terminate(member.slot)

    def _exit_if_alone(self) -> list[Action]:
        return [Exit(self._code)] if self._is_stopping and not self._members else []


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
