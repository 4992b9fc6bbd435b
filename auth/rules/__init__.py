"""Restrictions that a token may carry beyond paths, times and networks, as values of their own.

Lives here: what a whole URL must look like (`UrlRule`), and what else must be true of a request (`Condition`).
A dialect builds them, `enforce` asks them, and a session token carries them on, so each has a form in JSON. May not:
know a dialect, a key or a clock.
"""

from __future__ import annotations

from auth.rules.access import AccessRules, NotBelow
from auth.rules.condition import Condition
from auth.rules.countries import Countries
from auth.rules.expressions import UrlHash, UrlRegex
from auth.rules.header_matches import HeaderMatches
from auth.rules.path_and_query import PathAndQuery
from auth.rules.places import Circles, Geohashes, Regions
from auth.rules.tls_traits import ClientKey, Protocols, TlsFingerprint
from auth.rules.uri_components import UriComponents
from auth.rules.url import ExactUrl, UrlPrefixes, UrlRule
from auth.rules.viewer import SameViewer
from auth.rules.wildcards import UrlWildcards

# The word that a rule is stored under → how it is read back. A new rule is a file and a row here.
URL_RULES: dict[str, type[UrlRule]] = {
    ExactUrl.WORD: ExactUrl,
    PathAndQuery.WORD: PathAndQuery,
    UriComponents.WORD: UriComponents,
    UrlHash.WORD: UrlHash,
    UrlPrefixes.WORD: UrlPrefixes,
    UrlRegex.WORD: UrlRegex,
    UrlWildcards.WORD: UrlWildcards,
}
CONDITIONS: dict[str, type[Condition]] = {
    AccessRules.WORD: AccessRules,
    Circles.WORD: Circles,
    ClientKey.WORD: ClientKey,
    Countries.WORD: Countries,
    Geohashes.WORD: Geohashes,
    HeaderMatches.WORD: HeaderMatches,
    NotBelow.WORD: NotBelow,
    Protocols.WORD: Protocols,
    Regions.WORD: Regions,
    SameViewer.WORD: SameViewer,
    TlsFingerprint.WORD: TlsFingerprint,
}
