"""Environment variables over the file's tables."""

from __future__ import annotations

import pytest

from origin.settings.environment import override


@pytest.mark.parametrize(
    ("variable", "text", "tables"),
    [
        ("HEADGATE_PUBLIC__PORT", "80", {"public": {"port": 80}}),
        ("HEADGATE_PUBLIC__HOST", "127.0.0.1", {"public": {"host": "127.0.0.1"}}),
        ("HEADGATE_LOG__ACCESS", "false", {"log": {"access": False}}),
        ("HEADGATE_CACHE__MEMORY_BYTES", "64MiB", {"cache": {"memory_bytes": "64MiB"}}),
        ("HEADGATE_CACHE__NAMESPACE", "123", {"cache": {"namespace": "123"}}),
        (
            "HEADGATE_PUBLIC__TRUSTED_PROXIES",
            '["10.0.0.0/8"]',
            {"public": {"trusted_proxies": ["10.0.0.0/8"]}},
        ),
        ("HEADGATE_PUBLIC__PORT", "1\nx = 2", {"public": {"port": "1\nx = 2"}}),
        ("HEADGATE_PUBLIC", "{port = 80}", {"public": {"port": 80}}),
        ("HEADGATE_KEYRINGS__MAIN__FILE", "k.json", {"keyrings": {"main": {"file": "k.json"}}}),
        ("HEADGATE_MOUNT__0__PREFIX", "/vod", {"mount": [{"prefix": "/vod"}]}),
        ("HEADGATE_MOUNT__0__CORS__ORIGINS", "[]", {"mount": [{"cors": {"origins": []}}]}),
        (
            "HEADGATE_MOUNT__0__CACHE__SEGMENTS",
            "immutable",
            {"mount": [{"cache": {"segments": "immutable"}}]},
        ),
        ("HEADGATE_MOUNT__0", '{prefix = "/a"}', {"mount": [{"prefix": "/a"}]}),
        ("HEADGATE_CONFIG", "some.toml", {}),
        ("PATH", "/bin", {}),
    ],
)
def test_a_variable_becomes_a_key(variable: str, text: str, tables: dict[str, object]) -> None:
    laid = override({}, {variable: text})
    assert laid.tables == tables
    assert laid.problems == ()


def test_the_environment_wins_over_the_file_and_leaves_the_rest() -> None:
    tables = {"public": {"port": 1, "host": "h"}, "mount": [{"prefix": "/a"}, {"prefix": "/b"}]}
    laid = override(tables, {"HEADGATE_PUBLIC__PORT": "2", "HEADGATE_MOUNT__1__PREFIX": "/c"})
    assert laid.tables == {"public": {"port": 2, "host": "h"}, "mount": [{"prefix": "/a"}, {"prefix": "/c"}]}
    assert laid.sources == {
        "public.port": "HEADGATE_PUBLIC__PORT",
        "mount[1].prefix": "HEADGATE_MOUNT__1__PREFIX",
    }
    assert tables["public"] == {"port": 1, "host": "h"}


def test_mounts_are_appended_in_the_order_of_their_numbers() -> None:
    laid = override({}, {f"HEADGATE_MOUNT__{index}__PREFIX": f"/m{index}" for index in (10, 9, 2, *range(9))})
    assert laid.tables["mount"] == [{"prefix": f"/m{index}"} for index in range(11)]


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("HEADGATE_PUBLIC__PROT", "did you mean HEADGATE_PUBLIC__PORT?"),
        ("HEADGATE_PUBLIC_PORT", "did you mean HEADGATE_PUBLIC__PORT?"),
        ("HEADGATE_MOUNT__PREFIX", "HEADGATE_MOUNT__0__…"),
        ("HEADGATE_MOUNT__1__PREFIX", "indices count up from 0"),
        ("HEADGATE_MOUNT__" + "9" * 5000 + "__PREFIX", "HEADGATE_MOUNT__0__…"),
        ("HEADGATE_MOUNT__²__PREFIX", "HEADGATE_MOUNT__0__…"),
        ("HEADGATE_PUBLIC__PORT__X", "did you mean HEADGATE_PUBLIC__PORT?"),
        ("HEADGATE_", None),
        ("HEADGATE_ZZZZZZ", ""),
        ("HEADGATE_PORT", None),
    ],
)
def test_a_name_that_is_no_setting_is_refused(variable: str, hint: str | None) -> None:
    laid = override({}, {variable: "1"})
    assert [problem.key for problem in laid.problems] == [variable]
    assert hint is None or laid.problems[0].hint == hint
    assert laid.sources == {}


def test_a_table_that_the_file_spoils_is_a_problem_not_a_crash() -> None:
    laid = override({"public": 1}, {"HEADGATE_PUBLIC__PORT": "80"})
    assert [problem.key for problem in laid.problems] == ["HEADGATE_PUBLIC__PORT"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEADGATE_SERVICE_HOST", "10.0.0.1"),
        ("HEADGATE_SERVICE_PORT", "80"),
        ("HEADGATE_SERVICE_PORT_HTTP", "80"),
        ("HEADGATE_PORT", "tcp://10.0.0.1:80"),
        ("HEADGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("HEADGATE_PORT_80_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_kubernetes_sets_for_a_service_of_this_name_is_none_of_ours(variable: str, value: str) -> None:
    assert override({}, {variable: value}).problems == ()
