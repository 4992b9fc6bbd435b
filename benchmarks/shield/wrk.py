"""One run of wrk against one server, and what the server spent on it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.running import cpu_seconds, resident_megabytes
from benchmarks.shield.contender import Row

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_BYTES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}

_SCRIPT = """
local targets, at = {}, 0
function init(args)
  for line in io.lines("@TARGETS@") do targets[#targets + 1] = wrk.format("GET", line, {@HEADER@}) end
end
function request()
  at = at % #targets + 1
  return targets[at]
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d\\n", summary.requests, summary.duration, summary.bytes,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Run:
    """Figures of one run."""

    requests_per_second: float
    megabytes_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int  # answers of 400 and above, and broken connections
    cpu_seconds_per_1000: float  # of the server and its children
    cpu_seconds_per_gb: float
    rss_mb: float

    def as_dict(self) -> dict[str, float]:
        """For the raw results."""
        return asdict(self)


def run_wrk(row: Row, targets: Iterable[str], port: int, pid: int, *, cpu: int, seconds: int, workdir: Path) -> Run:
    """Load one server for `seconds` from one thread pinned to `cpu`, over 32 kept-alive connections."""
    listing, script = workdir / "targets.txt", workdir / "row.lua"
    listing.write_text("".join(f"{target}\n" for target in targets))
    header = f'["Host"]="127.0.0.1", ["{row.header[0]}"]="{row.header[1]}"' if row.header else ""
    script.write_text(_SCRIPT.replace("@TARGETS@", str(listing)).replace("@HEADER@", header))
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-s", str(script)]
    before = cpu_seconds(pid)
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, timeout=seconds + 30, check=True
    )
    spent = cpu_seconds(pid) - before
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing usable:\n{done.stdout}")
    requests, microseconds, received, bad, broken, p50, p99 = map(int, found.groups())
    duration = microseconds / 1e6
    return Run(
        requests_per_second=requests / duration,
        megabytes_per_second=received / duration / 1e6,
        p50_ms=p50 / 1e3,
        p99_ms=p99 / 1e3,
        failed=bad + broken,
        cpu_seconds_per_1000=spent / max(requests, 1) * 1000,
        cpu_seconds_per_gb=spent / max(received, 1) * 1e9,
        rss_mb=resident_megabytes(pid),
    )
