"""The claims of CTA-5007 (Common Access Token) that restrict a request, between CBOR and our own values.

Only what is read here is enforced, so whatever a value might mean beyond it is refused. Implementations of CTA-5007
disagree in places; what we write avoids those, and how we read them is told beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeVar

from auth.claims import MAX_ITEMS, Network, read_network
from auth.errors import Denied, Misuse, Reason
from auth.rules.condition import Condition
from auth.rules.header_matches import HeaderMatches
from auth.rules.places import Circles, Geohashes, Regions
from auth.rules.text_matches import MatchType, TextMatch
from auth.rules.tls_traits import ClientKey, Protocols, TlsFingerprint
from auth.rules.uri_components import Component, UriComponents
from auth.rules.url import UrlRule
from auth.scope import PathRule, PathScope, Rule, UnsafePath, normalise
from auth.strict_cbor import CborKey, CborMap, CborValue, Tagged

T = TypeVar("T")

GEOHASH, CATALPN, CATH = 282, 314, 315
CATGEOISO3166, CATGEOCOORD, CATTPK, CATTPRINT = 316, 317, 319, 324

IPV4, IPV6 = 52, 54  # tags (RFC 9164)
_ADDRESS_BYTES = {IPV4: 4, IPV6: 16}
_MAX_ASN = 2**32 - 1

_COMPONENTS = dict(enumerate(Component))  # the labels are in the order of the enumeration
_COMPONENT_LABELS = {component: label for label, component in _COMPONENTS.items()}
_MATCHES = {
    0: MatchType.EXACT,
    1: MatchType.PREFIX,
    2: MatchType.SUFFIX,
    3: MatchType.CONTAINS,
    4: MatchType.REGEX,
    -1: MatchType.SHA256,
    -2: MatchType.SHA512_256,
}
_MATCH_LABELS = {kind: label for label, kind in _MATCHES.items()}
_HASHES = frozenset({MatchType.SHA256, MatchType.SHA512_256})
_FINGERPRINTS = (
    *("ja3", "ja3s", "ja4", "ja4s", "ja4h", "ja4l", "ja4x", "ja4ssh", "ja4t", "ja4ts", "ja4tscan"),
    *("ja4d", "ja4d6"),
)


def read_uri(value: CborValue) -> tuple[PathScope | None, UrlRule | None]:
    """`catu`: paths where it names them as a scope does, and a rule for everything else that it asks."""
    components = {
        _named(_COMPONENTS, label, "catu: a URI component"): read_matches("catu", item)
        for label, item in map_of("catu", value).items()
    }
    scope = _as_scope(components.get(Component.PATH, ()))
    if scope is not None:
        del components[Component.PATH]
    rule = made("catu", lambda: UriComponents(tuple(components.items()))) if components else None
    return scope, rule


def write_uri(scope: PathScope | None, rule: UrlRule | None) -> CborMap:
    """The inverse of `read_uri`; Misuse for what one `catu` cannot say."""
    components: CborMap = {}
    if rule is not None:
        if not isinstance(rule, UriComponents):
            raise Misuse("a CAT says of URLs what their components are")
        components = {_COMPONENT_LABELS[component]: _write_matches(each) for component, each in rule.components}
    if scope is None:
        return components
    path = _COMPONENT_LABELS[Component.PATH]
    if len(scope.rules) != 1 or path in components:
        raise Misuse("a CAT names one path, or one prefix")
    only = scope.rules[0]
    if only.rule is Rule.EXACT:
        return components | {path: {_MATCH_LABELS[MatchType.EXACT]: only.pattern}}
    if only.rule is Rule.PREFIX and only.pattern.endswith("/"):
        return components | {path: {_MATCH_LABELS[MatchType.PREFIX]: only.pattern}}
    raise Misuse("a CAT names one path, or one prefix that ends with a slash")


def _as_scope(matches: tuple[TextMatch, ...]) -> PathScope | None:
    """CTA-5007 compares characters. With a slash at its end a prefix means the same to a scope, which is quicker."""
    if len(matches) != 1 or matches[0].type not in {MatchType.EXACT, MatchType.PREFIX}:
        return None
    kind, text = matches[0].type, matches[0].value
    try:
        if normalise(text) != text or (kind is MatchType.PREFIX and not text.endswith("/")):
            return None
        return _path_scope(Rule.EXACT if kind is MatchType.EXACT else Rule.PREFIX, text)
    except UnsafePath:
        return None


@lru_cache(maxsize=1024)
def _path_scope(rule: Rule, pattern: str) -> PathScope:
    """The scope of a token; all viewers of an asset have the same."""
    return PathScope((PathRule(rule, pattern),))


def read_matches(name: str, value: CborValue) -> tuple[TextMatch, ...]:
    """A match map. All of its matches must hold: others evaluate the first alone, or any, and let in more."""
    items = map_of(name, value).items()
    return tuple(_read_match(name, _named(_MATCHES, label, f"{name}: a match type"), item) for label, item in items)


def _read_match(name: str, kind: MatchType, value: CborValue) -> TextMatch:
    """A regular expression stands in an array. Behind it others expect flags, or captures: both are refused."""
    if kind is MatchType.REGEX and isinstance(value, list) and value:
        if any(item is not None for item in value[1:]):
            raise Denied(Reason.UNSUPPORTED, f"{name}: a regular expression stands alone")
        pattern = text_of(name, value[0])
        try:
            return TextMatch(kind, pattern)
        except ValueError:
            raise Denied(Reason.UNSUPPORTED, f"{name}: a regular expression that is not understood") from None
    if kind in _HASHES:  # octets, or their hexadecimal text
        digits = value.hex() if isinstance(value, bytes) else text_of(name, value).lower()
        return made(name, lambda: TextMatch(kind, digits))
    if kind is MatchType.REGEX:
        raise malformed(f"{name}: a regular expression stands in an array")
    text = text_of(name, value)
    return made(name, lambda: TextMatch(kind, text))


def _write_matches(matches: tuple[TextMatch, ...]) -> CborMap:
    if len(matches) != len({match.type for match in matches}):
        raise Misuse("a CAT has one match of a type for each component or header")
    written: CborMap = {}
    for match in matches:
        value: CborValue = match.value
        if match.type is MatchType.REGEX:
            value = [match.value]
        elif match.type in _HASHES:
            value = bytes.fromhex(match.value)
        written[_MATCH_LABELS[match.type]] = value
    return written


def read_client(value: CborValue) -> tuple[tuple[Network, ...] | None, frozenset[int] | None]:
    """`catnip`: networks (tags 52 and 54) and numbers of autonomous systems. A client may be in any of them."""
    items = list_of("catnip", value)
    networks = tuple(_read_network(item) for item in items if isinstance(item, Tagged))
    asns = [item for item in items if isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= _MAX_ASN]
    if len(networks) + len(asns) != len(items):
        raise malformed("catnip holds tagged addresses and AS numbers")
    return networks or None, frozenset(asns) or None


def write_client(networks: tuple[Network, ...] | None, asns: frozenset[int] | None) -> list[CborValue]:
    """The inverse of `read_client`, addresses in full, which everyone reads."""
    written: list[CborValue] = []
    for network in networks or ():
        octets = network.network_address.packed
        is_one = network.prefixlen == network.max_prefixlen
        written.append(
            Tagged(IPV4 if network.version == 4 else IPV6, octets if is_one else [network.prefixlen, octets])
        )
    return [*written, *sorted(asns or ())]


def _read_network(item: Tagged) -> Network:
    """An address, or a prefix whose zero octets at the end may be left out (RFC 9164 §3)."""
    match item.value:
        case bytes() as octets if len(octets) == _ADDRESS_BYTES.get(item.tag):
            return read_network("catnip", str(ip_address(octets)))
        case [int() as length, bytes() as octets] if _is_prefix(item.tag, length, octets):
            whole = ip_address(octets.ljust(_ADDRESS_BYTES[item.tag], b"\0"))
            return read_network("catnip", str(made("catnip", lambda: ip_network((whole.packed, length)))))
        case _:
            raise malformed("catnip: an address, or the length of a prefix with its octets")


def _is_prefix(tag: int, length: int, octets: bytes) -> bool:
    return not isinstance(length, bool) and len(octets) <= _ADDRESS_BYTES.get(tag, -1)


def read_conditions(claims: CborMap) -> tuple[Condition, ...]:
    """What the claims of `CONDITION_CLAIMS` ask, in that order."""
    return tuple(condition for label, read in _READERS.items() if label in claims for condition in read(claims[label]))


def write_conditions(conditions: tuple[Condition, ...]) -> CborMap:
    """The inverse of `read_conditions`; Misuse for a condition that a CAT cannot say, or not so often."""
    written: CborMap = {}
    headers: CborMap = {}
    for condition in conditions:
        if isinstance(condition, HeaderMatches) and condition.name not in headers:
            headers[condition.name] = _write_matches(condition.matches)
            continue
        label, value = _write_condition(condition)
        if label in written:
            raise Misuse("a CAT says each condition once")
        written[label] = value
    return written | ({CATH: headers} if headers else {})


def _write_condition(condition: Condition) -> tuple[int, CborValue]:
    match condition:
        case Protocols():
            return CATALPN, [name.encode() for name in condition.names]
        case Regions():
            return CATGEOISO3166, list(condition.codes)
        case Geohashes():
            return GEOHASH, list(condition.cells)
        case Circles():
            return CATGEOCOORD, [list(circle) for circle in condition.circles]
        case ClientKey():
            return CATTPK, bytes.fromhex(condition.sha256)
        case TlsFingerprint() if condition.kind in _FINGERPRINTS:
            return CATTPRINT, {0: _FINGERPRINTS.index(condition.kind), 1: condition.value}
        case _:
            raise Misuse("a CAT cannot say one of the conditions")


def _read_headers(value: CborValue) -> tuple[Condition, ...]:
    """`cath`; field names are compared without regard to case."""
    read = [(text_of("cath", name).lower(), item) for name, item in map_of("cath", value).items()]
    if len({name for name, _ in read}) != len(read):
        raise malformed("cath names a header twice")
    return tuple(_header(name, read_matches("cath", item)) for name, item in read)


def _header(name: str, matches: tuple[TextMatch, ...]) -> HeaderMatches:
    return made("cath", lambda: HeaderMatches(name, matches))


def _read_protocols(value: CborValue) -> tuple[Condition, ...]:
    names = [item for item in list_of("catalpn", value) if isinstance(item, bytes) and item.isascii()]
    if not isinstance(value, list) or len(names) != len(value):
        raise malformed("catalpn holds byte strings")
    return (made("catalpn", lambda: Protocols(tuple(name.decode("ascii") for name in names))),)


def _read_regions(value: CborValue) -> tuple[Condition, ...]:
    codes = tuple(text_of("catgeoiso3166", item).upper() for item in list_of("catgeoiso3166", value))
    return (made("catgeoiso3166", lambda: Regions(codes)),)


def _read_geohashes(value: CborValue) -> tuple[Condition, ...]:
    items = [value] if isinstance(value, str) else list_of("geohash", value)
    cells = tuple(text_of("geohash", item).lower() for item in items)
    return (made("geohash", lambda: Geohashes(cells)),)


def _read_circles(value: CborValue) -> tuple[Condition, ...]:
    """The radius is read in metres: a maker who meant more has named less."""
    circles = tuple(_circle(item) for item in list_of("catgeocoord", value))
    return (made("catgeocoord", lambda: Circles(circles)),)


def _circle(value: CborValue) -> tuple[float, float, float]:
    match value:
        case [int() | float() as north, int() | float() as east, int() | float() as radius]:
            if not any(isinstance(number, bool) for number in (north, east, radius)):
                return float(north), float(east), float(radius)
    raise malformed("catgeocoord holds latitudes, longitudes and radii")


def _read_client_key(value: CborValue) -> tuple[Condition, ...]:
    if not isinstance(value, bytes) or len(value) != 32:
        raise Denied(Reason.UNSUPPORTED, "cattpk is a SHA-256")
    return (ClientKey(value.hex()),)


def _read_fingerprint(value: CborValue) -> tuple[Condition, ...]:
    match value:
        case {0: int() as kind, 1: str() as wanted, **others} if not others and not isinstance(kind, bool):
            if not 0 <= kind < len(_FINGERPRINTS):
                raise Denied(Reason.UNSUPPORTED, "cattprint: a kind of fingerprint that is not known")
            return (made("cattprint", lambda: TlsFingerprint(_FINGERPRINTS[kind], wanted)),)
        case _:
            raise malformed("cattprint is a kind and a value")


_READERS: dict[int, Callable[[CborValue], tuple[Condition, ...]]] = {
    CATH: _read_headers,
    CATALPN: _read_protocols,
    CATGEOISO3166: _read_regions,
    CATGEOCOORD: _read_circles,
    GEOHASH: _read_geohashes,
    CATTPK: _read_client_key,
    CATTPRINT: _read_fingerprint,
}
CONDITION_CLAIMS = frozenset(_READERS)


def malformed(detail: str) -> Denied:
    """The refusal of a claim that is not what it should be."""
    return Denied(Reason.MALFORMED, detail)


def made(name: str, make: Callable[[], T]) -> T:
    """What `make` makes; Denied where it raises ValueError."""
    try:
        return make()
    except ValueError:
        raise malformed(f"{name}: a value that it cannot have") from None


def map_of(name: str, value: CborValue) -> CborMap:
    """A map of 1 to 64 members."""
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_ITEMS:
        raise malformed(f"{name} is a map of 1 to {MAX_ITEMS} members")
    return value


def list_of(name: str, value: CborValue) -> list[CborValue]:
    """An array of 1 to 64 items."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ITEMS:
        raise malformed(f"{name} is an array of 1 to {MAX_ITEMS} items")
    return value


def text_of(name: str, value: CborValue) -> str:
    """A printable text of at most 1024 characters."""
    if not isinstance(value, str) or len(value) > 1024 or not value.isprintable():
        raise malformed(f"{name}: a printable text")
    return value


def _named(names: dict[int, T], label: CborKey, what: str) -> T:
    if isinstance(label, str) or label not in names:
        raise Denied(Reason.UNSUPPORTED, f"{what} that is not known")
    return names[label]
