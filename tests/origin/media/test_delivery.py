"""Delivery directives among what else a query holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.media.delivery import delivery_directives


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ""),
        ("token=x&v=1", ""),
        ("_HLS_part=2&v=1&_HLS_msn=12", "_HLS_msn=12&_HLS_part=2"),
        ("_HLS_skip=YES", "_HLS_skip=YES"),
        ("_HLS_skip=v2&_HLS_msn=0", "_HLS_msn=0&_HLS_skip=v2"),
        ("_HLS_msn=1&_HLS_msn=2", ""),
        ("_HLS_msn=-1", ""),
        ("_HLS_msn=", ""),
        ("_HLS_msn", ""),
        ("_HLS_msn=1%32", ""),
        ("_HLS_msn=" + "9" * 16, ""),
        ("_HLS_skip=yes", ""),
        ("_HLS_push=1", ""),
        ("x_HLS_msn=1", ""),
    ],
)
def test_only_what_is_well_formed_is_kept(query: str, kept: str) -> None:
    assert delivery_directives(query) == kept


@given(st.text(alphabet="_HLSmnpartskiYE=&0123456789v", max_size=60))
def test_it_is_settled(query: str) -> None:
    once = delivery_directives(query)
    assert delivery_directives(once) == once
