"""Have we got it already?

Values that do not differ between viewers, kept in this process's memory and in a tier that processes share.
Time, loads and recorders are arguments; nothing here knows what is cached, and Redis is known to `redis_client`
alone.
"""

from cache.entry import Codec, Entry, Lifetime
from cache.errors import BadRedisUrl, CacheClosed, CacheError, SecondTierUnavailable
from cache.key import CacheKey
from cache.l1_memory import MemoryTier
from cache.l2 import SecondTier
from cache.outcome import Outcome, Recorder
from cache.tiers import Cache, Hit, Load, Loaded, Policy

__all__ = [
    "BadRedisUrl",
    "Cache",
    "CacheClosed",
    "CacheError",
    "CacheKey",
    "Codec",
    "Entry",
    "Hit",
    "Lifetime",
    "Load",
    "Loaded",
    "MemoryTier",
    "Outcome",
    "Policy",
    "Recorder",
    "SecondTier",
    "SecondTierUnavailable",
]
