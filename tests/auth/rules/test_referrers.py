"""Referrers, allowed and blocked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.errors import Misuse
from auth.rules import CONDITIONS
from auth.rules.referrers import Referrers
from tests.auth.samples import NOW, get

ALLOW = Referrers(("a.example/page", "*.b.example"))


@pytest.mark.parametrize(
    ("rule", "fields", "is_open"),
    [
        (ALLOW, ["https://a.example/page/1?x"], True),
        (ALLOW, ["HTTP://A.example:8080/page"], True),
        (ALLOW, ["https://a.example/other"], False),
        (ALLOW, ["https://a.example.evil/page"], False),
        (ALLOW, ["https://x.b.example/"], True),
        (ALLOW, ["https://b.example/"], False),
        (ALLOW, ["https://evil/x.b.example"], False),
        (ALLOW, ["https://evil@x.b.example/"], True),
        (ALLOW, ["https://x.b.example@evil/"], False),
        (ALLOW, ["a.example/page"], False),
        (ALLOW, ["https://[x/"], False),
        (ALLOW, ["https://x.b.example/", "https://x.b.example/"], False),
        (ALLOW, [], False),
        (ALLOW, [""], False),
        (Referrers(("a.example", "")), [], True),
        (Referrers((), ("a.example",)), ["https://a.example/x"], False),
        (Referrers((), ("a.example",)), ["https://c.example/", "https://a.example/"], False),
        (Referrers((), ("a.example",)), ["https://c.example/"], True),
        (Referrers((), ("a.example",)), [], True),
        (Referrers((), ("a.example", "")), [], False),
    ],
)
def test_a_requests_referrer(rule: Referrers, fields: list[str], is_open: bool) -> None:
    request = replace(get(), headers=tuple(("referer", text) for text in fields))
    assert (rule.objection(request, NOW) is None) is is_open


@pytest.mark.parametrize("patterns", [(), ("a*",), ("**.a",), ("a",) * 65])
def test_what_is_no_list_of_referrers(patterns: tuple[str, ...]) -> None:
    with pytest.raises(Misuse):
        Referrers(patterns)


def test_it_travels_as_json() -> None:
    for rule in (ALLOW, Referrers((), ("a", ""))):
        assert CONDITIONS[rule.WORD].from_json(rule.to_json()) == rule
    for value in (None, [], [["a"]], [["a"], [1]], ["a", "b"]):
        with pytest.raises(ValueError, match="referrer"):
            Referrers.from_json(value)  # type: ignore[arg-type]
