"""A holder in a process of its own: `python -m tests.cache.fleet.sender URL KEY BYTES`.

It takes the lease of KEY, says "ready", and passes on a body of which BYTES have come and the rest never will.
"""

from __future__ import annotations

import asyncio
import sys
import time

from cache.fleet.leases import kept
from cache.fleet.relay import Relay
from tests.cache.fleet.bodies import Growth
from tests.cache.fleet.nodes import node_at

HEAD = b"200 OK\0\xff"


async def main(url: str, key: str, size: int) -> None:
    """Until killed."""
    async with node_at(url, seconds=1, name=f"sender-{time.monotonic_ns()}") as node:
        lease = await node.leases.acquire(key)
        if lease is None:
            raise SystemExit("somebody else holds it")
        relay = Relay(node.guard, node.bus, "headgate", clock=time.monotonic)
        body = Growth(2 * size)
        body.add(b"x" * size)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async with kept(lease):
            await relay.share(key, lease.fence, HEAD, body)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
