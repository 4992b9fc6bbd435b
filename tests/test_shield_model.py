"""The shield against a dictionary: whatever happens, every answer is one that the standards allow at that moment.

The dictionary has all versions of a few objects and when each was the current one. A step asks, writes, purges, changes
an object behind the shield's back, lets time pass or takes the upstream away. An answer has to be one whole version, or
a run of one, that was current within the time for which its object may be used, and none from before a write or a hard
purge.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from origin.http.fields import Fields, combined
from origin.httpcache.reuse import Purged
from origin.shield.bodies import BodyFailed
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.origin.shield.scenes import SLICE, Got, Scene, scene
from tests.scripted_origin import Answer, selected

T = TypeVar("T")


@dataclass(frozen=True)
class Version:
    """One version of an object; `body` None: it is not there."""

    number: int
    body: bytes | None
    etag: str | None
    since: float


@dataclass
class Thing:
    """An object, and how long an answer about it may be used."""

    path: str
    fields: Fields
    usable: float  # seconds after it was current: fresh, or stale while it is validated
    on_error: float = 0.0  # the same while the upstream fails
    tag: str | None = '"{}"'
    tongues: tuple[str, ...] = ()
    versions: list[Version] = field(default_factory=list)
    floor: int = 0  # the oldest version that may still be seen

    @property
    def current(self) -> Version:
        """What the upstream has."""
        return self.versions[-1]

    def until(self, version: Version) -> float:
        """When it ceased to be the current one."""
        after = self.versions.index(version) + 1
        return self.versions[after].since if after < len(self.versions) else math.inf

    def change(self, now: float, size: int | None) -> None:
        """Another version from now on."""
        number = len(self.versions)
        body = None if size is None else (f"{self.path}#{number};".encode() * (size // 4 + 1))[:size]
        etag = None if self.tag is None or body is None else self.tag.format(number)
        self.versions.append(Version(number, body, etag, now))

    def allowed(self, now: float, *, is_failing: bool) -> list[Version]:
        """The versions of which an answer may be now."""
        found = []
        for version in self.versions[self.floor :]:
            window = 1.0 if version.body is None else self.usable  # a 404 is over within the second
            window = max(window, self.on_error) if is_failing and version.body is not None else window
            # In the very moment at which it ends, an answer is stale.
            if now - self.until(version) < window or version is self.current:
                found.append(version)
        return found


def things() -> dict[str, Thing]:
    """What is at the upstream."""
    return {
        one.path: one
        for one in (
            Thing("/plain", (("Cache-Control", "max-age=10"),), 10),
            Thing("/swr", (("Cache-Control", "max-age=5, stale-while-revalidate=10"),), 15, on_error=15),
            Thing("/sie", (("Cache-Control", "max-age=5, stale-if-error=20"),), 5, on_error=25, tag=None),
            Thing("/weak", (("Cache-Control", "max-age=10"),), 10, tag='W/"{}"'),
            Thing("/strict", (("Cache-Control", "no-cache"),), 0),
            Thing("/private", (("Cache-Control", "private, max-age=10"),), 0),
            Thing(
                "/vary",
                (("Cache-Control", "max-age=10"), ("Vary", "Accept-Language")),
                10,
                tongues=("de", "en"),
            ),
        )
    }


PATHS = st.sampled_from(sorted(things()))
# Small ones, and those of several slices.
SIZES = st.sampled_from([0, 100, SLICE + 1, 6 * SLICE, 6 * SLICE, 11 * SLICE + 7, 11 * SLICE + 7])
TONGUES = st.sampled_from(["de", "en"])


class ShieldModel(RuleBasedStateMachine):
    """The steps."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.things = things()
        self.purges: dict[str, tuple[float, float]] = {}  # path → until when softly and hard
        self.is_failing = False

    def run(self, work: Awaitable[T]) -> T:
        """Do it on the loop."""

        async def all_of_it() -> T:
            return await work

        return self.runner.run(all_of_it())

    @initialize(path=PATHS, size=SIZES)
    def begin(self, path: str, size: int) -> None:
        """An object is there in a first version."""
        self.path = path
        directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.it: Scene = self.run(self.stack.enter_async_context(scene(Path(directory))))
        self.it.purged = self.judged
        self.things[path].change(self.it.clock(), size)
        self.it.origin.answers[path] = self.answered

    def teardown(self) -> None:
        """Nothing is left open: the scene looks."""
        try:
            self.run(self.stack.aclose())
        finally:
            self.runner.close()

    # What the upstream and the purges say.

    def answered(self, request: Outgoing) -> Answer:
        """The upstream's answer."""
        thing = self.things[request.target]
        if request.method == "PUT":
            thing.change(self.it.clock(), len(request.body))
            return Answer(204)
        version = thing.current
        if version.body is None:
            return Answer(404, body=b"nothing here")
        tongue = combined(request.fields, "Accept-Language") if thing.tongues else None
        etag = (
            ()
            if version.etag is None
            else (("ETag", version.etag if tongue is None else f'"{tongue}{version.number}"'),)
        )
        return selected(Answer(200, (*etag, *thing.fields), spoken(version.body, tongue)), request)

    def judged(self, url: str, since: float) -> Purged:
        """What a purge made of a response that was asked for at `since`."""
        softly, hard = self.purges.get(url.removeprefix("/vod"), (-math.inf, -math.inf))
        if since <= hard:
            return Purged.HARD
        return Purged.SOFT if since <= softly else Purged.NONE

    # Looking at answers.

    def look(self, path: str, tongue: str, *fields: tuple[str, str], method: str = "GET") -> Got | None:
        """An answer; None when there was none, for a reason."""
        wanted = (("Accept-Language", tongue), *fields)
        try:
            return self.run(self.it.get(path, *wanted, method=method))
        except UpstreamError:
            assert self.is_failing
        except BodyFailed:
            # Another version came between two runs, or the upstream went: whoever comes next is none the worse.
            if not self.is_failing:
                return self.run(self.it.get(path, *wanted, method=method))
        return None

    def check(self, path: str, tongue: str, got: Got | None, allowed: list[Version]) -> None:
        """It is one of the allowed ones, or a run of one."""
        if got is None or got.status >= 500:
            assert self.is_failing
            return
        spoken_by = tongue if self.things[path].tongues else None
        if got.status == 404:
            assert any(version.body is None for version in allowed)
            return
        bodies = [spoken(version.body, spoken_by) for version in allowed if version.body is not None]
        assert any(fits(got, body) for body in bodies), (got.status, got.fields, len(got.body), len(bodies))

    def seen(self, path: str) -> list[Version]:
        """What may be seen of it now."""
        return self.things[path].allowed(self.it.clock(), is_failing=self.is_failing)

    # The steps.

    @rule(tongue=TONGUES)
    def get(self, tongue: str) -> None:
        """All of it."""
        path = self.path
        got = self.look(path, tongue)
        self.check(path, tongue, got, self.seen(path))

    @rule(tongue=TONGUES, count=st.integers(2, 8))
    def get_together(self, tongue: str, count: int) -> None:
        """All of it, many at once."""
        path = self.path
        wanted = (("Accept-Language", tongue),)

        async def together() -> list[Got | BaseException]:
            found = await asyncio.gather(
                *(self.it.get_now(path, *wanted) for _ in range(count)), return_exceptions=True
            )
            await self.it.settled()
            return found

        for got in self.run(together()):
            if isinstance(got, Got):
                self.check(path, tongue, got, self.seen(path))
            else:
                assert isinstance(got, UpstreamError | BodyFailed)

    @rule(
        tongue=TONGUES,
        value=st.one_of(
            st.integers(0, 12 * SLICE).map(lambda first: f"bytes={first}-"),
            st.integers(1, 12 * SLICE).map(lambda length: f"bytes=-{length}"),
            st.tuples(st.integers(0, 12 * SLICE), st.integers(0, 3 * SLICE)).map(
                lambda both: f"bytes={both[0]}-{both[0] + both[1]}"
            ),
        ),
        if_range=st.one_of(st.none(), st.integers(0, 3)),
    )
    def get_range(self, tongue: str, value: str, if_range: int | None) -> None:
        """A run of it."""
        path = self.path
        more = () if if_range is None else (("If-Range", f'"{if_range}"'),)
        got = self.look(path, tongue, ("Range", value), *more)
        self.check(path, tongue, got, self.seen(path))

    @rule(tongue=TONGUES)
    def head(self, tongue: str) -> None:
        """Its head alone."""
        path = self.path
        got = self.look(path, tongue, method="HEAD")
        if got is not None and got.status == 200:
            tags = {version.etag for version in self.seen(path)}
            assert self.things[path].tongues or got.field("ETag") in tags

    @rule(tongue=TONGUES, number=st.integers(0, 4))
    def get_if_changed(self, tongue: str, number: int) -> None:
        """All of it, unless it is that version."""
        path = self.path
        thing = self.things[path]
        tag = f'"{tongue}{number}"' if thing.tongues else (thing.tag or '"{}"').format(number)
        got = self.look(path, tongue, ("If-None-Match", tag))
        allowed = self.seen(path)
        if got is not None and got.status == 304:
            assert number in {version.number for version in allowed if version.body is not None}
        else:
            self.check(path, tongue, got, allowed)

    @rule(tongue=TONGUES)
    def reload(self, tongue: str) -> None:
        """What there is at this moment."""
        path = self.path
        got = self.look(path, tongue, ("Cache-Control", "no-cache"))
        self.check(path, tongue, got, self.seen(path) if self.is_failing else [self.things[path].current])

    @rule(size=st.one_of(st.none(), SIZES))
    def change(self, size: int | None) -> None:
        """Behind the shield's back."""
        path = self.path
        self.it.clock.advance(0.5)
        self.things[path].change(self.it.clock(), size)

    @precondition(lambda self: not self.is_failing)
    @rule(size=SIZES)
    def write(self, size: int) -> None:
        """Through the shield."""
        path = self.path
        self.it.clock.advance(0.5)
        got = self.run(self.it.get(path, method="PUT", body=bytes(size)))
        assert got.status == 204
        self.things[path].floor = self.things[path].current.number

    @rule(is_hard=st.booleans())
    def purge(self, is_hard: bool) -> None:
        """From now on what was asked for until now is stale, or not there."""
        path = self.path
        now = self.it.clock()
        softly, hard = self.purges.get(path, (-math.inf, -math.inf))
        self.purges[path] = (softly, now) if is_hard else (now, hard)
        thing = self.things[path]
        if is_hard or (thing.usable <= 10 and thing.on_error == 0):
            thing.floor = thing.current.number
        self.it.clock.advance(0.5)

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 9.0, 30.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.it.clock.advance(seconds)

    @rule(trouble=st.sampled_from([None, None, Trouble.UNREACHABLE, Trouble.TIMED_OUT]))
    def fail(self, trouble: Trouble | None) -> None:
        """The upstream goes away, or comes back."""
        self.it.origin.down = trouble
        self.is_failing = trouble is not None
        self.it.clock.advance(1.5)


def spoken(body: bytes | None, tongue: str | None) -> bytes:
    """The body in a language: as long, and other bytes all the way."""
    return b"" if body is None else body if tongue is None else body.replace(b"/vary", f"({tongue})-".encode()[:5])


def fits(got: Got, body: bytes) -> bool:
    """Whether an answer is this body, or a run of it."""
    if got.status == 200:
        return got.body == body
    place = got.field("Content-Range") or ""
    if got.status == 416:
        return place == f"bytes */{len(body)}"
    first, _, rest = place.removeprefix("bytes ").partition("-")
    last, _, length = rest.partition("/")
    return (int(length), got.body) == (len(body), body[int(first) : int(last) + 1])


TestShieldModel = ShieldModel.TestCase
TestShieldModel.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a failure is to be told before the minute is over
)
