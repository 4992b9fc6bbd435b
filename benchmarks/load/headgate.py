"""Headgate among the contenders: its configuration, and what the version at hand can do."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from benchmarks.load.fixtures import Fixtures
from benchmarks.load.rows import Site
from origin.cli.serve import serve
from origin.settings.tree import Public, Server

HERE = Path(__file__).parents[2]
_PEERS = Path(__file__).parent / "peers"


def has_lane() -> bool:
    """Whether there is a fast lane that can be switched off."""
    return "fast_lane" in Server.model_fields


def lacking(site: Site) -> str:
    """Why Headgate cannot be set up like this, or nothing."""
    if site is Site.WORKERS and "workers" not in inspect.signature(serve).parameters:
        return "headgate serve does not know --workers"
    if site is Site.TLS and "tls" not in Public.model_fields:
        return "Headgate has no [public.tls]"
    return ""


def headgate_command(
    fixtures: Fixtures, server: dict[str, str], site: Site, *, port: int, admin: int, workdir: Path, checkout: Path
) -> list[str]:
    """How the Headgate of a checkout is started, with `server` as values of `[server]`."""
    values = {
        "PORT": port,
        "ADMIN": admin,
        "TLS": _tls(fixtures) if site is Site.TLS else "",
        "SERVER": "\n".join(f"{name} = {value}" for name, value in server.items()),
        "KEYS": fixtures.keys_file,
        "MEDIA": fixtures.media,
    }
    config = fill(_PEERS / "headgate.toml", workdir, **values)
    workers = ["--workers", "2"] if site is Site.WORKERS else []
    python = sys.executable if checkout == HERE else str(checkout / ".venv/bin/python")
    return ["env", f"--chdir={checkout}", python, "-m", "origin", "serve", "--config", str(config), *workers]


def _tls(fixtures: Fixtures) -> str:
    files = {"certificate": fixtures.certificate, "key": fixtures.private_key}
    return "\n".join(["[public.tls.certificates.bench]", *(f'{name} = "{file}"' for name, file in files.items())])


def fill(template: Path, workdir: Path, **values: object) -> Path:
    """A configuration file in `workdir`: the template with each `@NAME@` filled in."""
    text = template.read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    written = workdir / template.name
    written.write_text(text)
    return written
