"""Every dialect as a mount may have it: its options, the key that signs, and the ways its tokens ride."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from auth import DIALECTS, Algorithm, Key, Transport
from origin.keystore.generate import new_key

PATH, QUERY, HEADER, COOKIE = Transport.PATH, Transport.QUERY, Transport.HEADER, Transport.COOKIE


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to use a dialect. Times are seconds."""

    dialect: str
    algorithm: Algorithm
    transports: tuple[Transport, ...]
    options: dict[str, object] = field(default_factory=dict, hash=False)
    subject: str | None = None
    key_id: str = "key1"
    name: str = ""  # tells it from others of the dialect
    start: str = "m.m3u8"  # the film's manifest; "flat.m3u8" has everything in its own folder
    opens_all: bool = False  # a token opens the whole mount

    def __str__(self) -> str:
        return f"{self.dialect}-{self.name.lower()}" if self.name else self.dialect

    def mount(self, prefix: str = "/vod") -> dict[str, object]:
        """A signed mount that accepts this and nothing else."""
        return {
            "prefix": prefix,
            "storage": "file:media",
            "access": "signed",
            "keys": str(self),
            "leeway_seconds": 0,
            "public_url": "https://cdn.example",
            "dialects": [self.dialect],
            "tokens": {self.dialect: {"options": self.options}} if self.options else {},
            "session": {"exchange": "always", "keys": "sessions"},
        }


SHARED, RS256 = Algorithm.SHARED, Algorithm.RS256

HMAC_LINK: dict[str, object] = {"mode": "hmac-sha256", "expression": "$uri|$arg_ts|$arg_expires"}
SETTINGS = (
    Setting("access-control", SHARED, (COOKIE,), subject="anna"),
    Setting("akamai", SHARED, (QUERY, HEADER, COOKIE)),
    Setting("alibaba", SHARED, (QUERY,)),
    Setting("alibaba", SHARED, (QUERY, PATH), {"type": "C"}, name="C"),
    Setting("alibaba", SHARED, (QUERY,), {"type": "F"}, name="F"),
    Setting("aws-smd", Algorithm.HS256, (PATH,)),
    Setting("bunny", SHARED, (QUERY, PATH)),
    Setting("cat", Algorithm.ES256, (QUERY, PATH, HEADER, COOKIE)),
    Setting("cdn77", SHARED, (QUERY, PATH), start="flat.m3u8"),
    Setting("cloud-cdn", SHARED, (QUERY,)),
    Setting("cloud-cdn", SHARED, (COOKIE,), {"mint_cookies": True}, name="cookie"),
    Setting("cloudflare", SHARED, (QUERY,)),
    Setting("cloudflare-stream", RS256, (PATH,), subject="film"),
    Setting("cloudfront", RS256, (QUERY, COOKIE)),
    Setting("edgio", SHARED, (QUERY,)),
    Setting("fastly", SHARED, (QUERY,)),
    Setting("gcore", SHARED, (QUERY,)),
    Setting("jwt", Algorithm.HS256, (QUERY, PATH, HEADER, COOKIE)),
    Setting("keycdn", SHARED, (QUERY,)),
    Setting("media-cdn", Algorithm.EDDSA, (QUERY, COOKIE)),
    Setting("media-cdn", Algorithm.EDDSA, (QUERY,), {"mint": "signature"}, name="signature"),
    Setting("media-cdn", Algorithm.EDDSA, (COOKIE,), {"mint": "cookie"}, name="cookie"),
    Setting("media-cdn", Algorithm.EDDSA, (PATH,), {"mint": "path"}, name="path", opens_all=True),
    Setting("mux", RS256, (QUERY,), subject="film"),
    Setting("ovenmedia", SHARED, (QUERY,)),
    Setting("secure-link", SHARED, (QUERY, COOKIE), {"expression": "$secure_link_expires$uri $secret"}),
    Setting("secure-link", SHARED, (QUERY,), HMAC_LINK, name="hmac"),
    Setting("uri-signing", Algorithm.HS256, (QUERY, PATH, COOKIE)),
    Setting("url-sig", SHARED, (QUERY,)),
    Setting("url-sig", SHARED, (PATH,), {"form": "path"}, name="path"),
    Setting("wowza", SHARED, (QUERY,)),
)
CASES = [(setting, transport) for setting in SETTINGS for transport in setting.transports]
NAMES = [f"{setting}-{transport}" for setting, transport in CASES]


# nginx's `secure_link_secret` has no end, so no mount takes its tokens, which alone ride in the path.
NEVER_SIGNED = {("secure-link", PATH)}


def unlisted() -> set[tuple[str, Transport]]:
    """What the registry has and the table has not."""
    known = {(setting.dialect, transport) for setting, transport in CASES} | NEVER_SIGNED
    rows = {name: spec for name, spec in DIALECTS.items() if not spec.is_internal}
    return {(name, transport) for name, spec in rows.items() for transport in spec.carriage.transports} - known


@cache
def key_of(setting: Setting) -> Key:
    """The key that signs; RSA numbers are made once."""
    return Key(setting.key_id, setting.algorithm, _material(setting.algorithm).material)


@cache
def _material(algorithm: Algorithm) -> Key:
    return new_key(algorithm, "k")


def stranger_of(setting: Setting) -> Key:
    """Another key of the same id and algorithm."""
    return Key(setting.key_id, setting.algorithm, _stranger(setting.algorithm).material)


@cache
def _stranger(algorithm: Algorithm) -> Key:
    return new_key(algorithm, "k")
