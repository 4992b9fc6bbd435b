"""Tokens of AWS's Secure Media Delivery at the Edge: `/[session.]jwt/path`, a segment below the mount.

The JWT is signed with HS256. What it says of its viewer (address, place, session, headers, query) is not in it, only
that it is said; `intsig` is a MAC of the values under the same key, so a request's own values are put to the test.
Paths under `exc` are open to every holder of a token that is in time.

Stricter than the function at Amazon's edge where that one fails open or shut: paths are compared in their normal form,
a city is part of `intsig`, IPv6 addresses are written out in full, `intsig` may not be missing where the token
speaks of its viewer, and an unknown country or region is refused whatever `co_fallback` and `reg_fallback` say.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace

from auth import jose, strict_json
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims, read_list, read_text, read_time
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac, same
from auth.request import Request
from auth.rules.url import Url
from auth.rules.viewer import Fact, SameViewer, fact, reason_of
from auth.scope import PathRule, PathScope, Rule, UnsafePath, normalise
from auth.secret import Secret, Token
from auth.strict_json import JsonObject, JsonValue

NAME = "aws-smd"
CARRIAGE = Carriage("smd", frozenset({Transport.PATH}))

_SESSION = r"[A-Za-z0-9_-]{1,128}"
_SEGMENT = re.compile(
    rf"(?:(?P<session>{_SESSION})\.)?(?P<jwt>e[wy][A-Za-z0-9_-]*\.e[wy][A-Za-z0-9_-]*\.[A-Za-z0-9_-]*)"
)
_URL = re.compile(r"(?P<origin>(?:https?://[^/?#]+)?)(?P<path>/[^?#]*)(?P<rest>.*)", re.DOTALL)
_FIELD = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
# In the order in which `intsig` joins them; the session stands behind them, headers and query behind that.
_FLAGS = {"ip": "client", "co": "country", "cty": "city", "reg": "subdivision"}
_KNOWN = {*_FLAGS, "ssn", "co_fallback", "reg_fallback", "ip_ver", "headers", "qs", "paths", "exc", "intsig"}
_TIMES = {"not_before": "nbf", "expires": "exp", "issued_at": "iat"}
_EXEMPT = ("exempt",)
_SAYABLE = {*_TIMES, "session_id", "scope", "conditions", "dialect", "key_id"}


class AwsSmd:
    """The dialect `aws-smd`."""

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. Of the viewer, only what the token speaks of is bound to it."""
        segments, path = _take(request.path, carriage, mount)
        if not segments:
            return None
        if len(segments) > 1:
            raise Denied(Reason.AMBIGUOUS, "more than one token")
        token = Token(segments[0])
        return Found(token, Transport.PATH, path, request.query, _bound(token, request.at(path, request.query)))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return _take(path, carriage, mount)[1], query

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a token whose `intsig` fits the viewer's request, unless its path is exempt from that."""
        session, jws = _parse(found.token)
        key = jose.verify(jws, ring)
        if key.algorithm is not Algorithm.HS256 or not isinstance(key.verifying, Secret):
            raise Denied(Reason.WRONG_ALGORITHM, "these tokens are signed with HS256")
        claims = replace(_claims(_payload(jws), session, found.bound), key_id=key.id, dialect=NAME)
        if found.bound != _EXEMPT:
            _check_viewer(_payload(jws), claims, key.verifying)
        return claims

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for the session and the viewer that the claims speak of (`SameViewer`). Misuse for anything else."""
        secret = key.signing
        if key.algorithm is not Algorithm.HS256 or not isinstance(secret, Secret):
            raise Misuse(f"key {key.id} cannot sign here: HS256 is needed")
        _check_sayable(claims)
        facts = _facts(claims)
        members = _members(claims, facts)
        text = _joined(facts, claims.session_id)
        if text:
            members["intsig"] = base64url_encode(mac(secret, text.encode(), Hash.SHA256))
        try:
            said = _claims(members, claims.session_id, _flat(facts))
            payload = strict_json.dumps(members)
        except (Denied, ValueError) as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        if said != replace(claims, key_id=None, dialect=""):
            raise Misuse("a token of this format cannot say the claims as given")
        jwt = jose.sign(payload, key, typ="JWT").reveal()
        return Token(jwt if claims.session_id is None else f"{claims.session_id}.{jwt}")

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        if transport is not Transport.PATH or transport not in carriage.transports:
            raise Misuse("these tokens ride in the path")
        found = _URL.fullmatch(url)
        base = mount.rstrip("/") + "/"
        path = "" if found is None else _take(found["path"], carriage, mount)[1]
        if found is None or not path.startswith(base):
            raise Misuse("the URL is not below the mount")
        return Signed(f"{found['origin']}{base}{token.reveal()}/{path.removeprefix(base)}{found['rest']}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Session and claims, without the MAC of the viewer's facts."""
        session, jws = _parse(found.token)
        said = [(name, value) for name, value in _payload(jws).items() if name != "intsig"]
        about = (("kid", jws.key_id or "absent"), ("session", session or "absent"))
        return (*about, *((_shown(name), _shown(value)) for name, value in said))


def _take(path: str, carriage: Carriage, mount: str) -> tuple[list[str], str]:
    """The tokens among the first segments below the mount, and the path without them."""
    base = mount.rstrip("/") + "/"
    found: list[str] = []
    if Transport.PATH not in carriage.transports or not path.startswith(base):
        return found, path
    segment, slash, rest = path.removeprefix(base).partition("/")
    while slash and _SEGMENT.fullmatch(segment):
        found.append(segment)
        path = base + rest
        segment, slash, rest = rest.partition("/")
    return found, path


def _parse(token: Token) -> tuple[str | None, jose.Jws]:
    text = token.reveal()
    if len(text) > jose.MAX_TOKEN_CHARS:
        raise Denied(Reason.TOO_LARGE, f"a token has at most {jose.MAX_TOKEN_CHARS} characters")
    found = _SEGMENT.fullmatch(text)
    if found is None:
        raise Denied(Reason.MALFORMED, "a token is a JWT, perhaps behind a session and a dot")
    jws = jose.parse(Token(found["jwt"]))
    if jws.type not in {None, "jwt"}:
        raise Denied(Reason.UNSUPPORTED, "typ is JWT or absent")
    return found["session"], jws


def _payload(jws: jose.Jws) -> JsonObject:
    try:
        return strict_json.loads_object(jws.payload)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"claims: {error}") from None


def _bound(token: Token, request: Request) -> tuple[str, ...]:
    """What `verify` needs of the request; nothing where the token is none, which `verify` will find too."""
    try:
        payload = _payload(_parse(token)[1])
        exempt = _scope(payload, "exc")
        if exempt is not None and exempt.covers(normalise(request.path)):
            return _EXEMPT
        return _flat(tuple((name, fact(request, name)) for name in _names(payload)))
    except (Denied, UnsafePath):
        return ()


def _flat(facts: tuple[Fact, ...]) -> tuple[str, ...]:
    return tuple(part for name, value in facts if value is not None for part in (name, value))


def _names(payload: JsonObject) -> tuple[str, ...]:
    """The facts that a token speaks of, in the order of `intsig`, the session left out."""
    for name in (*_FLAGS, "ssn", "co_fallback", "reg_fallback"):
        if not isinstance(payload.get(name, False), bool):
            raise Denied(Reason.MALFORMED, f"{name} is true or false")
    flags = tuple(ours for name, ours in _FLAGS.items() if payload.get(name))
    headers = tuple(f"header:{name}" for name in _list(payload, "headers"))
    if not all(_FIELD.fullmatch(name.removeprefix("header:")) for name in headers):
        raise Denied(Reason.MALFORMED, "headers are named in lower case")
    names = (*flags, *headers, *(f"query:{name}" for name in _list(payload, "qs")))
    if len(set(names)) != len(names):
        raise Denied(Reason.MALFORMED, "a fact of the viewer is named twice")
    return names


def _list(payload: JsonObject, name: str) -> tuple[str, ...]:
    """A list that may be empty or absent."""
    value = payload.get(name, [])
    return () if value == [] else read_list(name, value, read_text)


def _scope(payload: JsonObject, name: str) -> PathScope | None:
    prefixes = _list(payload, name)
    if any("*" in prefix or "?" in prefix for prefix in prefixes):
        raise Denied(Reason.UNSUPPORTED, f"{name} holds plain prefixes")
    try:
        return PathScope(tuple(_path_rule(prefix) for prefix in prefixes)) if prefixes else None
    except UnsafePath as error:
        raise Denied(Reason.MALFORMED, f"{name}: {error}") from None


def _path_rule(prefix: str) -> PathRule:
    """A prefix of characters, not of segments."""
    return PathRule(Rule.PREFIX, prefix) if prefix.endswith("/") else PathRule(Rule.GLOB, prefix + "**")


def _claims(payload: JsonObject, session: str | None, bound: tuple[str, ...]) -> Claims:
    if payload.keys() - _KNOWN - set(_TIMES.values()):
        raise Denied(Reason.UNSUPPORTED, "a claim may restrict the token in a way that is not enforced here")
    times = {ours: read_time(name, payload[name]) for ours, name in _TIMES.items() if name in payload}
    names = _names(payload)
    if (session is not None) != bool(payload.get("ssn")):
        raise Denied(Reason.MALFORMED, "a session stands before the token where ssn is true, and nowhere else")
    exempt, paths = _scope(payload, "exc"), _scope(payload, "paths")
    scope = exempt if bound == _EXEMPT else paths
    if scope is None:
        raise Denied(Reason.MALFORMED, "paths is missing")
    given = {} if bound == _EXEMPT else dict(zip(bound[::2], bound[1::2], strict=False))
    facts = () if bound == _EXEMPT else tuple((name, given.get(name)) for name in names)
    return Claims(
        not_before=times.get("not_before"),
        expires=times.get("expires"),
        issued_at=times.get("issued_at"),
        session_id=None if bound == _EXEMPT else session,
        scope=scope,
        conditions=(SameViewer(facts),) if facts else (),
    )


def _check_viewer(payload: JsonObject, claims: Claims, secret: Secret) -> None:
    facts = _facts(claims)
    for name, value in facts:
        if value is None and name in _FLAGS.values():
            raise Denied(reason_of(name), f"the viewer's {name} is not known")
    text = _joined(facts, claims.session_id)
    client = dict(facts).get("client")
    if client is not None and payload.get("ip_ver") != (6 if ":" in client else 4):
        raise Denied(Reason.WRONG_NETWORK, "the viewer's address is of another version than ip_ver")
    said = payload.get("intsig")
    if not text and said is None:
        return
    if not isinstance(said, str):
        raise Denied(Reason.MALFORMED, "intsig is missing")
    try:
        given = base64url_decode(said)
    except ValueError:
        raise Denied(Reason.MALFORMED, "intsig is base64url") from None
    if not same(given, mac(secret, text.encode("utf-8", "surrogatepass"), Hash.SHA256)):
        raise Denied(Reason.BAD_SIGNATURE, "intsig was made for another viewer")


def _facts(claims: Claims) -> tuple[Fact, ...]:
    match claims.conditions:
        case ():
            return ()
        case (SameViewer(facts),):
            return facts
        case _:
            raise Misuse("a token of this format can say one thing of its viewer: SameViewer")


def _joined(facts: tuple[Fact, ...], session: str | None) -> str:
    """What `intsig` is the MAC of; a header or parameter that is not there is left out."""
    before = [value for name, value in facts if name in _FLAGS.values()]
    behind = [value for name, value in facts if name not in _FLAGS.values()]
    return ":".join(value for value in (*before, session, *behind) if value)


def _members(claims: Claims, facts: tuple[Fact, ...]) -> JsonObject:
    said = dict(facts)
    members: JsonObject = {name: ours in said for name, ours in _FLAGS.items()}
    members["ssn"] = claims.session_id is not None
    for ours, name in _TIMES.items():
        value = getattr(claims, ours)
        if value is not None:
            members[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    members["headers"] = [name.removeprefix("header:") for name in said if name.startswith("header:")]
    members["qs"] = [name.removeprefix("query:") for name in said if name.startswith("query:")]
    client = said.get("client")
    if client is not None:
        members["ip_ver"] = 6 if ":" in client else 4
    rules = () if claims.scope is None else claims.scope.rules
    members["paths"] = [rule.pattern.removesuffix("**") for rule in rules]
    members["exc"] = []  # Amazon's function fails without it
    return members


def _check_sayable(claims: Claims) -> None:
    nothing = Claims()
    extra = [
        each.name
        for each in fields(Claims)
        if each.name not in _SAYABLE and getattr(claims, each.name) != getattr(nothing, each.name)
    ]
    if extra:
        raise Misuse(f"a token of this format cannot say: {', '.join(extra)}")
    if claims.session_id is not None and not re.fullmatch(_SESSION, claims.session_id):
        raise Misuse("a session is 1 to 128 characters of A-Z a-z 0-9 _ -")


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else strict_json.dumps(value).decode("utf-8")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)[:120]
