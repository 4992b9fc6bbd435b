"""Takes tokens out of what is written down: request targets, header fields, free text.

Where a name might be a token's name in some spelling, its whole value goes: a log that hides too much is an
inconvenience, one that shows a token is a breach.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

REDACTED = "[redacted]"

# Names that carry credentials in one dialect or another, whatever a mount is configured to call its own.
CREDENTIAL_NAMES = frozenset(
    {
        "__hdnea__",
        "__token__",
        "access_token",
        "auth_key",
        "bcdn_token",
        "cat",
        "cloud-cdn-cookie",
        "cloudfront-policy",
        "cloudfront-signature",
        "edge-cache-cookie",
        "edge-cache-token",
        "hdnea",
        "hdntl",
        "hdnts",
        "hmac",
        "jwt",
        "key1",
        "md5",
        "password",
        "policy",
        "s",  # the signature of Traffic Server's url_sig
        "secure",
        "sig",
        "sign",
        "signature",
        "token",
        "urisigningpackage",
        "urlsig",
        "verify",
        "wowzatokenhash",
    }
)
_CREDENTIAL_FIELDS = frozenset(
    {
        "authorization",
        "common-access-token",
        "cookie",
        "cta-common-access-token",
        "dpop",
        "proxy-authorization",
        "set-cookie",
    }
)
_TARGET_FIELDS = frozenset({"referer", "location", "content-location", "x-original-uri", "x-forwarded-uri"})
_MAX_DECODINGS = 4

# Two runs are enough: a token cut off before its signature still says who the viewer is. A session token is one run.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{4,}(?:(?:\.|%2[eE])[A-Za-z0-9_-]*)+|HGs1[A-Za-z0-9_-]{28,}")
# Hashes, signatures and texts of tokens, under whatever name: in a query, where a film has no business to be called so.
_LONG = re.compile(r"[A-Za-z0-9_-]{20,}")
# Tokens that stand in a path without a name: a hash with its padding, a hash beside a time, a long text in base64url.
_BARE = re.compile(
    r"(?<=/)(?:[A-Za-z0-9_-]{22}==[^/]*|[0-9]{12}/[0-9a-f]{32}|[0-9a-f]{32}/[0-9A-Fa-f]{8}"
    r"|(?=[^/]*[a-z])(?=[^/]*[A-Z])(?=[^/]*[0-9])[A-Za-z0-9_.-]{40,})(?=/)"
)
_USER_INFO = re.compile(r"(//)[^/?#]*@")


def redact_text(text: str) -> str:
    """`text` with session tokens masked, and all that looks like a JWT (RFC 7519 §3): base64url runs after `eyJ`."""
    return _JWT.sub(REDACTED, text) if "eyJ" in text or "HGs1" in text else text


@dataclass(frozen=True, slots=True)
class Redactor:
    """Knows the names under which tokens travel here. Build it with `redactor`."""

    pattern: re.Pattern[str]  # a token name followed by "="
    secret_fields: frozenset[str]  # lower-case header field names whose value is a credential

    def target(self, target: str) -> str:
        """A request target or URL without tokens in its query, path segments or user information."""
        path, mark, query = target.partition("?")
        path = _BARE.sub(REDACTED, path)
        if not query and "=" not in path and "%" not in path and "@" not in path:
            return redact_text(path + mark)
        path = _USER_INFO.sub(rf"\1{REDACTED}@", path)
        shown_path = "/".join(map(self._piece, path.split("/")))
        return redact_text(shown_path + mark + "&".join(map(self._parameter, query.split("&"))))

    def header(self, name: str, value: str) -> str:
        """A header field's value without credentials; `name` in any case."""
        name = name.lower()
        if name in _CREDENTIAL_FIELDS or name in self.secret_fields:
            return REDACTED
        return self.target(value) if name in _TARGET_FIELDS else redact_text(value)

    def _parameter(self, piece: str) -> str:
        """A query parameter; its value goes if it looks like a hash or a text in base64, too."""
        decoded = _decoded(piece)
        is_hash = decoded is not None and any(map(_is_no_word, _LONG.findall(decoded)))
        return _masked(piece) if is_hash else self._piece(piece)

    def _piece(self, piece: str) -> str:
        """One path segment or query parameter; its value goes if a token's name is anywhere in it."""
        decoded = _decoded(piece)
        if decoded is not None and not self.pattern.search(decoded) and not _JWT.search(decoded):
            return piece
        return _masked(piece)


def _masked(piece: str) -> str:
    """A piece without its value, or without all of it where its name may be none."""
    name, equals, _ = piece.partition("=")
    is_plain_name = bool(equals) and name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return f"{name}={REDACTED}" if is_plain_name and not _LONG.search(name) else REDACTED


def _is_no_word(run: str) -> bool:
    """Whether a long run of letters and digits has digits, or letters of both cases."""
    return any(map(str.isdigit, run)) or run not in {run.lower(), run.upper()}


def redactor(token_names: frozenset[str], secret_fields: frozenset[str] = frozenset()) -> Redactor:
    """A redactor for the configured token names and the header fields that carry secrets."""
    names = sorted(re.escape(name.lower()) for name in token_names | CREDENTIAL_NAMES)
    pattern = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(names)})\s*=", re.IGNORECASE)
    return Redactor(pattern, frozenset(name.lower() for name in secret_fields))


def _decoded(piece: str) -> str | None:
    """`piece` with its percent-encoding taken off until none is left, or None when it is nested too deep."""
    for _ in range(_MAX_DECODINGS):
        if "%" not in piece:
            return piece
        decoded = unquote(piece, errors="replace")
        if decoded == piece:
            return piece
        piece = decoded
    return None if "%" in piece else piece
