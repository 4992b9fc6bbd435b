"""The caches that are compared, each set up as its own users would: one processor, access log on."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.running import free_port
from benchmarks.shield.contender import Row, Server

_PEERS = Path(__file__).parent / "peers"
PULLED, ON_DISK = "pull", "file"  # the mounts of Headgate; the others have the first
# The body that a range is cut from is kept in pieces, so that a seek does not pull all of it.
_SLICED = """slice 1m;
            proxy_cache_key $uri$is_args$args$slice_range;
            proxy_set_header Range $slice_range;
            proxy_cache_valid 200 206 1h;"""
_WHOLE = """proxy_cache_key $uri$is_args$args;
            proxy_cache_valid 200 1h;"""
# Varnish writes no access log; a second program reads its shared memory and does.
_VARNISH = """\
varnishd -F -j none -n "$1/varnish" -a "127.0.0.1:$2" -f "$1/varnish.vcl" -s malloc,1G -T none &
server=$!
trap 'kill "$server" "$log" 2>/dev/null; wait "$server"; exit 0' TERM INT
varnishncsa -t 15 -n "$1/varnish" -w "$1/varnish-access.log" &
log=$!
wait "$server"
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What all caches have in common."""

    media: Path
    upstream: int  # port


def caches(site: Site) -> list[Server]:
    """Every cache that is installed here."""
    found = [Server("Headgate", partial(_headgate, site), partial(targets, PULLED))]
    if shutil.which("nginx"):
        found += [
            Server("nginx proxy_cache + slice", partial(_nginx, site, _SLICED), partial(targets, PULLED)),
            Server("nginx proxy_cache", partial(_nginx, site, _WHOLE), partial(targets, PULLED)),
        ]
    if shutil.which("varnishd") and shutil.which("varnishncsa"):
        found.append(Server("Varnish", partial(_varnish, site), partial(targets, PULLED)))
    return found


def headgate(site: Site) -> Callable[[int, Path], list[str]]:
    """How Headgate is started, with both mounts."""
    return partial(_headgate, site)


def workdir(root: Path, server: Server) -> Path:
    """Where a server keeps its own; a path that needs no quoting in anybody's configuration."""
    return root / re.sub("[^A-Za-z0-9]+", "-", server.name)


def targets(mount: str, row: Row) -> Iterator[str]:
    """All viewers ask for the same: nothing about them is part of what a response is kept under."""
    yield f"/{mount}/{row.path}"


def _headgate(site: Site, port: int, workdir: Path) -> list[str]:
    values = {"PORT": port, "ADMIN": free_port(), "MEDIA": site.media, "UPSTREAM": site.upstream}
    config = _filled("headgate.toml", workdir, **values)
    return [sys.executable, "-m", "origin", "serve", "--config", str(config)]


def _nginx(site: Site, keeping: str, port: int, workdir: Path) -> list[str]:
    # Started by root, its worker would be another user, who may not read the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config = _filled("nginx.conf", workdir, USER=user, PORT=port, UPSTREAM=site.upstream, SLICE=keeping)
    return ["nginx", "-c", str(config), "-p", str(workdir)]


def _varnish(site: Site, port: int, workdir: Path) -> list[str]:
    _filled("varnish.vcl", workdir, UPSTREAM=site.upstream)
    return ["sh", "-c", _VARNISH, "varnish", str(workdir), str(port)]


def _filled(name: str, workdir: Path, **values: object) -> Path:
    text = (_PEERS / name).read_text()
    for key, value in (values | {"WORKDIR": workdir}).items():
        text = text.replace(f"@{key}@", str(value))
    written = workdir / name
    written.write_text(text)
    return written
