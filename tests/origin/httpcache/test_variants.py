from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.fields import Fields
from origin.httpcache.variants import UNSELECTABLE, is_selected, selected_by, variant_key, variant_of, vary_names
from tests.origin.httpcache.exchanges import any_fields

variants = st.lists(st.tuples(st.sampled_from(["a", "b", "a=", "~#"]), st.none() | st.text()), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([], ()),
        (["Foo"], ("foo",)),
        (["Foo, bar ,FOO,, baz"], ("bar", "baz", "foo")),
        (["Foo", "Bar"], ("bar", "foo")),
        (["", ","], ()),
        (["*"], None),
        (["*, *"], None),
        (["*", "*"], None),
        ([", *"], None),
        (["", "*"], None),
        (["*, Foo"], None),
        (["Foo, *"], None),
        (["Foo Bar"], None),
        (['"foo"'], None),
        ([",".join(f"a{number}" for number in range(33))], None),
    ],
)
def test_names(lines: list[str], names: tuple[str, ...] | None) -> None:
    assert vary_names(tuple(("Vary", line) for line in lines)) == names


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("foo", ["1"], ["1"]),
        ("foo", [], []),
        ("foo", ["1, 2"], ["1", "2"]),
        ("foo", ["1,2"], [" 1 ,\t2 "]),
        ("foo", ['"a,b" , c'], ['"a,b"', "c"]),
        ("accept-language", ["en, de"], ["de, en"]),
        ("accept-language", ["en, de"], ["eN, De"]),
        ("accept-language", ["en, de"], [" en ,   de"]),
        ("accept-language", ["en;q=1.0, de;q=0.50"], ["de ; q=0.5", "en"]),
        ("accept-encoding", ["gzip, br"], ["BR,GZip"]),
        ("accept-encoding", ["gzip;q=1.0, br;q=0.5"], ["br; q=0.500, x-gzip"]),
    ],
)
def test_equal(name: str, one: list[str], other: list[str]) -> None:
    assert variant_of((name,), tuple((name, value) for value in one)) == variant_of(
        (name,), tuple((name.upper(), value) for value in other)
    )


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("foo", ["1"], ["2"]),
        ("foo", [], ["1"]),
        ("foo", [], [""]),
        ("foo", ["a"], ["A"]),
        ("foo", ["1, 2"], ["2, 1"]),
        ("foo", ["1 2"], ["12"]),
        ("foo", ['"a, b"'], ['"a,b"']),
        ("foo", ["a,,b"], ["a,b"]),
        ("accept-language", ["en, de;q=0.5"], ["en, de"]),
        ("accept-language", ["en"], ["en-gb"]),
        ("accept-language", ["en_"], ["EN_"]),  # malformed: as it stands
        ("accept-encoding", ["gzip"], ["gzip;q=0"]),
        ("accept-encoding", ["gzip"], ["gzip, br"]),
    ],
)
def test_different(name: str, one: list[str], other: list[str]) -> None:
    first, second = (variant_of((name,), tuple((name, value) for value in lines)) for lines in (one, other))
    assert first != second
    assert variant_key(first) != variant_key(second)


def test_only_what_is_named_counts() -> None:
    request = (("Foo", "1"), ("Other", "2"), ("Bar", "abc"))
    assert variant_of(("bar", "baz", "foo"), request) == (("bar", "abc"), ("baz", None), ("foo", "1"))
    assert variant_of((), request) == ()


def test_selection() -> None:
    request = (("Foo", "1"),)
    selected = selected_by((("Vary", "Foo, Bar"),), request)
    assert selected == (("bar", None), ("foo", "1"))
    assert is_selected(selected, request)
    assert is_selected(selected, (("Other", "2"), ("foo", " 1 ")))
    assert not is_selected(selected, (("Foo", "1"), ("Bar", "")))
    assert is_selected(selected_by((), request), ())


def test_what_no_request_selects() -> None:
    assert selected_by((("Vary", "Foo, *"),), ()) == UNSELECTABLE
    assert not is_selected(UNSELECTABLE, ())
    assert not is_selected(UNSELECTABLE, (("*", "1"),))


@pytest.mark.parametrize(
    ("variant", "key"),
    [
        ((), ""),
        ((("a", None), ("b", ""), ("c", "x&d=1")), "a&b=&c=x%26d%3D1"),
        ((("a", "\udc80ü"),), "a=%ED%B2%80%C3%BC"),
    ],
)
def test_key(variant: tuple[tuple[str, str | None], ...], key: str) -> None:
    assert variant_key(variant) == key


@given(variants, variants)
def test_keys_are_equal_for_equal_variants_alone(
    one: tuple[tuple[str, str | None], ...], other: tuple[tuple[str, str | None], ...]
) -> None:
    one, other = (tuple(pair for pair in each if "=" not in pair[0]) for each in (one, other))  # no token has one
    assert (variant_key(one) == variant_key(other)) is (one == other)


def test_a_long_key_is_a_digest() -> None:
    one, other = (variant_key((("a", letter * 300),)) for letter in "xy")
    assert one != other
    assert one.startswith("#")
    assert len(one) == 65


@pytest.mark.parametrize("piece", ['"', '"\\', ",", 'a="', " ", "a;q=0.5,", "en,"])
def test_a_hostile_value_is_read_once(piece: str) -> None:
    value = piece * 20_000  # a quadratic reader would not come back within the test's time
    fields = tuple((name, value) for name in ("vary", "foo", "accept-language", "accept-encoding"))
    vary_names(fields)
    variant_key(variant_of(("accept-encoding", "accept-language", "foo"), fields))


@given(any_fields, any_fields)
def test_no_field_is_too_much(response: Fields, request: Fields) -> None:
    names = vary_names(response)
    variant = variant_of(names or (), request)
    assert [name for name, _ in variant] == list(names or ())
    assert variant_key(variant).isascii()
