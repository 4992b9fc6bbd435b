"""The upstream that every cache pulls from: fixed bodies with validators and ranges, and slow ones for crowds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from benchmarks.running import free_port

_MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"
_LASTING = "public, max-age=86400"
FIRST_BYTE_SECONDS = 0.3  # of what lies below /slow
_CHUNK = 64 * 1024
_CHUNK_SECONDS = 0.005  # between two chunks there: about 13 MB/s


class Upstream:
    """Answers as any file server would, but for /slow, and counts."""

    def __init__(self, media: Path) -> None:
        """Serves the files in `media`."""
        self._media = media
        self._counts: Counter[str] = Counter()

    async def file(self, request: web.Request) -> web.StreamResponse:
        """/NAME: the file, at once."""
        path = self._media / request.match_info["name"]
        self._counts[request.path] += 1
        response = web.FileResponse(path, headers={"Cache-Control": _LASTING})
        response.content_type = "video/iso.segment"
        return response

    async def slow(self, request: web.Request) -> web.StreamResponse:
        """/slow/ANYTHING/NAME: the file, or the range of it, late and in a trickle."""
        self._counts[request.path] += 1
        body = (self._media / request.match_info["name"]).read_bytes()
        asked = request.http_range
        start, stop = asked.start or 0, min(asked.stop or len(body), len(body))
        await asyncio.sleep(FIRST_BYTE_SECONDS)
        headers = {"Cache-Control": _LASTING, "ETag": f'"{len(body)}"', "Last-Modified": _MODIFIED}
        headers |= {"Accept-Ranges": "bytes", "Content-Length": str(stop - start), "Content-Type": "video/iso.segment"}
        is_part = "Range" in request.headers
        if is_part:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if is_part else 200, headers=headers)
        await response.prepare(request)
        for at in range(start, stop, _CHUNK):
            await response.write(body[at : min(at + _CHUNK, stop)])
            await asyncio.sleep(_CHUNK_SECONDS)
        await response.write_eof()
        return response

    async def count(self, request: web.Request) -> web.StreamResponse:
        """/count?path=/slow/x/NAME: how often that was asked for."""
        return web.Response(text=str(self._counts[request.query["path"]]))


@contextmanager
def running_upstream(media: Path, *, cpu: int, log: Path) -> Iterator[int]:
    """The port of an upstream in a process of its own, stopped on leaving."""
    port = free_port()
    command = ["taskset", "-c", str(cpu), sys.executable, "-m", "benchmarks.shield.upstream", str(media), str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=Path(__file__).parents[2])
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def requests_for(port: int, path: str) -> int:
    """How often the upstream was asked for `path`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count?path={path}", timeout=10) as answer:
        return int(answer.read())


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests_for(port, "/")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the upstream did not start in 15 s")


def main() -> None:
    """`python -m benchmarks.shield.upstream MEDIA PORT`."""
    upstream = Upstream(Path(sys.argv[1]))
    app = web.Application()
    app.router.add_get("/count", upstream.count)
    app.router.add_get("/slow/{unique}/{name}", upstream.slow)
    app.router.add_get("/{name}", upstream.file)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None, backlog=1024)


if __name__ == "__main__":
    main()
