"""What this process uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def memory_use() -> int:
    """Resident memory in bytes; where the system tells no more, the most that it has been."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _most_used()


def _most_used() -> int:
    try:
        import resource
    except ImportError:
        # There is none on Windows, where nothing is ever over its limit then.
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
