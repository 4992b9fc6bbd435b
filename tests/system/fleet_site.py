"""Gateways of one fleet in front of an upstream: worker processes of a machine, or nodes with disks of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.system.processes import Gateway, serving, write_configuration

NODE_FIELD = "x-node"  # by which an upstream knows which node asks

MOUNT = """
[[mount]]
prefix = "/"
storage = "{storage}"
access = "open"
[mount.upstream]
private_networks = ["127.0.0.0/8"]
{upstream}
[mount.upstream.fields]
X-Node = "{name}"
"""


def fleet_configuration(
    folder: Path,
    name: str,
    storage: str,
    redis_url: str | None,
    *,
    lease_seconds: float = 2.0,
    redis_seconds: float = 0.25,
    upstream: str = "",
    disk: str = "",
    mounts: str = "",
    extra: str = "",
) -> Path:
    """A configuration with a disk directory called `name`, with an open mount of everything, or with `mounts`."""
    cache = f"[cache]\nlease_seconds = {lease_seconds}\nredis_timeout_seconds = {redis_seconds}\n"
    if redis_url is not None:
        cache += f'redis = "{redis_url}"\n'
    cache += f'[cache.disk]\ndirectory = "disk-{name}"\n{disk}'
    mounts = mounts or MOUNT.format(storage=storage, upstream=upstream, name=name)
    return write_configuration(folder, mounts, name=f"{name}.toml", extra=extra + cache)


@contextmanager
def workers(config: Path, count: int) -> Iterator[list[Gateway]]:
    """So many processes with one configuration, as of one machine."""
    with _all([serving(config, name=f"{config.stem}-{number}") for number in range(count)]) as gateways:
        yield gateways


@contextmanager
def nodes(*configs: Path) -> Iterator[list[Gateway]]:
    """One process for each configuration."""
    with _all([serving(config, name=config.stem) for config in configs]) as gateways:
        yield gateways


@contextmanager
def _all(starting: Sequence[AbstractContextManager[Gateway]]) -> Iterator[list[Gateway]]:
    """They start at the same time."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(len(starting)) as pool:
            begun = [pool.submit(one.__enter__) for one in starting]
        for one, start in zip(starting, begun, strict=True):
            if start.exception() is None:
                stack.push(one)
        yield [start.result() for start in begun]
