"""Whether a part of a file is in the page cache, so that sending it from the loop waits for no disk.

`sendfile` has no way to say that it would wait: a cold file would hold up every other viewer of the process.
"""

from __future__ import annotations

import os

from origin.http.spans import ByteSpan

# RWF_NOWAIT: read what the page cache has, never wait for a disk. Linux only.
NOWAIT = getattr(os, "RWF_NOWAIT", None)
# The kernel reads ahead and forgets in runs about as long as this.
_STRIDE = 128 * 1024


def is_resident(descriptor: int, span: ByteSpan) -> bool:
    """Whether samples of a run are in memory; True where nobody can say, False where the file system cannot."""
    if NOWAIT is None:
        return True
    sample = [bytearray(1)]
    try:
        for at in range(span.start, span.stop, _STRIDE):
            os.preadv(descriptor, sample, at, NOWAIT)
        os.preadv(descriptor, sample, span.stop - 1, NOWAIT)
    except OSError:  # not in memory (EAGAIN), or a file system without RWF_NOWAIT
        return False
    return True
