"""aiohttp's own file server: `web.FileResponse` behind one route, no token, access log on."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
from pathlib import Path

from aiohttp import web


def main() -> None:
    """Serve a folder until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("site", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("loop", choices=("asyncio", "uvloop"))
    parser.add_argument("log", type=Path)
    parser.add_argument("--tls", type=Path, nargs=2, metavar=("CERTIFICATE", "KEY"))
    arguments = parser.parse_args()
    logging.basicConfig(filename=arguments.log, level=logging.INFO)

    async def file(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(arguments.site / request.match_info["path"])

    app = web.Application()
    app.router.add_get("/{path:[a-z0-9/.]+}", file)
    loop = asyncio.new_event_loop()
    if arguments.loop == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    context = None
    if arguments.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*arguments.tls)
    web.run_app(app, host="127.0.0.1", port=arguments.port, loop=loop, print=None, backlog=4096, ssl_context=context)


if __name__ == "__main__":
    main()
