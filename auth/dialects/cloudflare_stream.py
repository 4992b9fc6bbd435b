"""Tokens of Cloudflare Stream: a JWT in the place of the video's id, `/<jwt>/manifest/video.m3u8`.

The path that remains has the id, which is the token's `sub`, and the token opens what lies below it: downloads only
if it says `downloadable`. `accessRules` let in or keep out by country and address; the first that matches decides.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace

from auth import jose, strict_json
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims, read_list, read_network, read_text, read_time
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.rules.access import AccessRule, AccessRules, NotBelow
from auth.rules.condition import Condition
from auth.rules.url import Url
from auth.scope import PathScope, UnsafePath
from auth.secret import Token
from auth.strict_json import JsonObject, JsonValue

NAME = "cloudflare-stream"
CARRIAGE = Carriage("stream", frozenset({Transport.PATH}))

_SEGMENT = re.compile(r"e[wy][A-Za-z0-9_-]*\.e[wy][A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_VIDEO = re.compile(r"[A-Za-z0-9_-]{1,128}")
_COUNTRY = re.compile(r"[A-Z][A-Z0-9]")  # "T1" is what Cloudflare calls Tor
_URL = re.compile(r"(?P<origin>(?:https?://[^/?#]+)?)(?P<path>/[^?#]*)(?P<rest>.*)", re.DOTALL)
_TIMES = {"not_before": "nbf", "expires": "exp", "issued_at": "iat"}
_KNOWN = {*_TIMES.values(), "sub", "kid", "downloadable", "accessRules"}
_ACTIONS = {"allow": True, "block": False}
_MAX_RULES = 5
_DOWNLOADS = "downloads/"
_SAYABLE = {*_TIMES, "subject", "scope", "conditions", "dialect", "key_id"}


class CloudflareStream:
    """The dialect `cloudflare-stream`."""

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. The remaining path has the id that the token names, whoever has signed it."""
        token, rest = _take(request.path, carriage, mount)
        if token is None:
            return None
        base = mount.rstrip("/") + "/"
        return Found(token, Transport.PATH, f"{base}{_video_of(token)}/{rest}", request.query, (base,))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`: the token makes room for the id."""
        token, rest = _take(path, carriage, mount)
        return path if token is None else f"{mount.rstrip('/')}/{_video_of(token)}/{rest}", query

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a JWT signed with RS256 whose header and payload name one key."""
        jws, payload = _parse(found.token)
        key = jose.verify(jws, ring)
        if key.algorithm is not Algorithm.RS256:
            raise Denied(Reason.WRONG_ALGORITHM, "these tokens are signed with RS256")
        if len(found.bound) != 1:
            raise Denied(Reason.MALFORMED, "the token is not in a path")
        return replace(_claims(payload, found.bound[0]), key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for the video that is the claims' subject. It may download unless a `NotBelow` is among them."""
        if key.algorithm is not Algorithm.RS256:
            raise Misuse(f"key {key.id} cannot sign here: RS256 is needed")
        _check_sayable(claims)
        base = "/"
        if claims.scope is not None and claims.subject is not None:
            base = claims.scope.rules[0].pattern.removesuffix(f"{claims.subject}/")
        try:
            members = _members(claims, key.id)
            payload = strict_json.dumps(members)
            said = _claims(members, base)
        except (ValueError, Denied) as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        if said != replace(claims, scope=claims.scope or said.scope, key_id=None, dialect=""):
            raise Misuse("a token of this format cannot say the claims as given")
        return jose.sign(payload, key, typ="JWT")

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """`url` with the token in the place of the video's id. Misuse for a URL of another video."""
        if transport is not Transport.PATH or transport not in carriage.transports:
            raise Misuse("these tokens ride in the path")
        found = _URL.fullmatch(url)
        base = mount.rstrip("/") + "/"
        path = "" if found is None else self.strip(found["path"], "", carriage, mount)[0]
        mark = f"{base}{_video_of(token)}/"
        if found is None or not path.startswith(mark):
            raise Misuse("the URL is not of the token's video")
        return Signed(f"{found['origin']}{base}{token.reveal()}/{path.removeprefix(mark)}{found['rest']}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Key and claims."""
        jws, payload = _parse(found.token)
        return (("kid", jws.key_id or "absent"), *((_shown(name), _shown(value)) for name, value in payload.items()))


def _take(path: str, carriage: Carriage, mount: str) -> tuple[Token | None, str]:
    """The token in the place of the first segment below the mount, and what stands behind it."""
    base = mount.rstrip("/") + "/"
    if Transport.PATH not in carriage.transports or not path.startswith(base):
        return None, path
    segment, slash, rest = path.removeprefix(base).partition("/")
    return (Token(segment), rest) if slash and _SEGMENT.fullmatch(segment) else (None, path)


def _video_of(token: Token) -> str:
    """The id that a token names; "-" where it names none, and `verify` will refuse it."""
    try:
        return _video(_parse(token)[1])
    except Denied:
        return "-"


def _parse(token: Token) -> tuple[jose.Jws, JsonObject]:
    jws = jose.parse(token)
    try:
        payload = strict_json.loads_object(jws.payload)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"claims: {error}") from None
    if jws.type not in {None, "jwt"}:
        raise Denied(Reason.UNSUPPORTED, "typ is JWT or absent")
    named = payload.get("kid", jws.key_id)
    if not isinstance(named, str) or jws.key_id not in {None, named}:
        raise Denied(Reason.MALFORMED, "header and payload name one key")
    return replace(jws, key_id=named), payload


def _video(payload: JsonObject) -> str:
    video = payload.get("sub")
    if not isinstance(video, str) or not _VIDEO.fullmatch(video):
        raise Denied(Reason.MALFORMED, "sub is a video's id")
    return video


def _claims(payload: JsonObject, base: str) -> Claims:
    if payload.keys() - _KNOWN:
        raise Denied(Reason.UNSUPPORTED, "a claim may restrict the token in a way that is not enforced here")
    times = {ours: read_time(name, payload[name]) for ours, name in _TIMES.items() if name in payload}
    video = _video(payload)
    downloadable = payload.get("downloadable", False)
    if not isinstance(downloadable, bool):
        raise Denied(Reason.MALFORMED, "downloadable is true or false")
    rules = _rules(payload["accessRules"]) if "accessRules" in payload else ()
    conditions: tuple[Condition, ...] = () if downloadable else (NotBelow(f"{base}{video}/{_DOWNLOADS}"),)
    try:
        scope = PathScope.prefix(f"{base}{video}/")
    except UnsafePath as error:
        raise Denied(Reason.MALFORMED, str(error)) from None
    return Claims(
        subject=video,
        not_before=times.get("not_before"),
        expires=times.get("expires"),
        issued_at=times.get("issued_at"),
        scope=scope,
        conditions=(*conditions, AccessRules(rules)) if rules else conditions,
    )


def _rules(value: JsonValue) -> tuple[AccessRule, ...]:
    if value == []:
        return ()
    if not isinstance(value, list) or len(value) > _MAX_RULES:
        raise Denied(Reason.MALFORMED, f"accessRules is a list of at most {_MAX_RULES} rules")
    return tuple(_rule(item) for item in value)


def _rule(item: JsonValue) -> AccessRule:
    if not isinstance(item, dict):
        raise Denied(Reason.MALFORMED, "an access rule is an object")
    action, kind = item.get("action"), item.get("type")
    if not isinstance(action, str) or action not in _ACTIONS:
        raise Denied(Reason.UNSUPPORTED, "an access rule allows or blocks")
    allows = _ACTIONS[action]
    match kind:
        case "any" if item.keys() == {"type", "action"}:
            return AccessRule(allows)
        case "ip.src" if item.keys() == {"type", "action", "ip"}:
            return AccessRule(allows, networks=read_list("ip", item["ip"], read_network))
        case "ip.geoip.country" if item.keys() == {"type", "action", "country"}:
            return AccessRule(allows, frozenset(read_list("country", item["country"], _country)))
        case _:
            raise Denied(Reason.UNSUPPORTED, "an access rule is about any viewer, ip.src or ip.geoip.country")


def _country(name: str, value: JsonValue) -> str:
    country = read_text(name, value)
    if not _COUNTRY.fullmatch(country):
        raise Denied(Reason.MALFORMED, "a country has two characters in capitals")
    return country


def _members(claims: Claims, key_id: str) -> JsonObject:
    members: JsonObject = {"sub": claims.subject, "kid": key_id}
    for ours, name in _TIMES.items():
        value = getattr(claims, ours)
        if value is not None:
            members[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    if not any(isinstance(condition, NotBelow) for condition in claims.conditions):
        members["downloadable"] = True
    for condition in claims.conditions:
        if isinstance(condition, AccessRules):
            members["accessRules"] = [_said(rule) for rule in condition.rules]
    return members


def _said(rule: AccessRule) -> JsonObject:
    action = "allow" if rule.allows else "block"
    if rule.countries:
        return {"type": "ip.geoip.country", "country": list[JsonValue](sorted(rule.countries)), "action": action}
    if rule.networks:
        return {"type": "ip.src", "ip": [str(network) for network in rule.networks], "action": action}
    return {"type": "any", "action": action}


def _check_sayable(claims: Claims) -> None:
    nothing = Claims()
    extra = [
        each.name
        for each in fields(Claims)
        if each.name not in _SAYABLE and getattr(claims, each.name) != getattr(nothing, each.name)
    ]
    if extra:
        raise Misuse(f"a token of this format cannot say: {', '.join(extra)}")


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else strict_json.dumps(value).decode("utf-8")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)[:120]
