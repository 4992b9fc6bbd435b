from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from origin.tls.contexts import SUITES, Policy, server_context
from tests.tls_parts import Authority

HOST = "cdn.example"


class Sides:
    """A client and a server that shake hands in memory."""

    def __init__(self, folder: Path, policy: Policy | None = None) -> None:
        self.authority = Authority()
        self.authority.issue(HOST).write(folder)
        self.policy = policy or Policy()
        self.server = server_context(folder / "main.pem", folder / "main.key", self.policy)
        self.client = self.authority.client()

    def shake(self, session: ssl.SSLSession | None = None) -> tuple[ssl.SSLObject, ssl.SSLObject]:
        """The client's end and the server's."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = self.client.wrap_bio(to_client, to_server, server_hostname=HOST, session=session)
        far = self.server.wrap_bio(to_server, to_client, server_side=True)
        for end in (near, far, near, far):
            with_more_to_do = end
            try:
                with_more_to_do.do_handshake()
            except ssl.SSLWantReadError:
                continue
        with pytest.raises(ssl.SSLWantReadError):  # takes the tickets in
            near.read(1)
        return near, far


def test_the_newest_version_and_http_are_agreed_on(tmp_path: Path) -> None:
    sides = Sides(tmp_path)
    sides.client.set_alpn_protocols(["h2", "http/1.1"])
    near, far = sides.shake()
    assert near.version() == far.version() == "TLSv1.3"
    assert near.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("suite", [suite for suite in SUITES.split(":") if "ECDSA" in suite])
def test_the_older_version_with_what_is_sound_in_it(suite: str, tmp_path: Path) -> None:
    sides = Sides(tmp_path)
    sides.client.maximum_version = ssl.TLSVersion.TLSv1_2
    sides.client.set_ciphers(suite)
    near, _ = sides.shake()
    assert near.version() == "TLSv1.2"
    assert (near.cipher() or ("",))[0] == suite


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-CCM"])
def test_no_other_suite_is_spoken(suite: str, tmp_path: Path) -> None:
    sides = Sides(tmp_path)
    sides.client.maximum_version = ssl.TLSVersion.TLSv1_2
    sides.client.set_ciphers(suite)
    with pytest.raises(ssl.SSLError, match=r"(?i)no.shared.cipher"):
        sides.shake()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the versions that are refused
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_no_older_version_is_spoken(version: ssl.TLSVersion, tmp_path: Path) -> None:
    sides = Sides(tmp_path)
    sides.client.set_ciphers("ALL:@SECLEVEL=0")
    sides.client.minimum_version = sides.client.maximum_version = version
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.protocol|version"):
        sides.shake()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("tickets", [0, 1, 4])
def test_whoever_has_a_ticket_resumes(version: ssl.TLSVersion, tickets: int, tmp_path: Path) -> None:
    sides = Sides(tmp_path, Policy(tickets=tickets))
    sides.client.maximum_version = version
    session = sides.shake()[0].session
    if tickets:
        assert session is not None
        assert session.has_ticket
        assert sides.shake(session)[1].session_reused
    else:
        assert session is None or not session.has_ticket
        if version is ssl.TLSVersion.TLSv1_3:  # the older one may go by a session's id, which Python cannot forbid
            assert not sides.shake(session)[1].session_reused


def test_another_context_asks_anew(tmp_path: Path) -> None:
    sides = Sides(tmp_path)
    session = sides.shake()[0].session
    sides.server = server_context(tmp_path / "main.pem", tmp_path / "main.key", sides.policy)
    assert not sides.shake(session)[1].session_reused


@pytest.mark.parametrize("is_required", [False, True])
def test_a_client_certificate_is_asked_for(is_required: bool, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    authority = Authority()
    ca.write_bytes(authority.pem)
    sides = Sides(tmp_path, Policy(ca, is_required))
    edge = authority.issue("edge.example", is_client=True)
    files = edge.write(tmp_path, "edge")
    if is_required:
        with pytest.raises(ssl.SSLError, match=r"(?i)did.not.return"):
            sides.shake()
    else:
        assert sides.shake()[1].getpeercert(binary_form=True) is None
    sides.client.load_cert_chain(tmp_path / files["certificate"], tmp_path / files["key"])
    near, far = sides.shake()
    assert far.getpeercert(binary_form=True) == edge.der
    resumed = sides.shake(near.session)[1]
    assert resumed.session_reused
    assert resumed.getpeercert(binary_form=True) == edge.der
