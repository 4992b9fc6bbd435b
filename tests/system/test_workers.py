"""Supervised workers, as an operator runs and ends them: under load, and with everything that may go wrong."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.processes import HEADGATE, Gateway, environment, headgate, serving, wait_until, write_configuration
from tests.system.worker_load import load, read_all, slow_transfer

pytestmark = pytest.mark.system

MISSING = '[keyrings.main]\nfile = "missing.json"\n'
MOUNTS = '[[mount]]\nprefix = "/open"\nstorage = "file:media"\naccess = "open"\n'
SEGMENT = random.Random(7).randbytes(50_000)
LONG = random.Random(8).randbytes(24 * 1024 * 1024)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration for two workers."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.ts").write_bytes(SEGMENT)
    (media / "long.ts").write_bytes(LONG)
    return configure(tmp_path)


def configure(folder: Path, *, workers: int = 2, drain_seconds: float = 10, mounts: str = MOUNTS) -> Path:
    server = f"[server]\nworkers = {workers}\ndrain_seconds = {drain_seconds}\n[log]\naccess = false"
    return write_configuration(folder, mounts, extra=server)


def workers_of(gateway: Gateway) -> set[int]:
    """The process ids of the supervisor's children."""
    pid = gateway.process.pid
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def told(gateway: Gateway, words: str) -> int:
    """How many lines of the log say so."""
    return gateway.stderr.read_text().count(words)


def counted(gateway: Gateway) -> float:
    """Requests for the segment, as any worker's metrics have it."""
    return gateway.metric("headgate_requests_total", mount="/open", code="200")


def reload(gateway: Gateway) -> set[int]:
    """Reload, wait until the old workers have gone, and give the new ones."""
    before, done = workers_of(gateway), told(gateway, "reloaded:")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: told(gateway, "reloaded:") > done, "the reload is done")
    wait_until(lambda: not before & workers_of(gateway), "the old workers are gone")
    return workers_of(gateway)


def test_a_reload_under_load_fails_no_request(site: Path) -> None:
    with serving(site) as gateway:
        seen = [workers_of(gateway)]
        with load(gateway.ports["public"], "/open/a.ts", SEGMENT, players=8) as running:
            running.advance(100)
            for _ in range(2):
                seen.append(reload(gateway))
                running.advance(100)
        assert running.failures == []
        # Those who have gone have not taken their counts with them.
        wait_until(lambda: counted(gateway) == running.answered, "all that was answered is counted")
        assert running.reconnected > 0  # somebody was on a connection that went
        assert all(len(each) == 2 for each in seen)
        assert len(set.union(*seen)) == 6
        assert gateway.end() == 0


def test_killed_workers_cost_only_what_they_were_answering(site: Path) -> None:
    players, rounds = 8, 2
    with serving(site) as gateway:
        with load(gateway.ports["public"], "/open/a.ts", SEGMENT, players=players) as running:
            for number in range(rounds):
                running.advance(100)
                before = workers_of(gateway)
                os.kill(min(before), signal.SIGKILL)
                running.advance(20)  # by those who are left
                wait_until(lambda done=number: told(gateway, "was ended by signal 9") > done, "it was noticed")  # type: ignore[misc]
                wait_until(lambda: len(workers_of(gateway)) == 2, "another has come")
                assert before != workers_of(gateway)
            running.advance(100)
        # A player loses at most the request that it was waiting for; all of them could hang on the one that was killed.
        assert len(running.failures) <= players * rounds
        assert abs(counted(gateway) - running.answered) <= players * (rounds + 1)
        assert gateway.end() == 0


def test_a_slow_transfer_outlives_a_reload_and_the_end(site: Path) -> None:
    with serving(site) as gateway:
        port = gateway.ports["public"]
        with contextlib.closing(slow_transfer(port, "/open/long.ts")) as slow:
            before = workers_of(gateway)
            gateway.process.send_signal(signal.SIGHUP)
            wait_until(lambda: told(gateway, "reloaded:") > 0, "the reload is done")
            wait_until(lambda: len(before & workers_of(gateway)) == 1, "only the one with the transfer is left")
            assert read_all(slow)[1] == LONG
        wait_until(lambda: not before & workers_of(gateway), "the old workers are gone")
        with contextlib.closing(slow_transfer(port, "/open/long.ts")) as slow:
            gateway.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _refuses(port), "nobody accepts any more")
            assert gateway.process.poll() is None
            assert read_all(slow)[1] == LONG
        assert gateway.process.wait(30) == 0


def test_who_asks_twice_for_the_end_does_not_wait_for_a_transfer(site: Path) -> None:
    configure(site.parent, drain_seconds=600)
    with serving(site) as gateway, contextlib.closing(slow_transfer(gateway.ports["public"], "/open/long.ts")):
        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: len(workers_of(gateway)) == 1, "only the one with the transfer is left")
        assert gateway.end() == 0


def test_a_reload_takes_the_new_configuration_and_refuses_a_bad_one(site: Path) -> None:
    with serving(site) as gateway:
        before = workers_of(gateway)
        site.write_text(site.read_text() + "nonsense = 1\n")
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: told(gateway, "the reload is given up") == 1, "the error is told")
        assert told(gateway, "is not a setting") == 1 or told(gateway, "nonsense") >= 1
        configure(site.parent, mounts=MOUNTS.replace("/open", "/new") + MISSING)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: told(gateway, "the reload is given up") == 2, "the error is told")
        assert workers_of(gateway) >= before
        assert gateway.get("/open/a.ts").body == SEGMENT
        configure(site.parent, workers=1, mounts=MOUNTS.replace("/open", "/new"))
        assert len(reload(gateway)) == 1
        assert [gateway.get(f"{prefix}/a.ts").status for prefix in ("/open", "/new")] == [404, 200]
        assert gateway.end() == 0


def test_workers_end_when_their_supervisor_is_killed(site: Path) -> None:
    with serving(site) as gateway:
        port = gateway.ports["public"]
        descriptors = [os.pidfd_open(pid) for pid in workers_of(gateway)]
        with contextlib.closing(slow_transfer(port, "/open/long.ts")) as slow:
            assert gateway.end(signal.SIGKILL) == -signal.SIGKILL
            wait_until(lambda: _refuses(port), "nobody accepts any more")
            assert read_all(slow)[1] == LONG
        for descriptor in descriptors:
            os.set_blocking(descriptor, False)
            wait_until(lambda one=descriptor: _has_ended(one), "the workers have ended")  # type: ignore[misc]
            os.close(descriptor)


def test_what_cannot_start_is_told_with_its_code(site: Path) -> None:
    taken = write_configuration(site.parent, MOUNTS, name="taken.toml", extra="[server]\nworkers = 2\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = headgate("serve", "--config", str(taken), cwd=site.parent, HEADGATE_PUBLIC__PORT=str(port))
    assert said.returncode == 3
    assert said.stderr == f"headgate: cannot listen on 127.0.0.1:{port} (public): Address already in use\n"
    lost = write_configuration(site.parent, MOUNTS, name="lost.toml", extra=MISSING)
    said = headgate("serve", "--config", str(lost), "--workers", "2", cwd=site.parent)
    assert (said.returncode, "before it was ready" in said.stderr) == (2, True)


@pytest.mark.parametrize("workers", ["0", "many"])
def test_so_many_workers_there_are_not(workers: str, site: Path) -> None:
    said = headgate("serve", "--config", str(site), "--workers", workers, cwd=site.parent)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert said.stderr.startswith("headgate: --workers: ")


@contextlib.contextmanager
def activated(folder: Path, *arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`headgate serve` with a socket that listens already, as a service manager would start it; and its port."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        start = f"import os, sys; os.dup2({opened.fileno()}, 3); os.environ['LISTEN_PID'] = str(os.getpid()); " + (
            "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        )
        told = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "public"} | variables
        with (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-c", start, *HEADGATE[1:], "serve", *arguments],
                cwd=folder,
                env=environment(**told),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
                pass_fds=[opened.fileno()],
            )
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["alone", "with workers"])
def test_a_service_manager_gives_the_socket_and_hears_what_happens(arguments: tuple[str, ...], site: Path) -> None:
    write_configuration(site.parent, MOUNTS, extra="[log]\naccess = false\n")
    address = str(site.parent / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        with activated(site.parent, *arguments, NOTIFY_SOCKET=address) as (process, port):
            # Whoever comes before it is up waits in the queue, and is answered.
            early = slow_transfer(port, "/open/a.ts")
            assert read_all(early)[1] == SEGMENT
            early.close()
            ready = manager.recv(4096).decode().split("\n")
            assert ready[:2] == ["READY=1", f"MAINPID={process.pid}"]
            process.send_signal(signal.SIGTERM)
            assert manager.recv(4096).startswith(b"STOPPING=1")
            assert process.wait(30) == 0


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionError:
        return True
    return False


def _has_ended(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])
