"""Who is compared: how each server is started, as its own users would in production, and what it is asked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from benchmarks.load.fixtures import (
    SECURE_LINK_SECRET,
    Fixtures,
    Link,
    jwt_link,
    open_link,
    plain_link,
    secure_link,
    token_link,
)
from benchmarks.load.headgate import HERE, fill, has_lane, headgate_command, lacking
from benchmarks.load.loader import compile_c
from benchmarks.load.rows import Row, Site
from benchmarks.running import free_port

PEERS = Path(__file__).parent / "peers"
HEADGATE, LANE_OFF = "Headgate", "Headgate, lane off"
NGINX, NJS, VARNISH = "nginx secure_link", "nginx njs", "Varnish"
FILE_RESPONSE, FILE_RESPONSE_UVLOOP = "aiohttp FileResponse", "aiohttp FileResponse, uvloop"
STARLETTE, GRANIAN = "Starlette + uvicorn", "Starlette + granian"
SENDFILE, WRITE = "bare sendfile", "bare write"
PYTHONS = (FILE_RESPONSE, FILE_RESPONSE_UVLOOP, STARLETTE, GRANIAN)

JWT_SECRET = "the secret of a benchmark, long enough"
_MODULES = (Path(__file__).parents[2] / ".parts" / "root", Path("/"))  # below which nginx's modules may lie


@dataclass(frozen=True, slots=True)
class Start:
    """What a server is to be started with."""

    port: int
    behind: int  # the port of what runs behind it
    workdir: Path
    site: Site

    @property
    def workers(self) -> int:
        """How many processes do the work."""
        return 2 if self.site is Site.WORKERS else 1


Command = Callable[[Start], list[str]]


class Paced(Enum):
    """In which rounds latencies are taken, at 70 % of what the server can do."""

    ALWAYS = "in each"
    ONCE = "in the first"
    NEVER = "in none"


def _never(_: object) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Contender:
    """One server."""

    name: str
    command: Command
    signed: Link
    unsigned: Link
    lacks: Callable[[Site], str] = _never  # why it cannot be set up like this, or nothing
    skips: Callable[[Row], str] = _never  # why it takes no part in a row, or nothing
    behind: Command | None = None  # what has to run behind it, which is not measured
    paced: Paced = Paced.ALWAYS
    remembers: bool = False  # tokens that it has seen, so it is warmed by all of them
    rewrites: bool = False  # its playlists are to carry the viewer's token in every URI


def contenders(fixtures: Fixtures, besides: Sequence[Path] = ()) -> tuple[list[Contender], dict[str, str]]:
    """Everybody who can be had here, with the Headgates of other checkouts, and why others cannot."""
    found = [
        *_headgates(fixtures, besides),
        *_nginxes(fixtures),
        *_varnishes(fixtures),
        *_pythons(fixtures),
        *_bare(fixtures),
    ]
    here = {one.name for one in found}
    reasons = {
        LANE_OFF: "this Headgate has no fast lane",
        NGINX: "nginx is not installed",
        NJS: "nginx or its module for JavaScript is not installed",
        VARNISH: "varnishd, varnishncsa or nginx is not installed",
    }
    return found, {name: why for name, why in reasons.items() if name not in here}


def _headgates(fixtures: Fixtures, besides: Sequence[Path]) -> list[Contender]:
    link = token_link(fixtures.key)
    kinds: dict[str, tuple[dict[str, str], Path]] = {HEADGATE: ({}, HERE)}
    if has_lane():
        kinds[LANE_OFF] = ({"fast_lane": "false"}, HERE)
    kinds |= {f"{HEADGATE} of {checkout.name}": ({}, checkout) for checkout in besides}

    def command(server: dict[str, str], checkout: Path, start: Start) -> list[str]:
        listening = {"port": start.port, "admin": free_port()}
        return headgate_command(fixtures, server, start.site, workdir=start.workdir, checkout=checkout, **listening)

    ours = partial(Contender, signed=link, unsigned=open_link, lacks=lacking, remembers=True, rewrites=True)
    return [
        ours(name, partial(command, server, checkout), paced=Paced.ONCE if name == LANE_OFF else Paced.ALWAYS)
        for name, (server, checkout) in kinds.items()
    ]


def _nginxes(fixtures: Fixtures) -> list[Contender]:
    if not shutil.which("nginx"):
        return []
    found = [Contender(NGINX, partial(_nginx, fixtures), secure_link, open_link)]
    places = [root / "usr/lib/nginx/modules/ngx_http_js_module.so" for root in _MODULES]
    if module := next((place for place in places if place.exists()), None):
        command = partial(_njs, fixtures, module)
        link = jwt_link(JWT_SECRET)
        found.append(Contender(NJS, command, link, open_link, lacks=_only_plain, skips=_few_rows))
    return found


def _only_plain(site: Site) -> str:
    return "" if site is Site.PLAIN else "measured with one worker only"


def _few_rows(row: Row) -> str:
    return "" if row.name in {"signed playlist", "200 KB segment", "mix"} else "its tokens cost the same as elsewhere"


def _njs(fixtures: Fixtures, module: Path, start: Start) -> list[str]:
    values = {
        "NJS": module,
        "USER": _nginx_user(),
        "PORT": start.port,
        "WORKDIR": start.workdir,
        "PEERS": PEERS,
        "SITE": fixtures.site,
        "MEDIA": fixtures.media,
        "SECRET": f'"{JWT_SECRET}"',
    }
    config = fill(PEERS / "nginx_njs.conf", start.workdir, **values)
    return ["nginx", "-c", str(config), "-p", str(start.workdir)]


def _nginx(fixtures: Fixtures, start: Start) -> list[str]:
    certificate = (
        f"ssl_certificate {fixtures.certificate};\n    ssl_certificate_key {fixtures.private_key};\n"
        "    ssl_protocols TLSv1.2 TLSv1.3;\n    ssl_session_cache shared:sessions:10m;"
    )
    is_tls = start.site is Site.TLS
    values = {
        "USER": _nginx_user(),
        "WORKERS": start.workers,
        "PORT": start.port,
        "WORKDIR": start.workdir,
        "SITE": fixtures.site,
        "MEDIA": fixtures.media,
        "SECRET": SECURE_LINK_SECRET,
        "SSL": certificate if is_tls else "",
        "LISTEN": "ssl" if is_tls else "",
    }
    config = fill(PEERS / "nginx.conf", start.workdir, **values)
    return ["nginx", "-c", str(config), "-p", str(start.workdir)]


def _nginx_user() -> str:
    """Started by root, its worker would be another user, who may not read the temporary folder."""
    return "user root;" if os.geteuid() == 0 else ""


# Varnish writes no access log; a second program reads its shared memory and does.
_VARNISH = """\
varnishd -F -j none -n "$1/varnish" -a "127.0.0.1:$2" -f "$1/varnish.vcl" -s malloc,256M -T none &
server=$!
trap 'kill "$server" "$log" 2>/dev/null; wait "$server"; exit 0' TERM INT
varnishncsa -t 15 -n "$1/varnish" -w "$1/varnish-access.log" &
log=$!
wait "$server"
"""


def _varnishes(fixtures: Fixtures) -> list[Contender]:
    if not all(shutil.which(program) for program in ("varnishd", "varnishncsa", "nginx")):
        return []

    def origin(start: Start) -> list[str]:
        values = {
            "USER": _nginx_user(),
            "PORT": start.behind,
            "WORKDIR": start.workdir,
            "SITE": fixtures.site,
        }
        config = fill(PEERS / "nginx_origin.conf", start.workdir, **values)
        return ["nginx", "-c", str(config), "-p", str(start.workdir)]

    def command(start: Start) -> list[str]:
        fill(PEERS / "varnish.vcl", start.workdir, ORIGIN=start.behind)
        return ["sh", "-c", _VARNISH, "varnish", str(start.workdir), str(start.port)]

    def lacks(site: Site) -> str:
        return "" if site is Site.PLAIN else "Varnish speaks no TLS, and its threads are not workers"

    return [Contender(VARNISH, command, plain_link, plain_link, lacks=lacks, behind=origin)]


def _pythons(fixtures: Fixtures) -> list[Contender]:
    def alone(site: Site) -> str:
        return "one process by itself" if site is Site.WORKERS else ""

    def only_plain(site: Site) -> str:
        return "" if site is Site.PLAIN else "measured on asyncio's own loop there"

    def aiohttp(loop: str, start: Start) -> list[str]:
        script, log = str(PEERS / "file_response.py"), str(start.workdir / "access.log")
        tls = ["--tls", str(fixtures.certificate), str(fixtures.private_key)] if start.site is Site.TLS else []
        return [sys.executable, script, str(fixtures.site), str(start.port), loop, log, *tls]

    def uvicorn(start: Start) -> list[str]:
        tls = [f"--ssl-certfile={fixtures.certificate}", f"--ssl-keyfile={fixtures.private_key}"]
        options = ["--loop=uvloop", "--http=httptools", "--timeout-keep-alive=75", "--backlog=4096"]
        return _starlette(fixtures, start, "uvicorn", [*options, *(tls if start.site is Site.TLS else [])])

    def granian(start: Start) -> list[str]:
        tls = [f"--ssl-certificate={fixtures.certificate}", f"--ssl-keyfile={fixtures.private_key}"]
        options = ["--interface=asgi", "--loop=uvloop", "--access-log", "--backlog=4096", "--backpressure=16384"]
        return _starlette(fixtures, start, "granian", [*options, *(tls if start.site is Site.TLS else [])])

    peer = partial(Contender, signed=plain_link, unsigned=plain_link, paced=Paced.ONCE)
    return [
        peer(FILE_RESPONSE, partial(aiohttp, "asyncio"), lacks=alone),
        peer(FILE_RESPONSE_UVLOOP, partial(aiohttp, "uvloop"), lacks=only_plain),
        peer(STARLETTE, uvicorn),
        peer(GRANIAN, granian),
    ]


def _starlette(fixtures: Fixtures, start: Start, server: str, options: list[str]) -> list[str]:
    return [
        *("env", f"SITE={fixtures.site}", f"PYTHONPATH={PEERS}", sys.executable, "-m", server),
        *("--host=127.0.0.1", f"--port={start.port}", f"--workers={start.workers}"),
        *(*options, "starlette_files:app"),
    ]


def _bare(fixtures: Fixtures) -> list[Contender]:
    """A loop that sends and does nothing else: what the machine can do at all."""

    def command(way: str, start: Start) -> list[str]:
        program = compile_c(PEERS / "bare.c", start.workdir / "bare")
        return [str(program), str(start.port), str(fixtures.site), way]

    def skips(row: Row) -> str:
        return "" if row.body_bytes and row.is_segment else "it only sends files"

    bare = partial(Contender, signed=plain_link, unsigned=plain_link, lacks=_only_plain, skips=skips, paced=Paced.NEVER)
    return [bare(name, partial(command, way)) for name, way in ((SENDFILE, "sendfile"), (WRITE, "write"))]
