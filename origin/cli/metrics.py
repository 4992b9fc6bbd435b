"""`headgate metrics`: what is measured."""

from __future__ import annotations


def reference() -> None:
    """Show every metric with its type, labels and meaning, as Markdown."""
    from origin.telemetry.declarations import metrics_markdown

    print(metrics_markdown(), end="")
