"""The public tests for HTTP caches, with Headgate as the cache.

`python -m tests.system.cache_suite [DIR]` runs a checkout of the suite, or the locked package, and prints the score
and every test that was not passed. The suite's server is the upstream and its client the viewer, and the gateway is
told of neither.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.parts import PEERS, find_part
from tests.redis_server import free_port
from tests.system.processes import serving, wait_until, write_configuration

PACKAGE = PEERS / "node_modules/http-cache-tests"
KINDS = ("required", "optimal", "check")

_SECONDS = 150.0  # for all of it; the suite's client gives each request ten
_MOUNT = """\
[[mount]]
prefix = "/"
storage = "http://127.0.0.1:{port}"
access = "open"
[mount.upstream]
private_networks = ["127.0.0.0/8"]
methods = ["POST", "PUT", "DELETE", "M-SEARCH"]
[mount.cors]
origins = []
"""
# Which tests there are, and what each builds upon: the client reports neither.
_LIST = """\
const suites = (await import(process.argv[1])).default
if (process.argv[2]) suites.push((await import(process.argv[2])).default)
const listed = {}
for (const suite of suites) {
  for (const test of suite.tests) {
    if (!test.browser_only) listed[test.id] = [test.kind ?? 'required', test.depends_on ?? []]
  }
}
console.log(JSON.stringify(listed))
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """One edition of the suite, installed with its dependencies."""

    folder: Path

    @property
    def is_packaged(self) -> bool:
        """Whether it is laid out as the published package is, and not as the repository."""
        return not (self.folder / "test-engine").is_dir()

    @property
    def edition(self) -> str:
        """What the documentation calls it."""
        return "package" if self.is_packaged else "repository"

    def script(self, path: str) -> Path:
        """One of its programs."""
        return self.folder / path if self.is_packaged else self.folder / "test-engine" / path

    def modules(self) -> list[str]:
        """The modules that hold tests: its client adds the second one in the package."""
        names = ["index.mjs", "surrogate-control.mjs"] if self.is_packaged else ["index.mjs"]
        return [(self.folder / "tests" / name).as_uri() for name in names]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one test."""

    kind: str
    is_passed: bool
    said: str


def run_suite(suite: Suite, folder: Path) -> dict[str, Verdict]:
    """Run all tests, with the gateway's files in `folder`. AssertionError when that does not work or takes too long."""
    listed: dict[str, tuple[str, list[str]]] = json.loads(
        _node(["--input-type=module", "--eval", _LIST, "--", *suite.modules()], {})
    )
    with _server(suite, folder) as port, serving(write_configuration(folder, _MOUNT.format(port=port))) as gateway:
        base = f"http://127.0.0.1:{gateway.ports['public']}"
        variables = {"npm_config_base": base, "npm_package_config_id": ""}
        output = _node(["--no-warnings", str(suite.script("cli.mjs"))], variables)
        results: dict[str, object] = json.loads(output[output.rindex("\n{\n") if "\n{\n" in output else 0 :])
    assert listed.keys() <= results.keys(), f"not run: {sorted(listed.keys() - results.keys())}"
    return {
        name: Verdict(kind, _is_passed(name, listed, results), _said(results[name]))
        for name, (kind, _) in listed.items()
    }


def score(verdicts: Mapping[str, Verdict], kind: str) -> tuple[int, int]:
    """How many tests of a kind were passed, and how many there are."""
    those = [verdict for verdict in verdicts.values() if verdict.kind == kind]
    return sum(verdict.is_passed for verdict in those), len(those)


def _is_passed(name: str, listed: Mapping[str, tuple[str, list[str]]], results: Mapping[str, object]) -> bool:
    """A test counts where those count that it builds upon, as on the suite's own site."""
    _, needed = listed[name]
    return results[name] is True and all(_is_passed(other, listed, results) for other in needed)


def _said(result: object) -> str:
    return ": ".join(map(str, result)) if isinstance(result, list) else "passed"


@contextlib.contextmanager
def _server(suite: Suite, folder: Path) -> Iterator[int]:
    """The suite's server; gives its port."""
    port = free_port()
    variables = {"npm_config_protocol": "http", "npm_config_port": str(port), "npm_config_pidfile": str(folder / "pid")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [str(find_part("node")), str(suite.script("server/server.mjs"))],
            cwd=suite.folder,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: _answers(port), "the suite's server")
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/state/none")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()


def _node(arguments: Sequence[str], variables: Mapping[str, str]) -> str:
    """Run a script and give its standard output."""
    done = subprocess.run(
        [str(find_part("node")), *arguments],
        env=os.environ | dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Run one edition and print what came of it; whether tests were failed is for the reader."""
    suite = Suite(Path(arguments[0]).resolve() if arguments else PACKAGE)
    if len(arguments) > 1 or not suite.script("cli.mjs").exists():
        sys.stderr.write("usage: python -m tests.system.cache_suite [DIR]\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        verdicts = run_suite(suite, Path(folder))
    failed = [(name, verdict) for name, verdict in verdicts.items() if not verdict.is_passed]
    lines = [f"{verdict.kind:9} {name}: {verdict.said}" for name, verdict in failed]
    lines += ["{}: {} of {}".format(kind, *score(verdicts, kind)) for kind in KINDS]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
