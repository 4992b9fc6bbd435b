"""Restrictions that a token may carry beyond paths, times and networks, as values of their own.

Lives here: what a whole URL must look like (`UrlRule`), and what else must be true of a request (`Condition`).
A dialect builds them, `enforce` asks them, and a session token carries them on, so each has a form in JSON. May not:
know a dialect, a key or a clock.
"""

from __future__ import annotations

from auth.rules.condition import Condition
from auth.rules.countries import Countries
from auth.rules.referrers import Referrers
from auth.rules.schemes import Schemes
from auth.rules.url import ExactUrl, UrlPrefixes, UrlRule

# The word that a rule is stored under → how it is read back. A new rule is a file and a row here.
URL_RULES: dict[str, type[UrlRule]] = {
    ExactUrl.WORD: ExactUrl,
    UrlPrefixes.WORD: UrlPrefixes,
}
CONDITIONS: dict[str, type[Condition]] = {
    Countries.WORD: Countries,
    Referrers.WORD: Referrers,
    Schemes.WORD: Schemes,
}
