"""Why a source of keys cannot be used."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Fault(StrEnum):
    """Stable words. What is said of files is said of every source that has it."""

    MISSING = "key_file_missing"
    UNREADABLE = "key_file_unreadable"
    UNWRITABLE = "key_file_unwritable"
    EXPOSED = "key_file_exposed"  # others may read or write it
    TOO_LARGE = "key_file_too_large"
    INVALID = "key_file_invalid"
    AWAY = "key_source_away"  # no answer, or none in time
    REFUSED = "key_source_refused"  # an answer that is no key set


class KeystoreError(Exception):
    """A source cannot be used. The words name it and the fault, never what it holds."""

    def __init__(self, fault: Fault, where: Path | str, detail: str) -> None:
        """`where` may be shown: a path, or a name or URL without anything secret."""
        super().__init__(f"{where}: {detail}")
        self.fault = fault
        self.where = where
        self.detail = detail
