"""Questions to a Redis that is left alone after it failed several times in a row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cache.breaker import Admission, Breaker
from cache.outcome import Result
from cache.redis_link import RedisLink, Script, Word

_TROUBLE = (Result.TIMED_OUT, Result.FAILED, Result.DENIED)


class Guard:
    """A link behind a breaker. The question that comes first after a rest finds out whether Redis is back."""

    def __init__(
        self, link: RedisLink, clock: Callable[[], float], jitter: Callable[[], float], breaker: Breaker | None = None
    ) -> None:
        """`clock` never goes back; `jitter` gives chance in [0, 1)."""
        self._link = link
        self._clock = clock
        self._jitter = jitter
        self._breaker = breaker or Breaker(failures=3)

    async def ask(self, *words: Word) -> tuple[Result, object]:
        """As `RedisLink.ask`; FAILED at once while Redis is left alone."""
        return await self._admitted(lambda: self._link.ask(*words))

    async def run(self, script: Script, keys: Sequence[str], *words: Word) -> tuple[Result, object]:
        """As `RedisLink.run`; FAILED at once while Redis is left alone."""
        return await self._admitted(lambda: self._link.run(script, keys, *words))

    async def _admitted(self, question: Callable[[], Awaitable[tuple[Result, object]]]) -> tuple[Result, object]:
        admission = self._breaker.admit(self._clock())
        if admission is Admission.NOTHING:
            return Result.FAILED, None
        result = Result.FAILED  # so that a question that is cancelled settles what it was admitted for
        is_over = False
        try:
            result, answer = await question()
            is_over = True
        finally:
            if is_over or admission is Admission.PROBE:
                self._settle(admission, result)
        return result, answer

    def _settle(self, admission: Admission, result: Result) -> None:
        if result in _TROUBLE:
            self._breaker.failed(admission, self._clock(), self._jitter())
        else:
            self._breaker.succeeded(admission)
