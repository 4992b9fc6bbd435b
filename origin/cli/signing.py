"""What `sign` and `verify` share: the mount that a URL belongs to, its realm and its ring."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from origin.cli.config import load_settings
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from auth import Realm, Rings
    from origin.settings import Mount


@dataclass(frozen=True, slots=True)
class SignedMount:
    """A signed mount and what is needed to mint and judge its tokens."""

    mount: Mount
    realm: Realm
    rings: Rings
    path: str  # the URL's, without a token


def signed_mount(url: str, config: Path | None) -> SignedMount:
    """The mount of `url` (an absolute URL or a path); ends the command when it has none or needs no token."""
    from auth.gate import doors_of
    from origin.keyrings import read_rings
    from origin.keystore.fault import KeystoreError
    from origin.media.target import MountName, find_mount
    from origin.realms import realm_of

    settings = load_settings(config)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Trouble(ExitCode.USAGE, "the URL cannot be understood") from None
    mounts = {mount.prefix: mount for mount in settings.mount}
    name = find_mount(parts.path, tuple(MountName(prefix) for prefix in mounts))
    if name is None:
        raise Trouble(ExitCode.USAGE, f"the URL is below no mount; there are: {', '.join(mounts)}")
    mount = mounts[name.prefix]
    if mount.access != "signed" or mount.keys is None:
        raise Trouble(ExitCode.USAGE, f"{mount.prefix} is open: its URLs need no token")
    realm = realm_of(mount)
    path = parts.path
    for door in doors_of(realm):
        path, _ = door.dialect.strip(path, "", door.accepted.carriage, mount.prefix)
    names = {accepted.keys for accepted in realm.accepts}
    try:
        rings = asyncio.run(read_rings(settings, names))
    except KeystoreError as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
    return SignedMount(mount, realm, rings, path)
