"""Nodes that each session has for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remotemedia.core.exceptions import InvalidArgumentError


class PerSession:
    """A place in a pipeline whose node is made anew for each session and run; ``per_session`` makes it.

    Attributes:
        make: gives a new node.
    """

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        """Keep what makes the nodes."""
        self.make = make

    def __repr__(self) -> str:
        """What makes the nodes."""
        return f"per_session({getattr(self.make, '__qualname__', self.make)})"


def per_session(make: Callable[[], Any]) -> PerSession:
    """A node of its own for each session and run, where a live object in a pipeline is shared by all.

    It is for what must not mix, such as the turns of a conversation.

    Args:
        make: gives a new node each time: a function, or a class that takes no arguments.

    Raises:
        InvalidArgumentError: it cannot be called, or is a node.

    Example:
        >>> from remotemedia import Node, Pipeline
        >>> class Count(Node):
        ...     count = 0
        ...     def process(self, item):
        ...         self.count += 1
        ...         return self.count
        >>> pipeline = Pipeline([per_session(Count)])
        >>> pipeline.run_sync(["a", "b"]), pipeline.run_sync(["c"])
        ([1, 2], 1)
    """
    if not callable(make) or (hasattr(make, "process") and not isinstance(make, type)):
        raise InvalidArgumentError(
            f"per_session takes what makes a node, such as per_session(MyNode) or per_session(lambda: "
            f"MyNode(2)), got {make!r}."
        )
    return PerSession(make)


def made(item: Any) -> Any:
    """The node at a place of a pipeline, made where each session has its own."""
    return item.make() if isinstance(item, PerSession) else item
