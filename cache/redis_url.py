"""What a Redis URL says: where the servers are, how they stand together, and who we are to them.

    redis://[[user]:password@]host[:6379][/db]                          one server
    unix://[[user]:password@]/path[?db=N]                               one server, by its socket
    redis+sentinel://[…@]host[:26379][,host…]/master[/db]               whichever server Sentinel calls the master
    redis+cluster://[…@]host[:6379][,host…]                             a cluster, some of whose nodes these are

With `rediss` in place of `redis` all of them speak TLS. Options follow `?`: `db`, `username`, `password` and `protocol`
(3 or 2); `sentinel_username` and `sentinel_password`, where the Sentinels ask for their own; and, with TLS,
`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_check_hostname` and `ssl_cert_reqs` (`required` or `none`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from cache.errors import BadRedisUrl

_PORT = 6379
_SENTINEL_PORT = 26379
_MOST_DATABASES = 2**31
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Topology(StrEnum):
    """How the servers stand together."""

    ALONE = "alone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisTls:
    """How a server proves who it is, and we to it. File names, empty for none; without a CA file, the system's CAs."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    checks_hostname: bool = True
    verifies: bool = True  # whether a certificate of an unknown CA ends the connection


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is. Of all of it only `where` is for showing."""

    topology: Topology
    nodes: tuple[tuple[str, int], ...]  # hosts and ports: the server, the Sentinels, or some of the cluster
    path: str = ""  # of a socket, in place of nodes
    master: str = ""  # what the Sentinels call it
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    tls: RedisTls | None = None
    protocol: int = 3  # RESP

    @property
    def where(self) -> str:
        """The socket's path, or hosts and ports: all of the URL that may be shown."""
        return self.path or ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes
        )


_SCHEMES: Mapping[str, tuple[Topology, bool]] = {
    "redis": (Topology.ALONE, False),
    "rediss": (Topology.ALONE, True),
    "unix": (Topology.ALONE, False),
    "redis+sentinel": (Topology.SENTINEL, False),
    "rediss+sentinel": (Topology.SENTINEL, True),
    "redis+cluster": (Topology.CLUSTER, False),
    "rediss+cluster": (Topology.CLUSTER, True),
}


def parse_redis_url(url: str, tls: RedisTls | None = None) -> RedisAddress:
    """What `url` says; where it says nothing about TLS, what `tls` does.

    Raises `BadRedisUrl` for what is not understood, and for TLS options without TLS: they would protect nothing.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise BadRedisUrl("the Redis URL cannot be understood") from None
    known = _SCHEMES.get(parts.scheme)
    if known is None:
        raise BadRedisUrl(f"the Redis URL should begin with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    if parts.fragment:
        raise BadRedisUrl("the Redis URL has a #, which should be %23 where it is part of a password")
    topology, has_tls = known
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    place = _place(parts.scheme, topology, hosts, unquote(parts.path))
    place = replace(place, username=unquote(name) or None, password=unquote(password) or None)
    return _with_options(place, options, _tls(has_tls, options, tls))


def _place(scheme: str, topology: Topology, hosts: str, path: str) -> RedisAddress:
    if scheme == "unix":
        if hosts or not path:
            raise BadRedisUrl("the Redis URL should name a socket as unix:///path")
        return RedisAddress(topology, (), path=path)
    port = _SENTINEL_PORT if topology is Topology.SENTINEL else _PORT
    # An empty host has always meant this machine, where there is one server.
    named = hosts.split(",") if hosts or topology is not Topology.ALONE else ["localhost"]
    nodes = tuple(_node(each, port) for each in named)
    words = path.strip("/").split("/") if path.strip("/") else []
    match topology, words:
        case (Topology.SENTINEL, [master, *rest]) if len(rest) <= 1:
            return RedisAddress(topology, nodes, master=master, db=_database(*rest))
        case (Topology.SENTINEL, _):
            raise BadRedisUrl("the Redis URL should name the master that the Sentinels watch, as in /mymaster/0")
        case (Topology.ALONE, _) if len(nodes) == 1 and len(words) <= 1:
            return RedisAddress(topology, nodes, db=_database(*words))
        case (Topology.CLUSTER, _) if len(words) <= 1 and _database(*words) == 0:
            return RedisAddress(topology, nodes)
    raise BadRedisUrl("the Redis URL has more hosts, or another path, than there can be")


def _node(text: str, default_port: int) -> tuple[str, int]:
    """A host and a port from `host`, `host:port`, `[::1]` or `[::1]:port`."""
    host, bracket, rest = text.removeprefix("[").partition("]") if text.startswith("[") else ("", "", "")
    if not bracket:
        host, colon, port = text.partition(":")
        rest = colon + port
    port = rest.removeprefix(":") if rest else str(default_port)
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    if not host or (rest and not rest.startswith(":")) or not is_port:
        raise BadRedisUrl("the Redis URL should name hosts as host or host:port, with commas between them")
    return unquote(host), int(port)


def _database(text: str = "0") -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < _MOST_DATABASES):
        raise BadRedisUrl("the database in the Redis URL should be a number")
    return int(text)


def _with_options(place: RedisAddress, options: dict[str, str], tls: RedisTls | None) -> RedisAddress:
    """`place` with what the query says; takes what it knows out of `options`."""
    if place.topology is Topology.SENTINEL:
        place = replace(
            place,
            sentinel_username=options.pop("sentinel_username", None),
            sentinel_password=options.pop("sentinel_password", None),
        )
    protocol = options.pop("protocol", "3")
    if protocol not in {"2", "3"}:
        raise BadRedisUrl("the protocol in the Redis URL should be 3 or 2")
    database = _database(options.pop("db", str(place.db)))
    if database and place.topology is Topology.CLUSTER:
        raise BadRedisUrl("a Redis cluster has no databases")
    username = options.pop("username", place.username)
    password = options.pop("password", place.password)
    if options:
        raise BadRedisUrl("the Redis URL has an option that is not known, or not here")
    return replace(place, db=database, protocol=int(protocol), username=username, password=password, tls=tls)


def _tls(has_tls: bool, options: dict[str, str], default: RedisTls | None) -> RedisTls | None:
    """What is to hold for TLS; takes its options out of `options`."""
    tls = default or RedisTls()
    requirement = options.pop("ssl_cert_reqs", "required" if tls.verifies else "none")
    if requirement not in {"required", "none"}:
        raise BadRedisUrl("ssl_cert_reqs in the Redis URL should be required or none")
    checks = _TRUTH.get(options.pop("ssl_check_hostname", str(tls.checks_hostname)).lower())
    if checks is None:
        raise BadRedisUrl("ssl_check_hostname in the Redis URL should be true or false")
    verifies = requirement == "required"
    chosen = RedisTls(
        ca_file=options.pop("ssl_ca_certs", tls.ca_file),
        cert_file=options.pop("ssl_certfile", tls.cert_file),
        key_file=options.pop("ssl_keyfile", tls.key_file),
        checks_hostname=checks and verifies,  # a name that nobody vouches for says nothing
        verifies=verifies,
    )
    if chosen.key_file and not chosen.cert_file:
        raise BadRedisUrl("a key for Redis needs its certificate")
    if has_tls:
        return chosen
    if chosen != RedisTls():
        raise BadRedisUrl("options for TLS need a Redis URL that begins with rediss")
    return None
