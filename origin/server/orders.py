"""What ends the service, and how: a signal, or the word of whoever watches over this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator

_log = logging.getLogger(__name__)


class Orders:
    """Told once, the process drains; told again, it does not wait for what is still going on."""

    def __init__(self) -> None:
        """Nothing has been ordered."""
        self.end = asyncio.Event()
        self.hurry = asyncio.Event()
        self.is_replaced = False  # others take new connections meanwhile, and nobody outside need know

    def stop(self) -> None:
        """End; or end now, if that was said before."""
        (self.hurry if self.end.is_set() else self.end).set()

    def retire(self) -> None:
        """End, for another has taken over."""
        if not self.end.is_set():
            self.is_replaced = True
            self.end.set()


@contextlib.contextmanager
def obeying_signals(orders: Orders) -> Iterator[None]:
    """SIGTERM and SIGINT are orders to stop. For the running loop."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: orders.stop, signal.SIGINT: orders.stop, signal.SIGHUP: _nothing_to_reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _nothing_to_reload() -> None:
    _log.warning("SIGHUP changes nothing here: a reload is the work of a supervisor (server.workers)")
