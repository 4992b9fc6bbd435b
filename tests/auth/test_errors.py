"""Reasons are stable words."""

from __future__ import annotations

import re

from auth.errors import Denied, Reason


def test_a_verdict_reads_as_its_reason() -> None:
    assert str(Denied(Reason.EXPIRED)) == "token_expired"
    assert str(Denied(Reason.MALFORMED, "exp is a number")) == "token_malformed: exp is a number"


def test_reasons_are_fit_for_labels() -> None:
    assert all(re.fullmatch(r"[a-z_]{3,40}", reason) for reason in Reason)
    assert len({reason.value for reason in Reason}) == len(Reason)
