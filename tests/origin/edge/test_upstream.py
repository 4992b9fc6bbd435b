"""Tags by rule."""

from __future__ import annotations

from pathlib import Path

from origin.edge.upstream import Upstream
from tests.origin.shield.scenes import scene


async def test_tags_by_the_beginning_of_a_path(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        tagged = Upstream(it.shield, is_http=True, tags={"": ("all",), "a/": ("a", "x"), "ab/": ("ab",)})
        assert tagged.tags_of("a/1.m4s") == ("all", "a", "x")
        assert tagged.tags_of("c") == ("all",)
        assert Upstream(it.shield, is_http=True).tags_of("a/1.m4s") == ()
