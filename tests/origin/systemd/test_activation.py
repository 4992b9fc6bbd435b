from __future__ import annotations

import pytest

from origin.systemd.activation import ActivationError, inherited

NAMES = ("public", "admin")


def environ(fds: str, names: str | None, pid: str = "7") -> dict[str, str]:
    told = {"LISTEN_PID": pid, "LISTEN_FDS": fds}
    return told if names is None else told | {"LISTEN_FDNAMES": names}


@pytest.mark.parametrize(
    ("fds", "names", "expected"),
    [
        ("1", "public", {"public": [3]}),
        ("2", "admin:public", {"admin": [3], "public": [4]}),
        ("3", "public:admin:public", {"public": [3, 5], "admin": [4]}),
        ("1", "unknown", {"public": [3]}),
        ("1", None, {"public": [3]}),
        ("1", "admin", {"admin": [3]}),
    ],
)
def test_sockets_are_found_by_their_names(fds: str, names: str | None, expected: dict[str, list[int]]) -> None:
    assert inherited(environ(fds, names), 7, NAMES) == expected


@pytest.mark.parametrize("told", [{}, environ("1", "public", pid="8"), {"LISTEN_FDS": "1"}])
def test_what_is_meant_for_others_is_left_alone(told: dict[str, str]) -> None:
    assert inherited(told, 7, NAMES) == {}


@pytest.mark.parametrize(
    ("fds", "names"),
    [
        ("0", "public"),
        ("-1", "public"),
        ("65", ":".join(["public"] * 65)),
        ("x", "public"),
        ("", "public"),
        ("\u0662", "public:admin"),
        ("1", "headgate.socket"),
        ("2", "public"),
        ("2", "public:unknown"),
        ("2", None),
        ("1", "public:admin"),
    ],
)
def test_what_does_not_fit_is_refused(fds: str, names: str | None) -> None:
    with pytest.raises(ActivationError):
        inherited(environ(fds, names), 7, NAMES)
