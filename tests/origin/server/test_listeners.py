from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from origin.server.listeners import (
    BACKLOG,
    ListenError,
    Place,
    adopt,
    announce,
    authority,
    given_sockets,
    open_listener,
    place_of,
    port_of,
)

# What is expected to be passed on, from descriptor 3, is replaced by the sockets that the test opens.
ACTIVATED = """
import os, sys
from origin.server.listeners import given_sockets
sockets = given_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "admin:public"}, 1)
print(*(each.getsockname()[1] for each in (*sockets.public, *sockets.admin)))
"""


def test_a_listener_accepts() -> None:
    (listener,) = open_listener("public", Place("127.0.0.1", 0))
    with listener, socket.create_connection(("127.0.0.1", port_of([listener])), 10):
        pass


def test_it_never_makes_the_queue_shorter() -> None:
    (listener,) = open_listener("public", Place("127.0.0.1", 0))
    with listener:
        listener.listen(1)  # as an event loop does
        port = port_of([listener])
        with contextlib.ExitStack() as stack:
            for _ in range(64):  # the kernel would let the third of them wait
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
    assert BACKLOG > 64


def test_a_name_is_listened_on_at_every_address_it_has() -> None:
    sockets = open_listener("public", Place("localhost", 0))
    families = {one.family for one in sockets}
    for one in sockets:
        one.close()
    assert families <= {socket.AF_INET, socket.AF_INET6}
    assert len(families) == len(sockets) > 0


def test_a_port_that_is_taken_is_told() -> None:
    (first,) = open_listener("public", Place("127.0.0.1", 0))
    port = port_of([first])
    with first, pytest.raises(ListenError) as told:
        open_listener("admin", Place("127.0.0.1", port))
    assert str(told.value) == f"cannot listen on 127.0.0.1:{port} (admin): Address already in use"


def test_an_address_of_the_other_family_is_told_in_brackets() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on \[2001:db8::1\]:80 \(public\): "):
        open_listener("public", Place("2001:db8::1", 80))


def test_a_listener_knows_its_place() -> None:
    (listener,) = open_listener("public", Place("127.0.0.1", 0))
    with listener:
        assert place_of([listener]) == Place("127.0.0.1", port_of([listener]))


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(
        ListenError, match=r"cannot listen on 192\.0\.2\.1:80 \(public\): Cannot assign requested address"
    ):
        open_listener("public", Place("192.0.2.1", 80))


def test_who_is_adopted_listens() -> None:
    (listener,) = open_listener("public", Place("127.0.0.1", 0))
    port = port_of([listener])
    with adopt(listener.detach()) as adopted:
        assert port_of([adopted]) == port
        assert not os.get_inheritable(adopted.fileno())
        socket.create_connection(("127.0.0.1", port), 10).close()


def test_what_does_not_listen_is_not_adopted(tmp_path: Path) -> None:
    with socket.socket() as idle, pytest.raises(ListenError, match="no TCP socket that listens"):
        adopt(idle.fileno())
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        with pytest.raises(ListenError, match="no TCP socket that listens"):
            adopt(local.fileno())
    with (tmp_path / "file").open("wb") as file, pytest.raises(ListenError, match="is no socket"):
        adopt(file.fileno())


def test_sockets_of_a_service_manager_are_taken_by_name() -> None:
    opened = [open_listener("public", Place("127.0.0.1", 0))[0] for _ in range(2)]
    admin, public = opened
    # Descriptors 3 and 4 of the child, as sd_listen_fds(3) has it.
    move = (
        f"import os\nos.dup2({admin.fileno()}, 200)\nos.dup2({public.fileno()}, 201)\nos.dup2(200, 3)\nos.dup2(201, 4)"
    )
    run = subprocess.run(
        [sys.executable, "-c", f"{move}\n{ACTIVATED}"],
        pass_fds=[each.fileno() for each in opened],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.stdout.split() == [str(port_of([public])), str(port_of([admin]))], run.stderr
    for each in opened:
        each.close()


def test_sockets_that_do_not_fit_are_told() -> None:
    with pytest.raises(ListenError, match="socket activation: a socket should have one of the names public, admin"):
        given_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, 1)
    assert given_sockets({}, 1).public == ()


def test_where_it_serves_is_said_in_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        announce(["/vod", "/live"], Place("::", 8080), Place("127.0.0.1", 9080))
    assert [record.getMessage() for record in caplog.records] == [
        "serving /vod, /live on [::]:8080",
        "metrics and health on 127.0.0.1:9080",
    ]


def test_an_authority_of_ipv6_has_brackets() -> None:
    assert authority("::1", 80) == "[::1]:80"
    assert authority("cdn.example", 80) == "cdn.example:80"
