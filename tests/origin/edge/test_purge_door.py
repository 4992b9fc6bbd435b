"""PURGE over the wire: only trusted peers, in force on return."""

from __future__ import annotations

MOUNTS: list[dict[str, object]] = [{"prefix": "/open", "storage": "file:media", "access": "open"}]
