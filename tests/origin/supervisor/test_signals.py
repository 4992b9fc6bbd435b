from __future__ import annotations

import os
import select
import signal

from origin.supervisor.signals import Signals

PATIENCE = 10.0


def test_signals_wake_a_select_up_and_are_told_once() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with Signals((signal.SIGHUP, signal.SIGUSR1)) as signals:
        assert signals.take() == set()
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        assert select.select([signals.fileno()], [], [], PATIENCE)[0]
        taken = signals.take()
        while len(taken) < 2 and select.select([signals.fileno()], [], [], PATIENCE)[0]:
            taken |= signals.take()
        assert taken == {signal.SIGHUP, signal.SIGUSR1}
        assert signals.take() == set()
    assert signal.getsignal(signal.SIGHUP) is before
