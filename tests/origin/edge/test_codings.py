from __future__ import annotations

import gzip
import sys

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.edge.codings import PREFERENCE, PREFERENCE_QUICK, Effort, encode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress}


@given(st.binary(max_size=2000), st.sampled_from(PREFERENCE), st.sampled_from(Effort))
def test_what_is_encoded_can_be_decoded_and_is_always_the_same(data: bytes, coding: str, effort: Effort) -> None:
    encoded = encode(data, coding, effort)
    assert DECODERS[coding](encoded) == data
    assert encode(data, coding, effort) == encoded


def test_both_preferences_name_the_same_codings() -> None:
    assert set(PREFERENCE) == set(PREFERENCE_QUICK) == set(DECODERS)


def test_no_other_coding() -> None:
    with pytest.raises(ValueError, match="no such coding"):
        encode(b"", "deflate", Effort.ONCE)
