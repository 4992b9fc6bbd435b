from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.negotiation import choose_coding, parse_accept_encoding

AVAILABLE = ("br", "gzip")


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, None),
        ("", None),
        (" , ", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br", "br"),  # equal weights: the server's favourite
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip ; q=0.5,br\t;\tQ=0.50", "br"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("br;q=0, gzip", "gzip"),
        ("deflate", None),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip, *;q=0", "gzip"),
        ("br;q=0, *", "gzip"),
        ("br;q=0.1, *;q=0.5", "gzip"),
        ("zstd;q=1, *;q=0.5", "br"),
        ("identity", None),
        ("identity, gzip", "gzip"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0, gzip", "gzip"),
        ("gzip;q=0.5, identity;q=0.6, br;q=0.4", None),
        ("gzip;q=0.3, *;q=0.8, br;q=0", None),  # `*` speaks for identity too
        # nothing acceptable is left: identity all the same
        ("identity;q=0", None),
        ("identity;q=0, deflate", None),
        ("identity;q=0, *;q=0", None),
        # a malformed field asks for nothing
        ("gzip;q=2", None),
        ("gzip;q=-1", None),
        ("gzip;q=0.1234", None),
        ("gzip;q=", None),
        ("gzip;q", None),
        ("gzip;level=9", None),
        ("gzip;q=1;q=1", None),
        ("gzip;q=1.5, br", None),
        ("gzip q=1", None),
        ("gz ip", None),
        ("gzip;q=\u0661", None),
        ("gzip\n", None),
        ("gzip, " * 1000, None),
        # named twice: the least weight counts
        ("gzip, gzip;q=0", None),
        ("gzip;q=0, gzip", None),
        ("gzip;q=0, x-gzip", None),
    ],
)
def test_choices(header: str | None, chosen: str | None) -> None:
    assert choose_coding(header, AVAILABLE) == chosen


def test_without_variants_there_is_no_choice() -> None:
    assert choose_coding("gzip, br, *", ()) is None


codings = st.sampled_from(["br", "gzip", "zstd", "deflate", "identity", "*"])
weights = st.integers(0, 1000)
wishes = st.dictionaries(codings, weights)
offers = st.permutations(["br", "gzip", "zstd"]).flatmap(
    lambda order: st.integers(0, 3).map(lambda count: tuple(order[:count]))
)


def written(wish: dict[str, int]) -> str:
    return ", ".join(f"{coding};q={weight / 1000:.3f}" for coding, weight in wish.items())


@given(wishes)
def test_weights_read_back(wish: dict[str, int]) -> None:
    parsed = parse_accept_encoding(written(wish))
    assert parsed is not None
    assert {coding: round(weight * 1000) for coding, weight in parsed.items()} == wish


@given(wishes, offers)
def test_nothing_better_was_left_out(wish: dict[str, int], available: tuple[str, ...]) -> None:
    chosen = choose_coding(written(wish), available)

    def weight(coding: str) -> int:
        return wish.get(coding, wish.get("*", 0))

    if chosen is None:
        assert all(weight(coding) == 0 or weight(coding) < weight("identity") for coding in available)
        return
    assert chosen in available
    assert weight(chosen) > 0
    assert weight(chosen) >= weight("identity")
    for other in available:
        assert weight(other) <= weight(chosen)
        if weight(other) == weight(chosen):
            assert available.index(chosen) <= available.index(other)


@given(st.text(st.sampled_from("gzipbr*;q=01., \t"), max_size=30))
def test_no_text_makes_it_raise_or_choose_what_is_not_there(header: str) -> None:
    assert choose_coding(header, AVAILABLE) in {None, *AVAILABLE}
