"""An upstream on loopback that counts what it is asked, thinks before it answers, and sends bodies at a chosen pace.

It runs in a thread with a loop of its own, so that tests of any kind can use it:

    with Upstream() as upstream:
        upstream.put("/film/1.ts", body, think_seconds=0.5, body_seconds=1.0)
        ...  # a mount with storage = upstream.url
        assert upstream.count("/film/1.ts") == 1
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

_PIECES = 40  # of a body that takes its time
_PATIENCE = 10.0  # seconds for what the loop is told to do
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; the names of its fields are in lower case."""

    method: str
    path: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Thing:
    """What is answered at one path."""

    body: bytes
    fields: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    think_seconds: float = 0.0
    body_seconds: float = 0.0  # how long all of the body takes

    @property
    def etag(self) -> str:
        """Of this body."""
        return f'"{hashlib.blake2b(self.body, digest_size=8).hexdigest()}"'


class Upstream:
    """The server. What nobody has put is a 404."""

    def __init__(self) -> None:
        """It runs inside `with`."""
        self.port = 0
        self.asked: list[Asked] = []
        self.ended: list[float] = []  # when bodies had been sent whole, by `time.monotonic`
        self.fails_with = 0  # a status for everything; 0: none
        self.otherwise: Thing | None = None  # what is answered where nothing was put; None: 404
        self._things: dict[str, Thing] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def put(
        self,
        path: str,
        body: bytes,
        fields: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        think_seconds: float = 0.0,
        body_seconds: float = 0.0,
    ) -> None:
        """Answer `path` so from now on; it is fresh for an hour if `fields` do not say otherwise."""
        known = {"Cache-Control": "max-age=3600"} | dict(fields or {})
        self._things[path] = Thing(body, known, status, think_seconds, body_seconds)

    def remove(self, path: str) -> None:
        """It is a 404 now."""
        del self._things[path]

    def count(self, path: str) -> int:
        """How often it was asked for, with whatever method."""
        return sum(one.path == path for one in self.asked)

    def pulled(self, path: str) -> list[str]:
        """The ranges that were pulled of it; "" is all of it."""
        return [one.fields.get("range", "") for one in self.asked if one.path == path and one.method == "GET"]

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        self.asked.append(Asked(request.method, path, {name.lower(): value for name, value in request.headers.items()}))
        if self.fails_with:
            return web.Response(status=self.fails_with)
        thing = self._things.get(path, self.otherwise)
        if thing is None:
            return web.Response(status=404)
        await asyncio.sleep(thing.think_seconds)
        fields = {"ETag": thing.etag, **thing.fields}
        if request.headers.get("If-None-Match") == thing.etag:
            return web.Response(status=304, headers=fields)
        return await self._send(request, thing, fields)

    async def _send(self, request: web.Request, thing: Thing, fields: dict[str, str]) -> web.StreamResponse:
        body, status = thing.body, thing.status
        wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
        if wanted is not None and request.headers.get("If-Range", thing.etag) == thing.etag:
            start, stop = int(wanted[1]), min(int(wanted[2] or len(body)) + 1, len(body))
            fields["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
            body, status = body[start:stop], 206
        response = web.StreamResponse(status=status, headers={**fields, "Content-Length": str(len(body))})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        size = max(1, -(-len(thing.body) // _PIECES)) if thing.body_seconds else max(1, len(body))
        for at in range(0, len(body), size):
            await response.write(body[at : at + size])
            await asyncio.sleep(thing.body_seconds / _PIECES)
        await response.write_eof()
        self.ended.append(time.monotonic())
        return response
