"""Rules between keys: each row breaks one of them, and only that one."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.settings import Problem, SettingsError, parse

RINGS = {"main": {"file": "keys.json"}}
SIGNATURE = {"trust": "asks", "proof": "signature", "keys": "main"}
CERTIFICATE = {"trust": "asks", "proof": "certificate"}
PROXIES = {"trusted_proxies": ["127.0.0.1/32"]}
SIGNED = {"prefix": "/vod", "storage": "memory:", "access": "signed", "keys": "main"}
OPEN = {"prefix": "/vod", "storage": "memory:", "access": "open"}
NAMED = {"origins": ["https://a.example"]}
SECRET = "sixteen-characters"


def judge(tables: dict[str, object]) -> tuple[Problem, ...]:
    try:
        parse(tables, Path("/etc/headgate"))
    except SettingsError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("mount", "key"),
    [
        (SIGNED | {"keys": "mian"}, "mount[0].keys"),
        ({"prefix": "/vod", "storage": "memory:", "access": "signed"}, "mount[0].keys"),
        (OPEN | {"keys": "main"}, "mount[0].keys"),
        (SIGNED | {"dialects": []}, "mount[0].dialects"),
        (SIGNED | {"dialects": ["jwt", "jot"]}, "mount[0].dialects[1]"),
        (SIGNED | {"dialects": ["cloudfront", "cloud-cdn"]}, "mount[0].dialects"),
        (SIGNED | {"dialects": ["jwt", "keycdn"]}, "mount[0].dialects"),
        (SIGNED | {"dialects": ["aws-smd", "cloudflare-stream"]}, "mount[0].dialects"),
        (SIGNED | {"dialects": ["jwt", "media-cdn", "cloud-cdn"]}, "mount[0].dialects"),
        (OPEN | {"prefix": "/time"}, "mount[0].prefix"),
        (OPEN | {"prefix": "/player/x"}, "mount[0].prefix"),
        (OPEN | {"prefix": "/playback"}, "mount[0].prefix"),
        (SIGNED | {"propagate": "cookie"}, "mount[0].cors.credentials"),
        (SIGNED | {"propagate": "cookie", "cors": NAMED}, "mount[0].cors.credentials"),
        (OPEN | {"cors": {"credentials": True}}, "mount[0].cors.origins"),
        (OPEN | {"cors": {"origins": ["*", "https://a.example"]}}, "mount[0].cors.origins"),
        (
            SIGNED | {"edge": {"trust": "asks", "secrets": [SECRET + n for n in "123"]}},
            "mount[0].edge.secrets",
        ),
        (OPEN | {"content_keys": "content-keys.json"}, "mount[0].content_keys"),
        (OPEN | {"limits": {"max_streams": 2}}, "mount[0].limits.max_streams"),
        (SIGNED | {"edge": {"trust": "verifies"}}, "mount[0].edge.secrets"),
        (SIGNED | {"edge": {"secrets": [SECRET]}}, "mount[0].edge.secrets"),
        (SIGNED | {"edge": {"trust": "asks", "secrets": [SECRET, SECRET]}}, "mount[0].edge.secrets"),
        (SIGNED | {"edge": {"proof": "g2o", "keys": "main"}}, "mount[0].edge.proof"),
        (SIGNED | {"edge": {"trust": "asks", "proof": "signature"}}, "mount[0].edge.keys"),
        (SIGNED | {"edge": {"trust": "asks", "proof": "g2o", "keys": "mian"}}, "mount[0].edge.keys"),
        (SIGNED | {"edge": SIGNATURE | {"components": ["@method"]}}, "mount[0].edge.components"),
        (SIGNED | {"edge": SIGNATURE | {"secrets": [SECRET]}}, "mount[0].edge.secrets"),
        (SIGNED | {"edge": SIGNATURE | {"names": ["a"]}}, "mount[0].edge.names"),
        (SIGNED | {"edge": {"trust": "asks", "proof": "certificate", "names": ["a"]}}, "mount[0].edge.proof"),
        (SIGNED | {"session": {"keys": "mian"}}, "mount[0].session.keys"),
        (SIGNED | {"session": {"ttl_seconds": 20, "renew_seconds": 21}}, "mount[0].session.renew_seconds"),
        (SIGNED | {"session": {"ttl_seconds": 20, "max_seconds": 19}}, "mount[0].session.ttl_seconds"),
    ],
)
def test_one_rule_broken(mount: dict[str, object], key: str) -> None:
    assert [problem.key for problem in judge({"keyrings": RINGS, "mount": [mount]})] == [key]


@pytest.mark.parametrize(
    "mount",
    [
        SIGNED,
        OPEN,
        OPEN | {"prefix": "/timely"},
        SIGNED | {"propagate": "cookie", "cors": NAMED | {"credentials": True}},
        SIGNED | {"propagate": "cookie", "cors": {"origins": []}},
        SIGNED | {"edge": {"trust": "asks", "secrets": [SECRET, SECRET + "2"]}},
        SIGNED | {"content_keys": "content-keys.json"},
        SIGNED | {"edge": SIGNATURE | {"components": ["@target-uri", "x-a"], "max_age_seconds": 1}},
        SIGNED | {"edge": SIGNATURE | {"proof": "g2o"}},
        SIGNED | {"limits": {"max_streams": 2, "stream_policy": "evict", "lease_seconds": 5}},
        SIGNED | {"session": {"keys": "main", "ttl_seconds": 1, "max_seconds": 1}},
    ],
)
def test_what_fits_together(mount: dict[str, object]) -> None:
    assert judge({"keyrings": RINGS, "mount": [mount]}) == ()


@pytest.mark.parametrize(
    ("tables", "keys"),
    [
        ({"keyrings": {"main": {}}}, ["keyrings.main"]),
        ({"keyrings": {"main": {"file": "k", "env": "KEYS"}}}, ["keyrings.main.env"]),
        ({"keyrings": {"main": {"env": "K", "jwks": "https://a/"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"redis": "k"}}}, ["keyrings.main.redis"]),
        ({"keyrings": {"main": {"redis": "k"}}, "cache": {"redis": "redis://h"}}, []),
        ({"keyrings": {"main": {"env": "KEYS"}}}, []),
        ({"keyrings": {"main": {"jwks": "https://a.example/jwks?x=1"}}}, []),
        ({"keyrings": {"main": {"jwks": "http://127.0.0.1:81/jwks"}}}, []),
        ({"keyrings": {"main": {"jwks": "http://[::1]/jwks"}}}, []),
        ({"keyrings": {"main": {"jwks": "http://localhost/jwks"}}}, []),
        ({"keyrings": {"main": {"jwks": "http://a.example/jwks"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"jwks": "http://127.0.0.1.a.example/"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"jwks": "https://u:p@a.example/"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"jwks": "https://a.example/#x"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"jwks": "file:///keys.json"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"jwks": "https://"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"jwks": "https://[a/"}}}, ["keyrings.main.jwks"]),
        ({"keyrings": {"main": {"env": "HEADGATE_KEYS"}}}, ["keyrings.main.env"]),
        ({"keyrings": {"main": {"env": "two words"}}}, ["keyrings.main.env"]),
        ({"keyrings": {"main": {"redis": "two words"}}, "cache": {"redis": "redis://h"}}, ["keyrings.main.redis"]),
    ],
)
def test_a_ring_has_one_source(tables: dict[str, object], keys: list[str]) -> None:
    assert [problem.key for problem in judge(tables | {"mount": [SIGNED]})] == keys


def test_a_misspelt_ring_is_suggested() -> None:
    (problem,) = judge({"keyrings": RINGS, "mount": [SIGNED | {"keys": "mian"}]})
    assert problem.hint == "did you mean main?"


def test_prefixes_are_unique() -> None:
    problems = judge({"mount": [OPEN, OPEN | {"prefix": "/live"}, OPEN]})
    assert [str(problem) for problem in problems] == ["mount[2].prefix: is the same as mount[0].prefix"]


def test_something_is_mounted() -> None:
    assert [problem.key for problem in judge({})] == ["mount"]


@pytest.mark.parametrize(
    ("public", "admin", "collides"),
    [
        ({}, {"port": 8080}, True),
        ({"host": "0.0.0.0"}, {"port": 8080}, True),
        ({"host": "10.0.0.1"}, {"port": 8080}, False),
        ({"port": 0}, {"port": 0}, False),
    ],
)
def test_listeners_need_two_places(public: dict[str, object], admin: dict[str, object], collides: bool) -> None:
    problems = judge({"public": public, "admin": admin, "mount": [OPEN]})
    assert [problem.key for problem in problems] == ["admin.port"] * collides


@pytest.mark.parametrize(("names", "keys"), [(["a"], []), ([], ["mount[0].edge.names"])])
def test_certificates_are_known_by_name(names: list[str], keys: list[str]) -> None:
    mount = SIGNED | {"edge": CERTIFICATE | {"names": names}}
    tables: dict[str, object] = {"public": PROXIES, "keyrings": RINGS, "mount": [mount]}
    assert [problem.key for problem in judge(tables)] == keys
