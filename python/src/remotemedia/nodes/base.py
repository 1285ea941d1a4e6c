"""The simplest of nodes."""

from __future__ import annotations

from typing import Any

from remotemedia.core.node import Node

__all__ = ["PassThroughNode"]


class PassThroughNode(Node):
    """Gives every item as it came.

    Example:
        >>> PassThroughNode().process("hello")
        'hello'
    """

    def process(self, data: Any) -> Any:
        """Give the item itself."""
        return data
