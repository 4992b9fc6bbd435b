"""The proxy that stands for a bad network does what tests rely on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.fault_proxy import FaultProxy

SHORT = 0.1  # seconds that silence is listened to
PATIENT = 10.0


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that says everything back, and ends when it is told no more."""

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                while said := connection.recv(65536):
                    connection.sendall(said)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(PATIENT)


@pytest.fixture
def proxy(echo_port: int) -> Iterator[FaultProxy]:
    """A proxy in front of the echo."""
    with FaultProxy(echo_port) as proxy:
        yield proxy


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENT)


def ask(connection: socket.socket, said: bytes) -> bytes:
    """What comes back: as much as was said, or less when the connection ends."""
    connection.sendall(said)
    back = b""
    while len(back) < len(said) and (piece := connection.recv(65536)):
        back += piece
    return back


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(SHORT)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENT)
    return False


def test_without_a_fault_everything_passes(proxy: FaultProxy) -> None:
    with connect(proxy) as one, connect(proxy) as other:
        assert ask(one, b"a" * 500_000) == b"a" * 500_000
        assert ask(other, b"b") == b"b"
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
        assert ask(other, b"b") == b"b"
    assert proxy.connections == 2


def test_cut_resets_and_refuses_until_it_is_healed(proxy: FaultProxy) -> None:
    with connect(proxy) as one:
        assert ask(one, b"a") == b"a"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            one.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    proxy.heal()
    with connect(proxy) as again:
        assert ask(again, b"a") == b"a"


def test_a_black_hole_holds_back_and_lets_go(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert ask(before, b"a") == b"a"
        proxy.black_hole()
        before.sendall(b"b")
        with connect(proxy) as meanwhile:
            meanwhile.sendall(b"c")
            assert is_silent(before)
            assert is_silent(meanwhile)
            proxy.heal()
            assert (before.recv(1), meanwhile.recv(1)) == (b"b", b"c")


def test_delay_keeps_everything_waiting(proxy: FaultProxy) -> None:
    with connect(proxy) as connection:
        proxy.delay(0.5)
        connection.sendall(b"a")
        assert is_silent(connection)
        assert connection.recv(1) == b"a"
        proxy.heal()
        assert ask(connection, b"b") == b"b"


def test_truncation_ends_in_good_order_after_so_many_bytes(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert ask(before, b"a") == b"a"
        proxy.truncate(10)
        with connect(proxy) as after:
            for connection in (before, after):
                assert ask(connection, b"0123456") == b"0123456"
                assert ask(connection, b"789abc") == b"789"
                assert connection.recv(1) == b""


def test_truncation_to_nothing_is_an_end_without_a_word(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert ask(before, b"a") == b"a"
        proxy.truncate(0)
        assert before.recv(1) == b""
        with connect(proxy) as after:
            assert after.recv(1) == b""


def test_reset_after_so_many_bytes(proxy: FaultProxy) -> None:
    proxy.reset(3)
    with connect(proxy) as connection:
        assert ask(connection, b"ab") == b"ab"
        with pytest.raises(ConnectionResetError):
            assert [ask(connection, b"cd"), ask(connection, b"ef")] == []


def test_reset_at_once_of_old_and_new_connections(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert ask(before, b"a") == b"a"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            before.recv(1)
    with pytest.raises(ConnectionResetError), connect(proxy) as after:
        after.recv(1)
    proxy.heal()
    with connect(proxy) as again:
        assert ask(again, b"a") == b"a"


def test_nobody_behind_it_is_a_reset(proxy: FaultProxy, free_port: int) -> None:
    with FaultProxy(free_port) as lonely, pytest.raises(ConnectionResetError), connect(lonely) as connection:
        connection.recv(1)
    assert proxy.connections == 0


def test_it_can_lead_elsewhere(proxy: FaultProxy, free_port: int) -> None:
    proxy.lead_to(free_port)
    with pytest.raises(ConnectionResetError), connect(proxy) as connection:
        connection.recv(1)


async def test_it_serves_a_test_with_a_loop_of_its_own(proxy: FaultProxy, echo_port: int) -> None:
    import asyncio

    assert proxy.port != echo_port
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"a")
    assert await reader.readexactly(1) == b"a"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
