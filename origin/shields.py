"""A mount's upstream or bucket, settings in hand: what pulls, what is kept of it, and by which rules."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auth import Request
