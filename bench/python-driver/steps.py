"""The nodes that are measured. Written so that ours and the published packages both run them."""

from __future__ import annotations

import time
from typing import Any

from remotemedia import Node


class Step(Node):
    """Gives back its item: what is left is the cost of the runtime."""

    def process(self, data: Any) -> Any:
        """Gives the item back."""
        return data


class Burn(Node):
    """Keeps one core busy for a fixed amount of work, whatever else runs."""

    ROUNDS = 150_000

    def process(self, data: Any) -> float:
        """Gives the time at which the work was done, in s."""
        total = 0
        for number in range(self.ROUNDS):
            total += number
        return time.perf_counter()


def new_class(name: str) -> type[Node]:
    """A class that no runtime has seen yet.

    Args:
        name: what it is called.

    Returns:
        A class that does what ``Step`` does.
    """
    return type(name, (Node,), {"process": Step.process})
