"""Rules between a mount's storage and the tables that are about upstreams and buckets."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from origin.settings.mount import Mount
from origin.settings.problems import Finding, Problem, did_you_mean
from origin.settings.upstream import MountBucket, MountShield, MountUpstream

_HTTP = ("http", "https")
_BUCKETS = ("s3", "gs", "az")


def upstream_findings(at: str, mount: Mount, rings: Collection[str]) -> Iterator[Finding]:
    """What does not fit a mount's storage; `rings` are the key rings there are."""
    scheme = mount.storage.partition(":")[0]
    reads = (f"{at}.storage",)
    if mount.upstream != MountUpstream() and scheme not in _HTTP:
        yield Finding(Problem(f"{at}.upstream", "has no effect: storage is no http: or https: URL"), reads)
    if mount.bucket != MountBucket() and scheme not in _BUCKETS:
        yield Finding(Problem(f"{at}.bucket", "has no effect: storage is no s3:, gs: or az: URL"), reads)
    if mount.shield != MountShield() and scheme not in (*_HTTP, *_BUCKETS):
        yield Finding(Problem(f"{at}.shield", "has no effect: storage is neither an upstream nor a bucket"), reads)
    ring = mount.upstream.sign_keys
    if ring is not None and ring not in rings:
        hint = did_you_mean(ring, rings) or f"add a table [keyrings.{ring}]"
        key = f"{at}.upstream.sign_keys"
        yield Finding(Problem(key, f'names the key ring "{ring}", which does not exist', hint), (f"keyrings.{ring}",))
    if mount.upstream.methods and mount.access == "signed":
        words = "would let every viewer's token write: pass no methods on from a signed mount"
        yield Finding(Problem(f"{at}.upstream.methods", words), (f"{at}.access",))
