"""What every test may use, and what every test must obey: real parts by name, no blocking on the loop."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TypeVar

import aiofastnet
import pytest
import uvloop
from blockbuster import blockbuster_ctx
from hypothesis import settings

from tests.clock import Clock
from tests.parts import find_part, version_of
from tests.redis_server import RedisServer, free_port
from tests.s3_server import S3Server

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
LoopFactory = Callable[[], asyncio.AbstractEventLoop]

LOOPS: Mapping[str, LoopFactory] = {
    "uvloop+fast": aiofastnet.loop_factory(uvloop.new_event_loop),
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
DEFAULT_LOOP = "uvloop+fast"

# Functions that may block on the loop, by file, each with its reason beside it. Keep it short.
MAY_BLOCK: tuple[tuple[str, str], ...] = (
    ("origin/storage/filesystem.py", "__init__"),  # built once, before anything is served
    ("origin/settings/load.py", "parse"),  # so are settings
    ("origin/runtime.py", "open_runtime"),  # and the object graph
    ("origin/workers/worker_bus.py", "_serve"),  # the fast transports look once at the socket that they are given
)

# Where the tests are the last word before a release, a test that did not run is a failure.
REQUIRE_ALL = os.environ.get("TESTS_REQUIRE_PARTS") == "1"

# A busy machine must not fail a property: no example has a deadline of its own.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_tell_of_open_stream = asyncio.StreamWriter.__del__


def _collected(writer: asyncio.StreamWriter) -> None:
    """A stream that nobody has any more, collected by whichever thread comes by.

    The fast transports may be asked by their own thread alone, and say so by an error. In that thread a stream that was
    left open is told of as ever.
    """
    try:
        _tell_of_open_stream(writer)
    except RuntimeError as error:
        if "wrong thread" not in str(error):
            raise


asyncio.StreamWriter.__del__ = _collected  # type: ignore[method-assign]

_used_parts = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares `--all-loops`."""
    parser.addoption("--all-loops", action="store_true", help=f"run async tests on each of {', '.join(LOOPS)}")


def pytest_configure(config: pytest.Config) -> None:
    """Starts the list of real parts that tests have used."""
    config.stash[_used_parts] = set[str]()


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The loops that an async test runs on: production's, or all."""
    del item
    return LOOPS if config.getoption("all_loops") else {DEFAULT_LOOP: LOOPS[DEFAULT_LOOP]}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose real parts are missing, by their name; notes those that it uses."""
    needed = [str(name) for mark in item.iter_markers("needs") for name in mark.args]
    missing = [name for name in needed if find_part(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    item.config.stash[_used_parts].update(needed)
    threading.current_thread().name = item.nodeid  # so that the stacks dumped at a timeout name the test


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Counts a skipped test as failed where all must run."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Counts a skipped test file as failed where all must run."""
    return _refuse_skip((yield))


def _refuse_skip(report: Report) -> Report:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason} (TESTS_REQUIRE_PARTS=1: every test must run)"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says in one line what ran and with which real parts."""
    counts = {name: len(terminalreporter.getreports(name)) for name in ("passed", "failed", "error", "skipped")}
    failed = counts["failed"] + counts["error"]
    used = config.stash[_used_parts]
    parts = ", ".join(f"{name} {version_of(name)}" for name in sorted(used)) or "none"
    ran = f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped"
    terminalreporter.write_line(f"headgate tests: {ran}; real parts: {parts}")


@pytest.fixture(autouse=True)
def loop_never_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails an async test in which our code blocks the event loop; what tests do themselves is not judged."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    with blockbuster_ctx(["auth", "cache", "origin"]) as guard:
        for function in guard.functions.values():
            for filename, name in MAY_BLOCK:
                function.can_block_in(filename, name)
        yield


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is advanced."""
    return Clock()


@pytest.fixture(name="free_port")
def free_port_fixture() -> int:
    """A loopback TCP port that nothing listens on now."""
    return free_port()


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's Redis server; tests take `redis_server`. Mark them `needs("redis-server")`."""
    program = find_part("redis-server")
    assert program is not None, 'mark the test with @pytest.mark.needs("redis-server")'
    server = RedisServer(program, tmp_path_factory.mktemp("redis"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """A real Redis server, running and empty, whatever the test before did to it."""
    redis_process.start()
    redis_process.flush()
    return redis_process


@pytest.fixture(scope="session")
def s3_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The session's S3 server; tests take `s3_server`. Mark them `needs("moto")`."""
    assert find_part("moto") is not None, 'mark the test with @pytest.mark.needs("moto")'
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def s3_server(s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """A real S3 server, running, whose good key the environment holds; it keeps what other tests have put."""
    s3_process.start()
    for name in [name for name in os.environ if name.upper().startswith(("AWS_", "HTTP_PROXY", "ALL_PROXY"))]:
        monkeypatch.delenv(name)
    for name, value in s3_process.environment().items():
        monkeypatch.setenv(name, value)
    return s3_process
