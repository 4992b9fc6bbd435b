"""A key ring in Redis: one value, a private JWK Set, that all machines of a deployment read."""

from __future__ import annotations

from auth.errors import Misuse
from auth.jwk import ring_from_jwks
from auth.keys import KeyRing
from cache.errors import BadRedisUrl
from cache.outcome import Result
from cache.redis_link import RedisLink
from cache.redis_url import RedisTls
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.source import Pace

MAX_BYTES = 1024 * 1024
TIME_LIMIT = 2.0


class RedisSource:
    """The value of a key in Redis, read strictly and whole. Whoever can write there can sign."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        every: float = 10.0,
        on_miss: float = 2.0,
        time_limit: float = TIME_LIMIT,
        tls: RedisTls | None = None,
    ) -> None:
        """`url` and `tls` as for the cache. Raises `KeystoreError` when they make no sense."""
        self.pace = Pace(every, on_miss, is_fatal=False)
        self._key = key
        try:
            self._link = RedisLink(url, connections=1, budget_seconds=time_limit, tls=tls)
        except BadRedisUrl as error:
            raise self._error(Fault.INVALID, str(error)) from None
        self._data: bytes | None = None

    def __repr__(self) -> str:
        return f"RedisSource({self._key})"

    async def read(self) -> KeyRing | None:
        """See `Source`."""
        data = await self._fetch()
        if data == self._data:
            return None
        if not data:
            raise self._error(Fault.MISSING, "is not in Redis")
        if len(data) > MAX_BYTES:
            raise self._error(Fault.TOO_LARGE, f"is larger than {MAX_BYTES} bytes")
        try:
            ring = ring_from_jwks(data)
        except Misuse as error:
            raise self._error(Fault.INVALID, str(error)) from None
        self._data = data
        return ring

    async def close(self) -> None:
        """See `Source`."""
        await self._link.close()

    async def _fetch(self) -> bytes:
        # GETRANGE, because GET would fetch the whole of whatever somebody else put there.
        result, data = await self._link.ask("GETRANGE", self._key, 0, MAX_BYTES)
        if result is not Result.DONE:
            raise self._error(Fault.AWAY, f"Redis cannot be asked ({result.value})")
        return data if isinstance(data, bytes) else b""

    def _error(self, fault: Fault, detail: str) -> KeystoreError:
        return KeystoreError(fault, self._key, detail)
