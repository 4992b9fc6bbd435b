from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cache.disk.owners import Owner

_OTHER = """
import sys
from pathlib import Path
from cache.disk.owners import Owner
print(Owner(Path(sys.argv[1])).name, flush=True)
sys.stdin.read()
"""


def test_an_owner_lives_until_it_leaves(tmp_path: Path) -> None:
    one, other = Owner(tmp_path), Owner(tmp_path)
    assert one.is_alive(other.name)
    other.leave()
    assert not one.is_alive(other.name)
    assert one.is_alive(one.name)
    one.leave()


def test_a_process_that_is_killed_is_dead(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        owner.forget_dead()
        assert owner.is_alive(name)
        other.kill()
        other.wait(20)
        assert not owner.is_alive(name)
    owner.forget_dead()
    assert [path.name for path in (tmp_path / "owners").iterdir()] == [owner.name]
    owner.leave()
