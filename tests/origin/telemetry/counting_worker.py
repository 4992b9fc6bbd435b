"""A process that counts together with others: commands on standard input, answers on standard output.

Started as `python -m tests.origin.telemetry.counting_worker DIRECTORY SLOT`. Each line is a command; each answer is one
line.

    count N      count N requests; N
    rush         count requests for ever, and say how many there have been now and then
    total        requests of all workers, as a scrape shows them
    die REPLACE  read everything, and be killed in place of the call: Path.replace or Path.unlink
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from origin.media.kinds import Kind
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.shared_values import SharedValues


def _say(said: object) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


def _die(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _serve(directory: Path, slot: int) -> None:
    shared = SharedValues(directory, slot)
    metrics = Metrics(Vocabulary(mounts=("/vod",)), "0", shared)
    metrics.in_flight.inc()
    series = metrics.request("/vod", Kind.SEGMENT, 200)
    _say("ready")
    counted = 0
    while words := sys.stdin.readline().split():
        match words:
            case ["count", number]:
                for _ in range(int(number)):
                    series.record(0.002, 10)
                _say(number)
            case ["rush"]:
                while True:
                    series.record(0.002, 10)
                    counted += 1
                    if counted % 1000 == 0:
                        _say(counted)
            case ["total"]:
                labels = {"mount": "/vod", "kind": "segment", "code": "200"}
                _say(int(metrics.registry.get_sample_value("headgate_requests_total", labels) or 0))
            case ["die", call]:
                setattr(Path, call, _die)
                shared.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
