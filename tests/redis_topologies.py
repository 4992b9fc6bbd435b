"""Real Redis servers as operators run them: a master with its replica and Sentinels, a cluster, and TLS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.parts import find_part
from tests.redis_server import RedisServer, free_port

MASTER = "main"
_PATIENCE = 20.0
_SLOTS = 16384


def _program() -> Path:
    program = find_part("redis-server")
    assert program is not None, 'mark the test with @pytest.mark.needs("redis-server")'
    return program


@contextmanager
def running(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """One server with these settings, stopped in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = RedisServer(_program(), folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class SentinelServer(RedisServer):
    """One Sentinel. It writes its own file, and remembers there what it has learnt."""

    def __init__(
        self, folder: Path, master: str, master_port: int, master_password: str, settings: Mapping[str, str]
    ) -> None:
        folder.mkdir(parents=True)
        super().__init__(_program(), folder, settings)
        self._path = folder / "sentinel.conf"
        lines = [
            f"sentinel monitor {master} 127.0.0.1 {master_port} 1",
            f"sentinel down-after-milliseconds {master} 300",
            f"sentinel failover-timeout {master} 2000",
        ]
        if master_password:
            lines.append(f'sentinel auth-pass {master} "{master_password}"')
        self._path.write_text("\n".join(lines) + "\n")

    def _file(self) -> tuple[str, ...]:
        return (str(self._path), "--sentinel")


@dataclass(frozen=True, slots=True)
class Watched:
    """A master, its replica and a Sentinel that puts the replica in its place 0.3 s after it has fallen silent."""

    master: RedisServer
    replica: RedisServer
    sentinel: SentinelServer
    url: str  # names a Sentinel that is not there, too
    tls_url: str = ""  # another Sentinel, for the same master by TLS


@contextmanager
def watched(
    folder: Path, authority: Authority | None = None, password: str = "", sentinel_password: str = ""
) -> Iterator[Watched]:
    """A master with a replica that has caught up, and a Sentinel that knows both; with an authority, TLS as well."""
    with ExitStack() as stack:
        common = {"repl-diskless-sync-delay": "0"}
        if password:
            common |= {"requirepass": password, "masterauth": password}
        tls, tls_port = authority.server_settings() if authority else ({}, 0)
        master = stack.enter_context(running(folder / "master", common | tls))
        replica = stack.enter_context(running(folder / "replica", common | {"replicaof": f"127.0.0.1 {master.port}"}))
        _wait(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica has caught up")

        guarded = {"requirepass": sentinel_password} if sentinel_password else {}
        sentinel = SentinelServer(folder / "sentinel", MASTER, master.port, password, guarded)
        user = f":{quote(password, safe='')}@" if password else ""
        secret = f"?sentinel_password={sentinel_password}" if sentinel_password else ""
        url = f"redis+sentinel://{user}127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/{MASTER}{secret}"
        stack.callback(sentinel.stop)
        sentinel.start()
        _wait(lambda: str(replica.port) in sentinel.ask("SENTINEL", "REPLICAS", MASTER), "it knows the replica")
        if authority is None:
            yield Watched(master, replica, sentinel, url)
            return
        settings, port = authority.server_settings()
        other = SentinelServer(
            folder / "tls-sentinel", "secure", tls_port, password, settings | guarded | {"tls-replication": "yes"}
        )
        stack.callback(other.stop)
        other.start()
        ca = f"{secret}&" if secret else "?"
        tls_url = f"rediss+sentinel://{user}127.0.0.1:{port}/secure{ca}ssl_ca_certs={authority.ca_file}"
        yield Watched(master, replica, sentinel, url, tls_url)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three masters with a third of the slots each, and a replica of the first."""

    masters: list[RedisServer]
    replica: RedisServer
    url: str  # names two of the masters
    tls_url: str = ""  # the same, by TLS


@contextmanager
def cluster(folder: Path, authority: Authority | None = None) -> Iterator[Cluster]:
    """A cluster that has come together; with an authority, its nodes speak TLS as well."""
    with ExitStack() as stack:
        nodes, bus_ports, tls_ports = [], [], []
        for number in range(4):
            bus_ports.append(free_port())
            tls, tls_port = authority.server_settings() if authority else ({}, 0)
            tls_ports.append(tls_port)
            settings = {
                "cluster-enabled": "yes",
                "cluster-node-timeout": "600",
                "cluster-port": str(bus_ports[-1]),
                "cluster-replica-validity-factor": "0",
                "repl-diskless-sync-delay": "0",
                **(tls | {"tls-cluster": "yes", "tls-replication": "yes"} if tls else {}),
            }
            nodes.append(stack.enter_context(running(folder / f"node{number}", settings)))
        *masters, replica = nodes
        for number, master in enumerate(masters):
            first, last = _SLOTS * number // 3, _SLOTS * (number + 1) // 3 - 1
            assert master.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == "+OK\r\n"
            assert master.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1)) == "+OK\r\n"
        for node, tls_port, bus_port in list(zip(nodes, tls_ports, bus_ports, strict=True))[1:]:
            port = tls_port or node.port  # the one that the nodes use among themselves
            assert masters[0].ask("CLUSTER", "MEET", "127.0.0.1", str(port), str(bus_port)) == "+OK\r\n"
        _wait(lambda: all("cluster_known_nodes:4" in each.ask("CLUSTER", "INFO") for each in nodes), "nodes meet")
        name = masters[0].ask("CLUSTER", "MYID").split("\r\n")[1]
        _wait(lambda: replica.ask("CLUSTER", "REPLICATE", name) == "+OK\r\n", "the replica finds its master")
        _wait(lambda: all("cluster_state:ok" in each.ask("CLUSTER", "INFO") for each in nodes), "all slots are taken")
        _wait(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica has caught up")
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in masters[:2])
        tls_url = ""
        if authority is not None:
            hosts = ",".join(f"127.0.0.1:{port}" for port in tls_ports[:2])
            tls_url = f"rediss+cluster://{hosts}?ssl_ca_certs={authority.ca_file}"
        yield Cluster(masters, replica, url, tls_url)


class Authority:
    """A CA of a test's own: its certificate, a server's for 127.0.0.1, and a client's, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own CA")])
        self.ca_file = self._folder / "ca.pem"
        certificate = self._certificate(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.ca_file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, common_name: str, *names: x509.GeneralName) -> tuple[Path, Path]:
        """Files with a certificate and its key."""
        key = generate_private_key(SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        extensions = [x509.SubjectAlternativeName(names)] if names else []
        certificate = self._certificate(subject, key, x509.BasicConstraints(ca=False, path_length=None), *extensions)
        files = self._folder / f"{common_name}.pem", self._folder / f"{common_name}.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def server_settings(self, *, asks_clients: bool = False, host: str = "127.0.0.1") -> tuple[dict[str, str], int]:
        """Settings for a server with TLS on the port that comes with them; `host` is whom its certificate names."""
        certificate, key = self.issue("server", x509.IPAddress(ip_address(host)))
        port = free_port()
        settings = {
            "tls-port": str(port),
            "tls-cert-file": str(certificate),
            "tls-key-file": str(key),
            "tls-ca-cert-file": str(self.ca_file),
            "tls-auth-clients": "yes" if asks_clients else "no",
        }
        return settings, port

    def _certificate(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        for extension in (*extensions, x509.SubjectKeyIdentifier.from_public_key(key.public_key()), identifier):
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, SHA256())


def _wait(is_done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_done():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)
