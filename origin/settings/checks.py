"""Rules that hold between keys. Each finding names the keys it rests on, so that a broken one silences it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations

from auth.carriage import Carriage, Transport
from auth.dialects import DIALECTS
from auth.errors import Misuse
from auth.options import read_options
from auth.realm import Accepted
from origin.settings.edge_checks import edge_findings
from origin.settings.mount import Mount
from origin.settings.problems import Finding, Problem, did_you_mean
from origin.settings.tls_checks import tls_findings
from origin.settings.tree import Settings
from origin.settings.upstream_checks import upstream_findings

RESERVED_PREFIXES = ("/time", "/.well-known", "/playback", "/player")
KEY_SOURCES = ("file", "env", "jwks", "redis")
_NAMES_A_PATH = frozenset({"@path", "@request-target", "@target-uri"})
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  # compared with, not listened on


def findings(settings: Settings, dialects: Collection[str]) -> Iterator[Finding]:
    """Everything that does not fit together; `dialects` are the token dialects there are."""
    yield from _listener_findings(settings)
    yield from tls_findings(settings.public.tls)
    ring = settings.playback.keys
    if ring is not None and ring not in settings.keyrings:
        yield Finding(Problem("playback.keys", f'names the key ring "{ring}", which does not exist'))
    if not settings.mount:
        yield Finding(Problem("mount", "is missing: there is nothing to serve", "add a [[mount]]"))
    yield from _source_findings(settings)
    yield from _prefix_findings(settings.mount)
    yield from edge_findings(settings.edge_purge)
    for index, mount in enumerate(settings.mount):
        at = f"mount[{index}]"
        yield from _access_findings(at, mount)
        yield from _dialect_findings(at, mount, dialects)
        yield from _token_findings(at, mount, settings.keyrings)
        yield from _ring_findings(at, mount, settings.keyrings)
        yield from _cors_findings(at, mount)
        yield from _edge_findings(at, mount)
        yield from _proof_findings(at, mount, settings)
        yield from _limit_findings(at, mount)
        yield from _session_findings(at, mount, settings.keyrings)
        yield from upstream_findings(at, mount, settings.keyrings)


def _listener_findings(settings: Settings) -> Iterator[Finding]:
    public, admin = settings.public, settings.admin
    hosts = {public.host, admin.host}
    if public.port == admin.port != 0 and (len(hosts) == 1 or hosts & _EVERYWHERE):
        problem = Problem("admin.port", "is the public listener's port", "the admin listener needs its own")
        yield Finding(problem, ("admin.host", "public.host", "public.port"))


def _source_findings(settings: Settings) -> Iterator[Finding]:
    for name, ring in settings.keyrings.items():
        at = f"keyrings.{name}"
        reads = tuple(f"{at}.{source}" for source in KEY_SOURCES)
        given = [source for source in KEY_SOURCES if getattr(ring, source) is not None]
        if not given:
            yield Finding(Problem(at, "says not where its keys are", f"set one of {', '.join(KEY_SOURCES)}"), reads)
        for source in given[1:]:
            yield Finding(Problem(f"{at}.{source}", f"is a second source beside {given[0]}", "keep one"), reads)
        if ring.redis is not None and settings.cache.redis is None:
            yield Finding(Problem(f"{at}.redis", "needs cache.redis, the URL of the server"), ("cache.redis",))


def _prefix_findings(mounts: tuple[Mount, ...]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for index, mount in enumerate(mounts):
        key = f"mount[{index}].prefix"
        reserved = next((own for own in RESERVED_PREFIXES if f"{mount.prefix}/".startswith(f"{own}/")), None)
        if reserved:
            yield Finding(Problem(key, f"lies in {reserved}, which is the gateway's own"))
        if mount.prefix in first:
            other = first[mount.prefix]
            yield Finding(Problem(key, f"is the same as {other}"), (other,))
        first.setdefault(mount.prefix, key)


def _access_findings(at: str, mount: Mount) -> Iterator[Finding]:
    reads = (f"{at}.access",)
    match mount.access:
        case "open" if mount.keys is not None:
            hint = 'remove it, or set access = "signed"'
            yield Finding(Problem(f"{at}.keys", "has no effect on an open mount", hint), reads)
        case "signed" if mount.keys is None:
            problem = Problem(f"{at}.keys", 'is required when access is "signed"', "name a key ring")
            yield Finding(problem, reads)
    if mount.access == "open" and mount.content_keys is not None:
        hint = 'remove it, or set access = "signed"'
        yield Finding(Problem(f"{at}.content_keys", "would be given to everybody", hint), reads)
    if mount.access == "signed" and not mount.dialects:
        yield Finding(Problem(f"{at}.dialects", 'needs a dialect when access is "signed"'), reads)


def _dialect_findings(at: str, mount: Mount, dialects: Collection[str]) -> Iterator[Finding]:
    for index, dialect in enumerate(mount.dialects):
        if dialect not in dialects:
            hint = did_you_mean(dialect, dialects) or f"known: {', '.join(dialects)}"
            yield Finding(Problem(f"{at}.dialects[{index}]", "is not a known dialect", hint))
    known = [name for name in mount.dialects if name in DIALECTS]
    accepted = [Accepted(name, carriage_of(mount, name), reads=DIALECTS[name].reads) for name in known]
    for one, other in combinations(accepted, 2):
        if one.clashes(other):
            words = f"has {one.dialect} and {other.dialect}, which would read one parameter or segment"
            hint = "name their tokens apart where they have a name of their own, or give each a mount"
            yield Finding(Problem(f"{at}.dialects", words, hint), (f"{at}.tokens", f"{at}.token_name"))


def carriage_of(mount: Mount, dialect: str) -> Carriage:
    """How the tokens of a known dialect ride on a mount."""
    own, asked = DIALECTS[dialect].carriage, mount.tokens.get(dialect)
    name = (asked.token_name if asked else None) or (mount.token_name if own == Carriage() else own.name)
    transports = frozenset(map(Transport, asked.transports if asked else ())) or own.transports
    return replace(own, name=name, transports=transports)


def _token_findings(at: str, mount: Mount, rings: Collection[str]) -> Iterator[Finding]:
    for name, token in mount.tokens.items():
        key = f"{at}.tokens.{name}"
        if name not in mount.dialects:
            hint = did_you_mean(name, mount.dialects) or "add it to dialects"
            yield Finding(Problem(key, "is about a dialect that the mount does not accept", hint), (f"{at}.dialects",))
        if token.keys is not None and token.keys not in rings:
            yield Finding(Problem(f"{key}.keys", f'names the key ring "{token.keys}", which does not exist'))
        spec = DIALECTS.get(name)
        if spec is None:
            continue
        for option, value in token.options.items():
            try:
                read_options(spec.options, {option: value})
            except Misuse as misuse:
                yield Finding(Problem(f"{key}.options.{option}", str(misuse).partition(": ")[2]))


def _ring_findings(at: str, mount: Mount, rings: Collection[str]) -> Iterator[Finding]:
    if mount.keys is not None and mount.keys not in rings:
        hint = did_you_mean(mount.keys, rings) or f"add a table [keyrings.{mount.keys}]"
        problem = Problem(f"{at}.keys", f'names the key ring "{mount.keys}", which does not exist', hint)
        yield Finding(problem, (f"keyrings.{mount.keys}",))


def _cors_findings(at: str, mount: Mount) -> Iterator[Finding]:
    cors, key = mount.cors, f"{at}.cors.origins"
    has_wildcard = "*" in cors.origins
    if has_wildcard and len(cors.origins) > 1:
        yield Finding(Problem(key, 'has "*" beside named origins', 'keep "*" alone, or the names'))
    if has_wildcard and cors.credentials:
        problem = Problem(key, 'may not hold "*" when credentials are allowed', "name the origins")
        yield Finding(problem, (f"{at}.cors.credentials",))
    if mount.access == "signed" and mount.propagate == "cookie" and cors.origins and not cors.credentials:
        hint = "name the origins and allow credentials, or set origins = []"
        problem = Problem(f"{at}.cors.credentials", 'must be true when propagate is "cookie"', hint)
        yield Finding(problem, (f"{at}.access", f"{at}.propagate", key))


def _edge_findings(at: str, mount: Mount) -> Iterator[Finding]:
    edge, key = mount.edge, f"{at}.edge.secrets"
    if edge.trust != "none" and edge.proof == "secret" and not edge.secrets:
        problem = Problem(key, f'needs a secret when trust is "{edge.trust}"', "16 characters or more")
        yield Finding(problem, (f"{at}.edge.trust", f"{at}.edge.proof"))
    if edge.proof != "secret" and edge.secrets:
        yield Finding(Problem(key, f'has no effect when proof is "{edge.proof}"', "remove it"), (f"{at}.edge.proof",))
    if edge.trust == "none" and edge.proof == "secret" and edge.secrets:
        problem = Problem(key, 'has no effect while trust is "none"', 'set trust to "verifies" or "asks"')
        yield Finding(problem, (f"{at}.edge.trust",))
    if len({secret.get_secret_value() for secret in edge.secrets}) < len(edge.secrets):
        yield Finding(Problem(key, "holds the same secret twice"))


def _proof_findings(at: str, mount: Mount, settings: Settings) -> Iterator[Finding]:
    edge, key, reads = mount.edge, f"{at}.edge", (f"{at}.edge.proof",)
    if edge.trust == "none" and edge.proof != "secret":
        hint = 'set trust to "verifies" or "asks"'
        yield Finding(Problem(f"{key}.proof", 'has no effect while trust is "none"', hint), (f"{key}.trust",))
    has_keys = edge.proof in {"signature", "g2o"}
    if has_keys and edge.keys is None:
        problem = Problem(f"{key}.keys", f'is required when proof is "{edge.proof}"', "name a key ring of the edges")
        yield Finding(problem, reads)
    if edge.keys is not None and edge.keys not in settings.keyrings:
        hint = did_you_mean(edge.keys, settings.keyrings) or f"add a table [keyrings.{edge.keys}]"
        problem = Problem(f"{key}.keys", f'names the key ring "{edge.keys}", which does not exist', hint)
        yield Finding(problem, (f"keyrings.{edge.keys}",))
    if not _NAMES_A_PATH & set(edge.components):
        yield Finding(Problem(f"{key}.components", "cover no path", 'add "@path"'))
    if edge.proof == "certificate" and not edge.names:
        yield Finding(Problem(f"{key}.names", 'is required when proof is "certificate"', "name the edges"), reads)
    if edge.proof != "certificate" and edge.names:
        yield Finding(Problem(f"{key}.names", f'has no effect when proof is "{edge.proof}"', "remove it"), reads)
    shows_none = not settings.public.trusted_proxies and settings.public.tls.client_certificates == "off"
    if edge.proof == "certificate" and shows_none:
        problem = Problem(f"{key}.proof", "needs public.trusted_proxies, which pass certificates on, or public.tls")
        yield Finding(problem, ("public.trusted_proxies", "public.tls.client_certificates"))


def _limit_findings(at: str, mount: Mount) -> Iterator[Finding]:
    if mount.access == "open" and mount.limits.max_streams:
        hint = 'remove it, or set access = "signed"'
        yield Finding(Problem(f"{at}.limits.max_streams", "has no effect on an open mount", hint), (f"{at}.access",))


def _session_findings(at: str, mount: Mount, rings: Collection[str]) -> Iterator[Finding]:
    session, key = mount.session, f"{at}.session"
    if session.keys is not None and session.keys not in rings:
        hint = did_you_mean(session.keys, rings) or f"add a table [keyrings.{session.keys}]"
        yield Finding(Problem(f"{key}.keys", f'names the key ring "{session.keys}", which does not exist', hint))
    if session.renewal_window > session.ttl_seconds:
        yield Finding(Problem(f"{key}.renew_seconds", "is longer than a token lives"), (f"{key}.ttl_seconds",))
    if session.ttl_seconds > session.max_seconds:
        yield Finding(Problem(f"{key}.ttl_seconds", "is longer than a session lasts"), (f"{key}.max_seconds",))
