"""What a mount's tables derive from their keys."""

from __future__ import annotations

from origin.settings.mount import MountSession


def test_a_token_has_a_successor_from_half_its_life_on_unless_said_otherwise() -> None:
    assert MountSession(ttl_seconds=600).renewal_window == 300
    assert MountSession(ttl_seconds=1).renewal_window == 1
    assert MountSession(ttl_seconds=600, renew_seconds=60).renewal_window == 60
