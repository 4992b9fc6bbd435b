"""What a mount allows its tokens beyond what they say themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A mount's limits, and what is done where the store cannot say whether they are kept."""

    max_streams: int = 0  # of one subject at once; 0: any number
    evicts: bool = False  # a new stream ends the oldest one instead of being refused
    lease_seconds: float = 30.0
    one_time_unchecked: bool = False  # let one-time tokens in, perhaps again, while the store is away
    streams_unchecked: bool = True  # let streams go on, perhaps too many, while the store is away
