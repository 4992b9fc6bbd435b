"""aiohttp's own file server: `web.FileResponse` behind one route, no token, access log on."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from aiohttp import web


def main() -> None:
    """`python file_response.py MEDIA PORT LOOP LOG`."""
    media, port, loop_name, log = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    logging.basicConfig(filename=log, level=logging.INFO)

    async def file(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(media / request.match_info["name"])

    app = web.Application()
    app.router.add_get("/{name}", file)
    loop = asyncio.new_event_loop()
    if loop_name == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=port, loop=loop, print=None)


if __name__ == "__main__":
    main()
