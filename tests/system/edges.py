"""Real caches in front of a gateway, as operators configure them: nginx and Varnish, on loopback."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.parts import FOLDER, find_part
from tests.redis_server import free_port
from tests.system.processes import ran

_NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=all:10m max_size=256m inactive=1h;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      {asks}
      slice {slice_bytes};
      proxy_cache all;
      proxy_cache_key $uri$slice_range;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 30s;
      proxy_cache_lock_age 30s;
      proxy_cache_valid 200 206 1h;
      {proxy}
      proxy_set_header Range $slice_range;
      proxy_set_header Host $http_host;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      add_header X-Edge $upstream_cache_status always;
    }}
    location = /_ask {{
      internal;
      proxy_pass http://127.0.0.1:{gateway}$request_uri;
      proxy_method HEAD;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Range "";
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""

_VARNISH = """\
vcl 4.1;
import std;
backend gateway {{ .host = "127.0.0.1"; .port = "{gateway}"; }}
sub vcl_recv {{
  if (req.method == "BAN") {{
    if (req.http.X-Ban-Url) {{ ban("obj.http.X-Url ~ " + req.http.X-Ban-Url); }}
    if (req.http.X-Ban-Tag) {{ ban("obj.http.Surrogate-Key ~ " + req.http.X-Ban-Tag); }}
    return (synth(200));
  }}
  {recv}
  set req.http.X-Query = regsub(req.url, "^[^?]*", "");
  set req.url = regsub(req.url, "\\?.*$", "");
  return (hash);
}}
sub vcl_backend_fetch {{
  set bereq.url = bereq.url + bereq.http.X-Query;
  unset bereq.http.X-Query;
  {fetch}
}}
sub vcl_backend_response {{
  set beresp.http.X-Url = bereq.url;
  # RFC 9213: what is said to caches of a CDN comes before what is said to everybody.
  if (beresp.http.CDN-Cache-Control ~ "max-age=[0-9]+") {{
    set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control, "^.*max-age=([0-9]+).*$", "\\1") + "s", 0s);
    set beresp.uncacheable = false;
    return (deliver);
  }}
}}
sub vcl_deliver {{
  set resp.http.X-Edge = "MISS";
  if (obj.hits > 0) {{ set resp.http.X-Edge = "HIT"; }}
}}
"""


@contextmanager
def nginx_in_front(folder: Path, gateway_port: int, directives: str, slice_bytes: int, *, asks: bool) -> Iterator[int]:
    """nginx that caches in slices under keys without the query; `directives` say how it asks the gateway. Its port.

    With `asks` the gateway judges each viewer's token before anything is served.
    """
    program, port = find_part("nginx"), free_port()
    assert program is not None
    text = _NGINX.format(
        folder=folder,
        port=port,
        gateway=gateway_port,
        asks="auth_request /_ask;" if asks else "",
        slice_bytes=slice_bytes,
        proxy=f"proxy_pass http://127.0.0.1:{gateway_port}$request_uri; {directives}",
    )
    (folder / "nginx.conf").write_text(text)
    command = [str(program), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with ran(command, folder / "nginx.log", partial(_answers, port)):
        yield port


@contextmanager
def varnish_in_front(folder: Path, gateway_port: int, recv: str, fetch: str, port: int) -> Iterator[int]:
    """Varnish that caches under keys without the query; VCL for what comes in and for what is asked. Its port."""
    program = find_part("varnishd")
    assert program is not None
    (folder / "edge.vcl").write_text(_VARNISH.format(gateway=gateway_port, recv=recv, fetch=fetch))
    command = [
        *(str(program), "-F", "-f", str(folder / "edge.vcl"), "-n", str(folder / "varnish")),
        *("-a", f"127.0.0.1:{port}", "-T", "none", "-s", "default,64m"),
        *_modules(program),
        *_compiler(),
    ]
    with ran(command, folder / "varnish.log", partial(_answers, port)):
        yield port


def _modules(program: Path) -> Sequence[str]:
    """Where an unpacked Varnish finds its modules."""
    if not program.is_relative_to(FOLDER):
        return ()
    (modules,) = (FOLDER.resolve() / "root").glob("usr/lib/*/varnish/vmods")
    return ("-p", f"vmod_path={modules}")


def _compiler() -> Sequence[str]:
    """How VCL is compiled where the machine has no compiler of its own: with the one that was unpacked beside it."""
    root = FOLDER.resolve() / "root"
    if shutil.which("gcc") is not None or not (root / "usr/bin/gcc").exists():
        return ()
    include = root / "usr/include"
    (machine,) = (found.parent.name for found in include.glob("*-linux-gnu/sys"))
    command = f"exec {root}/usr/bin/gcc -B{root}/usr/bin/ -isystem {include} -isystem {include / machine}"
    return ("-p", f"cc_command={command} -O2 -fpic -shared -nostdlib -Wl,-x -o %o %s")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/is-it-there")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
