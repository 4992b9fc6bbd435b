from __future__ import annotations

from pathlib import Path

import pytest

from origin.settings import SettingsError, parse

MOUNT = {"prefix": "/open", "storage": "memory:", "access": "open"}
PAIR = {"certificate": "a.pem", "key": "a.key"}
CERTIFICATES = {"certificates": {"main": PAIR}}


def problems(tls: dict[str, object]) -> list[str]:
    try:
        parse({"mount": [MOUNT], "public": {"tls": tls}}, Path("/srv"))
    except SettingsError as error:
        return [problem.key for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("tls", "keys"),
    [
        ({}, []),
        (CERTIFICATES, []),
        (CERTIFICATES | {"client_certificates": "required", "client_ca": "ca.pem"}, []),
        (CERTIFICATES | {"client_certificates": "optional"}, ["public.tls.client_ca"]),
        ({"client_certificates": "required", "client_ca": "ca.pem"}, ["public.tls.client_certificates"]),
        ({"client_certificates": "required"}, ["public.tls.client_ca", "public.tls.client_certificates"]),
        ({"certificates": {"main": {"key": "a"}}}, ["public.tls.certificates.main.certificate"]),
        ({"certificates": {"Not A Name": PAIR}}, ["public.tls.certificates.Not A Name"]),
        ({"session_tickets": 9}, ["public.tls.session_tickets"]),
        ({"handshake_seconds": 0.0}, ["public.tls.handshake_seconds"]),
    ],
)
def test_tls(tls: dict[str, object], keys: list[str]) -> None:
    assert problems(tls) == keys


def test_an_edge_may_show_its_certificate_here_or_to_a_proxy() -> None:
    edge = {"trust": "verifies", "proof": "certificate", "names": ["edge.example"]}
    signed = {"prefix": "/vod", "storage": "memory:", "access": "signed", "keys": "main", "edge": edge}
    tables = {"mount": [signed], "keyrings": {"main": {"file": "keys.json"}}}
    own = {"tls": CERTIFICATES | {"client_certificates": "optional", "client_ca": "ca.pem"}}
    parse(tables | {"public": own}, Path("/srv"))
    with pytest.raises(SettingsError) as refused:
        parse(tables | {"public": {"tls": CERTIFICATES}}, Path("/srv"))
    assert [problem.key for problem in refused.value.problems] == ["mount[0].edge.proof"]


def test_paths_are_relative_to_the_file_and_the_first_stays_the_first() -> None:
    tables = {"mount": [MOUNT], "public": {"tls": {"certificates": {"z": PAIR, "a": PAIR}}}}
    found = parse(tables, Path("/srv")).public.tls.certificates
    assert [*found] == ["z", "a"]
    assert found["z"].key == Path("/srv/a.key")
