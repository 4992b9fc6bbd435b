"""What a worker remembers of leases, so that a session's requests do not each ask the store."""

from __future__ import annotations

from collections import OrderedDict

from origin.ledger.store import Stream

# How long an answer is taken for granted, in seconds: a lease that goes on, at most, and a refusal.
RENEW_EVERY = 5.0
REFUSED_FOR = 1.0
_MOST = 65_536

_Key = tuple[str, str, str]


class Leases:
    """Bounded; the least recently asked are forgotten first. Times are seconds of a clock that never goes back."""

    def __init__(self, most: int = _MOST) -> None:
        """`most` sessions are remembered."""
        self._most = most
        self._answers: OrderedDict[_Key, tuple[float, bool]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def known(self, stream: Stream, now: float) -> bool | None:
        """Whether the stream may go on, or None when the store has to be asked."""
        answer = self._answers.get(_key(stream))
        return answer[1] if answer is not None and now < answer[0] else None

    def put(self, stream: Stream, goes_on: bool, now: float) -> None:
        """Remember an answer. A lease is renewed long before it ends, so that a busy session never loses it."""
        valid = min(RENEW_EVERY, stream.lease_seconds / 3) if goes_on else REFUSED_FOR
        key = _key(stream)
        self._answers[key] = (now + valid, goes_on)
        self._answers.move_to_end(key)
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)


def _key(stream: Stream) -> _Key:
    return stream.mount, stream.subject, stream.session
