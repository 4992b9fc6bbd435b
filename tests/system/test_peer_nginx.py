"""nginx's own secure_link module and the dialect `secure-link`: the same links through both, one verdict."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.secure_link import Mode, SecureLinkOptions, secure_link
from auth.enforce import Policy, enforce
from auth.errors import Denied, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.parts import find_part
from tests.redis_server import free_port
from tests.system.processes import wait_until

pytestmark = [pytest.mark.system, pytest.mark.needs("nginx")]

SECRET = "a shared secret of 32 characters"
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET.encode()))
RING = KeyRing([KEY])
CARRIAGE = Carriage("md5", frozenset({Transport.QUERY, Transport.PATH}))
CLIENT = ip_address("127.0.0.1")

EXPRESSIONS = {
    "plain": SecureLinkOptions(expression="$secure_link_expires$uri $secret"),
    "address": SecureLinkOptions(expression="$secure_link_expires$uri$remote_addr $secret"),
    "all": SecureLinkOptions(expression="$scheme|$host|$arg_user|${uri}|$secure_link_expires|$secret"),
    "for-ever": SecureLinkOptions(expression="$uri $secret"),
    "folder": SecureLinkOptions(expression="$secure_link_expires$directory $secret", directory_depth=2),
}
OLD = SecureLinkOptions(mode=Mode.OLD)

_CONFIGURATION = """\
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
{locations}
    location /old/ {{
      secure_link_secret "{secret}";
      if ($secure_link = "") {{ return 403; }}
      return 200;
    }}
  }}
}}
"""
_LOCATION = """\
    location ~ ^(?<directory>/{name}/[^/]*/) {{
      secure_link {arguments};
      secure_link_md5 "{expression}";
      if ($secure_link = "") {{ return 403; }}
      if ($secure_link = "0") {{ return 410; }}
      return 200;
    }}
"""


def _location(name: str, options: SecureLinkOptions) -> str:
    arguments = "$arg_md5,$arg_expires" if "expires" in options.expression else "$arg_md5"
    expression = options.expression.replace("$secret", SECRET)
    return _LOCATION.format(name=name, arguments=arguments, expression=expression)


@contextlib.contextmanager
def _nginx(folder: Path) -> Iterator[int]:
    port, program = free_port(), find_part("nginx")
    assert program is not None
    locations = "".join(_location(name, options) for name, options in EXPRESSIONS.items())
    text = _CONFIGURATION.format(folder=folder, port=port, locations=locations, secret=SECRET)
    (folder / "nginx.conf").write_text(text)
    command = [str(program), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with (folder / "stderr").open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            wait_until(lambda: _answers(port, process, folder), "nginx listens")
            yield port
        finally:
            process.terminate()


def _answers(port: int, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "stderr").read_text()
    try:
        return _status(port, "/") == 404
    except OSError:
        return False


def _status(port: int, target: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", target, headers={"Host": "cdn.example"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with _nginx(tmp_path_factory.mktemp("nginx")) as port:
        yield port


def ours(options: SecureLinkOptions, target: str, now: float) -> int:
    """What the documented configuration of nginx answers, by our verdict."""
    dialect = secure_link(options)
    path, _, query = target.partition("?")
    request = Request("GET", "http", "cdn.example", path, query, client=CLIENT)
    try:
        found = dialect.locate(request, CARRIAGE, "/")
        if found is None:
            return 403
        claims = dialect.verify(found, RING)
    except Denied:
        return 403
    objection = enforce(claims, request.at(found.path, found.query), Policy(expiry_required=False), now)
    if objection is None:
        return 200
    return 410 if objection.reason is Reason.EXPIRED else 403


def claims_for(name: str, path: str, until: int, client: str = "127.0.0.1") -> Claims:
    """What a link of this expression says; `until` is its last second."""
    is_folder = name == "folder"
    return Claims(
        scope=PathScope.prefix("/folder/film/") if is_folder else PathScope.exact(path),
        expires=None if name == "for-ever" else until + 1,
        networks=(ip_network(client),) if name == "address" else None,
    )


def minted(name: str, path: str, until: int, client: str = "127.0.0.1") -> str:
    dialect, url = secure_link(EXPRESSIONS[name]), Url.parse(f"http://cdn.example{path}?user=ann")
    token = dialect.mint(claims_for(name, path, until, client), KEY, url)
    signed = dialect.issue(url.text, token, CARRIAGE, "/", Transport.QUERY).url
    return signed.removeprefix("http://cdn.example")


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("file", ["a.ts", "a%20b.ts", "a+b,c;d.ts", "%C3%A9.ts", "%7Ea.ts"])
def test_our_links_open_nginx(nginx: int, name: str, file: str) -> None:
    target = minted(name, f"/{name}/film/{file}", int(time.time()) + 600)
    assert (_status(nginx, target), ours(EXPRESSIONS[name], target, time.time())) == (200, 200)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_changed_links_are_refused_by_both(nginx: int, name: str) -> None:
    until = int(time.time()) + 600
    target = minted(name, f"/{name}/film/a.ts", until)
    path, _, query = target.partition("?")
    changed = [
        f"/{name}/other/a.ts?{query}",
        f"{path}?{query.replace('md5=', 'md5=x')}",
        f"{path}?{query.replace('md5=', 'MD5x=')}",
        path,
        f"{path}?{query[:-1]}",
        f"{path}?{query.swapcase().replace('MD5', 'md5').replace('EXPIRES', 'expires')}",
    ]
    if name != "for-ever":
        changed.append(target.replace(str(until), str(until + 1)))
        changed.append(target.replace(str(until), ""))
        changed.append(target.replace(str(until), f"0{until}"))
    if name == "all":
        changed.append(target.replace("ann", "bob"))
    for one in changed:
        assert (_status(nginx, one), ours(EXPRESSIONS[name], one, time.time())) == (403, 403), one


@pytest.mark.parametrize("name", [name for name in EXPRESSIONS if name != "for-ever"])
def test_links_that_have_ended_are_gone_by_both(nginx: int, name: str) -> None:
    target = minted(name, f"/{name}/film/a.ts", int(time.time()) - 60)
    assert (_status(nginx, target), ours(EXPRESSIONS[name], target, time.time())) == (410, 410)


def test_links_of_another_viewer_are_refused_by_both(nginx: int) -> None:
    target = minted("address", "/address/film/a.ts", int(time.time()) + 600, "192.0.2.1")
    assert (_status(nginx, target), ours(EXPRESSIONS["address"], target, time.time())) == (403, 403)


def test_links_made_by_the_documented_recipe_open_both(nginx: int) -> None:
    """The shell recipe of nginx's documentation, in Python."""
    until = int(time.time()) + 600
    hashed = hashlib.md5(f"{until}/plain/film/a b.ts {SECRET}".encode(), usedforsecurity=False).digest()
    for padding in ("", "=="):
        text = base64.urlsafe_b64encode(hashed).decode().rstrip("=") + padding
        target = f"/plain/film/a%20b.ts?md5={text}&expires={until}"
        assert (_status(nginx, target), ours(EXPRESSIONS["plain"], target, time.time())) == (200, 200)


def test_the_old_mode(nginx: int) -> None:
    """It hashes the link as it was sent, with the query."""
    dialect, url = secure_link(OLD), Url.parse("http://cdn.example/old/film/a%20b.ts?x=%41")
    token = dialect.mint(Claims(scope=PathScope.exact(url.path)), KEY, url)
    target = dialect.issue(f"{url.path}?{url.query}", token, CARRIAGE, "/old", Transport.PATH).url
    assert (_status(nginx, target), ours(OLD, target, time.time())) == (200, 200)
    for changed in (target.replace("a%20b", "c"), target.replace("%41", "A"), url.path, target.upper()):
        assert ours(OLD, changed, time.time()) == 403
        assert _status(nginx, changed) in {403, 404}


def test_where_we_are_stricter(nginx: int) -> None:
    """nginx repairs such paths and takes the first of two arguments; here both are refused."""
    target = minted("plain", "/plain/film/a.ts", int(time.time()) + 600)
    for one in (target.replace("/film/", "/film/x/../"), target.replace("/film/", "//film/"), target + "&md5=x"):
        assert (_status(nginx, one), ours(EXPRESSIONS["plain"], one, time.time())) == (200, 403)
