"""The names of the environment variables by which a supervised worker knows where it belongs."""

from __future__ import annotations

DIRECTORY = "HEADGATE_WORKERS_DIRECTORY"
SLOT = "HEADGATE_WORKER"
