"""The shell around a crew: children, sockets, signals, the clock, the service manager."""

from __future__ import annotations

import contextlib
import logging
import selectors
import signal
import time
from collections.abc import Callable
from typing import assert_never

from origin.server.listeners import announce, place_of
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
from origin.supervisor.child import Child, Nursery
from origin.supervisor.crew import END_SECONDS, Crew
from origin.supervisor.handover import READY
from origin.supervisor.plan import NoPlan, Plan, read_plan
from origin.supervisor.signals import Signals
from origin.systemd.notify import Notifier

_log = logging.getLogger(__name__)

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SPAWN_FAILED = 71  # as if the worker had said so itself: EX_OSERR of sysexits(3)


class Supervisor:
    """Runs a crew until it exits. One thread, which never waits for anything but its selector."""

    def __init__(
        self,
        plan: Plan,
        nursery: Nursery,
        notifier: Notifier,
        *,
        watchdog_seconds: float | None = None,
        on_death: Callable[[int], None] = lambda _pid: None,
        end_seconds: float = END_SECONDS,
    ) -> None:
        """`on_death` is told the process id of each worker that has ended, however it ended.

        A worker that takes `end_seconds` longer than its drain is killed.
        """
        self._plan = plan
        self._crew = Crew(plan, end_seconds)
        self._nursery = nursery
        self._notifier = notifier
        self._watchdog_seconds = watchdog_seconds
        self._on_death = on_death
        self._workers: dict[int, Child] = {}
        self._planner: Child | None = None
        self._selector = selectors.DefaultSelector()
        self._code: int | None = None
        self._lost: list[int] = []  # slots whose worker could not be started

    def run(self) -> int:
        """Supervise until everybody has ended; the exit code."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        with self._selector, Signals(numbers) as signals:
            self._selector.register(signals.fileno(), selectors.EVENT_READ, lambda: self._obey(signals.take()))
            self._do(self._crew.begin(_now()))
            while self._code is None:
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                self._do(self._crew.tick(_now()))
                self._bury_the_unborn()
                if self._watchdog_seconds is not None:
                    self._notifier.alive()
        return self._code

    def _patience(self) -> float | None:
        """Seconds until something is due."""
        if self._lost:
            return 0.0
        wakes_at = self._crew.wakes_at()
        until = None if wakes_at is None else max(0.0, wakes_at - _now())
        return min((each for each in (until, self._watchdog_seconds) if each is not None), default=None)

    def _obey(self, numbers: set[int]) -> None:
        if signal.SIGCHLD in numbers:
            self._reap()
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            self._do(self._crew.stop(_now()))
        elif signal.SIGHUP in numbers:
            self._do(self._crew.reload(_now()))

    def _reap(self) -> None:
        """See who has ended; signals do not say how many did."""
        for slot, child in list(self._workers.items()):
            code = child.process.poll()
            if code is not None:
                del self._workers[slot]
                self._part_from(child)
                self._on_death(child.process.pid)
                self._do(self._crew.has_ended(slot, code, _now()))
        planner = self._planner
        if planner is not None and planner.process.poll() is not None:
            self._planner = None
            self._part_from(planner)
            plan = _plan_of(planner)
            if isinstance(plan, Plan):
                self._adopt(plan)
            self._do(self._crew.has_plan(plan, _now()))

    def _bury_the_unborn(self) -> None:
        lost, self._lost = self._lost, []
        for slot in lost:
            self._do(self._crew.has_ended(slot, _SPAWN_FAILED, _now()))

    def _part_from(self, child: Child) -> None:
        self._listen_no_more(child)
        child.close()

    def _listen_no_more(self, child: Child) -> None:
        with contextlib.suppress(KeyError, ValueError):  # it was gone from there at its last word
            self._selector.unregister(child.control)

    def _hear(self, slot: int, child: Child) -> None:
        if self._workers.get(slot) is not child:  # parted from in this very turn; the slot may be another's
            return
        if not child.hear():
            self._listen_no_more(child)
        if READY in child.heard:
            child.heard.clear()
            self._do(self._crew.is_ready(slot, _now()))

    def _hear_planner(self, child: Child) -> None:
        if not child.hear():
            self._listen_no_more(child)

    def _adopt(self, plan: Plan) -> None:
        if (plan.public, plan.admin) != (self._plan.public, self._plan.admin):
            _log.warning("listeners are where they were: another host or port takes a restart")
        self._plan = plan

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case Start(slot=slot):
                self._start(slot)
            case Retire() | Terminate() | Kill():
                self._order(action)
            case AskForPlan() | ForgetPlan():
                (self._plan_anew if isinstance(action, AskForPlan) else self._forget_planner)()
            case Say(level=level, text=text):
                _log.log(_LEVELS[level], "%s", text)
            case Serving(workers=workers, is_first=is_first):
                self._announce(workers, is_first=is_first)
            case Reloading():
                self._notifier.reloading()
            case Stopping():
                self._stop_listening()
            case Exit(code=code):
                self._code = code
            case _:
                assert_never(action)

    def _start(self, slot: int) -> None:
        try:
            child = self._nursery.worker(slot)
        except OSError as error:
            _log.error("worker %d could not be started: %s", slot, error.strerror)  # the sentence is enough
            self._lost.append(slot)
            return
        self._workers[slot] = child
        self._selector.register(child.control, selectors.EVENT_READ, lambda: self._hear(slot, child))

    def _order(self, action: Retire | Terminate | Kill) -> None:
        child = self._workers.get(action.slot)
        if child is None:  # it was never born, and is buried soon
            return
        match action:
            case Retire():
                child.retire()
            case Terminate():
                child.process.terminate()
            case Kill():
                child.process.kill()
            case _:
                assert_never(action)

    def _stop_listening(self) -> None:
        """The port is closed when the last worker has closed it, too."""
        self._notifier.stopping()
        for listener in (*self._nursery.public, *self._nursery.admin):
            listener.close()

    def _plan_anew(self) -> None:
        try:
            child = self._planner = self._nursery.planner()
        except OSError as error:
            self._do(self._crew.has_plan(NoPlan((f"no process could be started: {error.strerror}",)), _now()))
            return
        self._selector.register(child.control, selectors.EVENT_READ, lambda: self._hear_planner(child))

    def _forget_planner(self) -> None:
        planner, self._planner = self._planner, None
        if planner is not None:
            planner.process.kill()
            planner.process.wait()
            self._part_from(planner)

    def _announce(self, workers: int, *, is_first: bool) -> None:
        if is_first:
            announce(self._plan.prefixes, place_of(self._nursery.public), place_of(self._nursery.admin))
        self._notifier.ready(f"Serving with {workers} worker{'' if workers == 1 else 's'}")


def _plan_of(planner: Child) -> Plan | NoPlan:
    try:
        return read_plan(planner.heard.decode())
    except ValueError:
        return NoPlan((f"the configuration could not be read (exit code {planner.process.returncode})",))


def _now() -> float:
    return time.monotonic()
