"""HTTP Message Signatures (RFC 9421) of requests: made, verified, and asked for.

The algorithm is the key's, never the message's. Components are header fields as they stand and what is derived from the
request line; those with parameters (`sf`, `key`, `bs`, `req`, `tr`) are refused, but for the name of a `@query-param`.
A signature covers no content: cover `content-digest` and check that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from auth import algorithms
from auth.algorithms import ED25519_NAMES, Algorithm
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Pairs, Request
from auth.rules.url import Url
from auth.structured_fields import (
    InnerList,
    Item,
    Member,
    parse_dictionary,
    write_member,
)

MAX_SIGNATURES = 8
MAX_COMPONENTS = 32

# RFC 9421 §3.3; an algorithm that is not in its registry does not sign requests.
_NAMES = dict.fromkeys(ED25519_NAMES, "ed25519") | {
    Algorithm.HS256: "hmac-sha256",
    Algorithm.ES256: "ecdsa-p256-sha256",
    Algorithm.ES384: "ecdsa-p384-sha384",
    Algorithm.RS256: "rsa-v1_5-sha256",
    Algorithm.PS512: "rsa-pss-sha512",
}
_LABEL = re.compile(r"[a-z*][a-z0-9_.*-]{0,63}")
_FIELD = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\t -~]*")
_QUERY_PARAM = "@query-param"
_TIMES = ("created", "expires")
_TEXTS = ("nonce", "alg", "keyid", "tag")


@dataclass(frozen=True, slots=True)
class Component:
    """What a signature covers: "@method", "@query-param" with the (encoded) `name` of one, or a header field."""

    id: str
    name: str | None = None

    def as_item(self) -> Item:
        """The component's identifier (RFC 9421 §2)."""
        return Item(self.id, () if self.name is None else (("name", self.name),))


METHOD = Component("@method")
TARGET_URI = Component("@target-uri")


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """What a verifier asks of a signature. Durations in seconds."""

    components: tuple[Component, ...] = (METHOD, TARGET_URI)  # at least these are covered
    max_age: float = 300  # since `created`
    skew: float = 5  # how far clocks may disagree
    nonce_required: bool = False  # whether it was seen before, the caller knows
    tag: str | None = None  # only a signature with this tag is looked at
    label: str | None = None  # only a signature with this label is looked at

    def __post_init__(self) -> None:
        if not self.components or self.max_age <= 0 or not 0 <= self.skew <= 300:
            raise Misuse("a signature covers something, has an age, and clocks disagree by at most 300 seconds")


DEFAULT_POLICY = SignaturePolicy()


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature that holds has said."""

    label: str
    key_id: str
    components: tuple[Component, ...]
    created: int
    expires: int | None
    nonce: str | None
    tag: str | None


def verify(request: Request, keys: KeyRing, now: float, policy: SignaturePolicy = DEFAULT_POLICY) -> SignedRequest:
    """The one signature of a request that the policy looks at, or Denied. `now` in Unix seconds.

    Denied(ABSENT) when there is none, Denied(AMBIGUOUS) for several. `expires` is the first instant at which it has
    expired, `skew` seconds allowed.
    """
    label, covered, signature = _chosen(request, policy)
    given = dict(covered.parameters)
    _check_types(given)
    components = _components(covered)
    key = keys.find(str(given.get("keyid", "")))
    if key is None:
        raise Denied(Reason.UNKNOWN_KEY)
    name = _NAMES.get(key.algorithm)
    if name is None or given.get("alg", name) != name:
        raise Denied(Reason.WRONG_ALGORITHM)
    algorithms.verify(key.algorithm, key.verifying, _base(request, components, covered), signature)
    if not key.is_in_force(now, policy.skew):
        raise Denied(Reason.KEY_NOT_IN_FORCE)
    created, expires = _int(given, "created"), _int(given, "expires")
    if created is None:
        raise Denied(Reason.EXPIRY_MISSING, "a signature says when it was created")
    said = SignedRequest(label, key.id, components, created, expires, _text(given, "nonce"), _text(given, "tag"))
    _judge(said, policy, now)
    return said


def sign(
    request: Request,
    key: Key,
    created: int,
    components: tuple[Component, ...] = (METHOD, TARGET_URI),
    *,
    label: str = "sig1",
    expires: int | None = None,
    nonce: str | None = None,
    tag: str | None = None,
) -> Pairs:
    """The fields `signature-input` and `signature` of a request. Misuse when it cannot be signed so."""
    if key.signing is None or key.algorithm not in _NAMES:
        raise Misuse(f"requests are signed with a private or shared key for {', '.join(sorted(set(_NAMES.values())))}")
    if not _LABEL.fullmatch(label) or len(set(components)) != len(components) or len(components) > MAX_COMPONENTS:
        raise Misuse("a label is a key of a dictionary, and a component is covered once")
    said = {"created": created, "expires": expires, "keyid": key.id, "nonce": nonce, "tag": tag}
    parameters = tuple((name, value) for name, value in said.items() if value is not None)
    covered = InnerList(tuple(component.as_item() for component in components), parameters)
    try:
        base = _base(request, components, covered)
        signature = Item(algorithms.sign(key.algorithm, key.signing, base))
        fields = (("signature-input", covered), ("signature", signature))
        return tuple((name, f"{label}={write_member(member)}") for name, member in fields)
    except (Denied, ValueError) as error:
        raise Misuse(f"the request cannot be signed: {error}") from None


def accept_signature(policy: SignaturePolicy = DEFAULT_POLICY, *, key_id: str | None = None) -> str:
    """The value of `Accept-Signature` (RFC 9421 §5) that asks for what the policy asks for."""
    parameters: list[tuple[str, bool | str]] = [("created", True)]
    if policy.nonce_required:
        parameters.append(("nonce", True))
    if key_id is not None:
        parameters.append(("keyid", key_id))
    if policy.tag is not None:
        parameters.append(("tag", policy.tag))
    wanted = InnerList(tuple(component.as_item() for component in policy.components), tuple(parameters))
    return f"{policy.label or 'sig1'}={write_member(wanted)}"


def _chosen(request: Request, policy: SignaturePolicy) -> tuple[str, InnerList, bytes]:
    inputs, signatures = _dictionary(request, "signature-input"), _dictionary(request, "signature")
    if len(inputs) > MAX_SIGNATURES or len(signatures) > MAX_SIGNATURES:
        raise Denied(Reason.TOO_LARGE, f"a request has at most {MAX_SIGNATURES} signatures")
    looked_at = [
        (label, member)
        for label, member in inputs.items()
        if policy.label in {None, label} and (policy.tag is None or ("tag", policy.tag) in member.parameters)
    ]
    if not looked_at:
        raise Denied(Reason.ABSENT, "no signature of the kind that is looked at")
    if len(looked_at) > 1:
        raise Denied(Reason.AMBIGUOUS, "more than one signature")
    label, covered = looked_at[0]
    signature = signatures.get(label)
    if not isinstance(covered, InnerList) or not isinstance(signature, Item) or not isinstance(signature.value, bytes):
        raise Denied(Reason.MALFORMED, "a label has a list of components, and a signature in octets")
    return label, covered, signature.value


def _dictionary(request: Request, name: str) -> dict[str, Member]:
    try:
        return parse_dictionary(", ".join(request.fields(name)))
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"{name}: {error}") from None


def _check_types(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if name not in {*_TIMES, *_TEXTS}:
            raise Denied(Reason.UNSUPPORTED, "a parameter of the signature that is not known")
        wanted = int if name in _TIMES else str
        if type(value) is not wanted:
            raise Denied(Reason.MALFORMED, "times are integers, and other parameters strings")


def _components(covered: InnerList) -> tuple[Component, ...]:
    if len(covered.items) > MAX_COMPONENTS:
        raise Denied(Reason.TOO_LARGE, f"a signature covers at most {MAX_COMPONENTS} components")
    components = tuple(map(_component, covered.items))
    if len(set(components)) != len(components):
        raise Denied(Reason.MALFORMED, "a component is covered once")
    return components


def _component(item: Item) -> Component:
    if type(item.value) is not str:
        raise Denied(Reason.MALFORMED, "a component is a string")
    parameters = dict(item.parameters)
    name = parameters.pop("name", None) if item.value == _QUERY_PARAM else None
    if parameters:
        raise Denied(Reason.UNSUPPORTED, "a component's parameter that is not known")
    if (item.value == _QUERY_PARAM) is not (type(name) is str):
        raise Denied(Reason.MALFORMED, "a query parameter has a name")
    return Component(item.value, name if isinstance(name, str) else None)


def _base(request: Request, components: tuple[Component, ...], covered: InnerList) -> bytes:
    """The signature base (RFC 9421 §2.5)."""
    lines = [f"{write_member(component.as_item())}: {_value(request, component)}" for component in components]
    lines.append(f'"@signature-params": {write_member(covered)}')
    return "\n".join(lines).encode("ascii")


def _value(request: Request, component: Component) -> str:
    value = _derived(request, component) if component.id.startswith("@") else _field(request, component.id)
    if not _VALUE.fullmatch(value):
        raise Denied(Reason.MALFORMED, "what is covered is a line of ASCII")
    return value


def _field(request: Request, name: str) -> str:
    """The values of a field, in one line (RFC 9421 §2.1)."""
    if not _FIELD.fullmatch(name):
        raise Denied(Reason.MALFORMED, "a field's name is in lower case")
    values = request.fields(name)
    if not values:
        raise Denied(Reason.WRONG_HEADER, "a field that is covered is not there")
    return ", ".join(value.strip(" \t") for value in values)


def _derived(request: Request, component: Component) -> str:
    """What is derived from the request line (RFC 9421 §2.2)."""
    url = Url.of(request)
    if not url.host:
        raise Denied(Reason.MALFORMED, "the request names no host")
    path = request.path or "/"
    match component.id:
        case "@method":
            return request.method
        case "@scheme":
            return request.scheme.lower()
        case "@authority":
            return url.authority
        case "@path":
            return path
        case "@query":
            return f"?{request.query}"
        case "@request-target":
            return f"{path}?{request.query}" if request.query else path
        case "@target-uri":
            return url.text
        case "@query-param":
            return _query_param(request.query, component.name or "")
        case _:
            raise Denied(Reason.UNSUPPORTED, "a component that requests do not have, or that is not known")


def _query_param(query: str, name: str) -> str:
    """The one value of a parameter, read as a form's and encoded again (RFC 9421 §2.2.8)."""
    pairs = (piece.partition("=")[::2] for piece in query.split("&") if piece)
    values = [value for known, value in pairs if _form(known) == name]
    if len(values) != 1:
        raise Denied(Reason.MALFORMED, "a query parameter that is covered is there once")
    return _form(values[0])


def _form(text: str) -> str:
    try:
        plain = unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeError:
        raise Denied(Reason.MALFORMED, "a query parameter is UTF-8") from None
    return quote(plain, safe="*").replace("~", "%7E")


def _judge(said: SignedRequest, policy: SignaturePolicy, now: float) -> None:
    if not set(policy.components) <= set(said.components):
        raise Denied(Reason.SCOPE_MISSING, "the signature does not cover all that it has to")
    if said.created > now + policy.skew:
        raise Denied(Reason.NOT_YET_VALID)
    if now > said.created + policy.max_age + policy.skew:
        raise Denied(Reason.EXPIRED)
    if said.expires is not None and now >= said.expires + policy.skew:
        raise Denied(Reason.EXPIRED)
    if policy.nonce_required and said.nonce is None:
        raise Denied(Reason.MALFORMED, "a signature has a nonce")


def _int(given: Mapping[str, object], name: str) -> int | None:
    value = given.get(name)
    return value if isinstance(value, int) else None


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) else None
