"""The whole gateway, as an operator starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.demo import Demo, running_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The session's demo; tests leave it running. Mark them `needs("ffmpeg", "npm")`."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running
