"""How often the threads of a host take turns at the interpreter."""

from __future__ import annotations

import sys
from typing import Final

_FEW_SEGMENTS: Final = 8
_FEW_SECONDS: Final = 0.0005
_MANY_SECONDS: Final = 0.005


def take_turns(open_segments: int) -> None:
    """Set how long a thread may keep the interpreter while others wait for it.

    A thread that waits asks for its turn once in that time. With a few segments a node that computes should
    not hold up the others for long. With many, each with threads that wait, asking would be most of the work.

    Args:
        open_segments: how many segments are open in this process.
    """
    sys.setswitchinterval(_FEW_SECONDS if open_segments <= _FEW_SEGMENTS else _MANY_SECONDS)
