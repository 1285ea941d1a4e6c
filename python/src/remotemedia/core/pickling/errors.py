"""The exceptions of instances that cannot cross."""

from __future__ import annotations

from typing import Any, ClassVar

from remotemedia.core import exceptions


class SerializationError(exceptions.SerializationError):
    """An instance cannot be serialized.

    Attributes:
        node_name: the node's name.
        attribute: the way from the node to what cannot cross, such as ``pool.sockets[2]``; None where it is
            the node itself, or unknown.
        reason: why it cannot.
        suggestion: what to do, or None.
    """

    _action: ClassVar[str] = "serialize"

    def __init__(
        self, node_name: str, reason: str, suggestion: str | None = None, attribute: str | None = None
    ) -> None:
        """Build the message from the parts."""
        self.node_name = node_name
        self.reason = reason
        self.suggestion = suggestion
        self.attribute = attribute
        message = f"Cannot {self._action} Node '{node_name}': {self._described()}"
        super().__init__(f"{message}  Suggestion: {suggestion}" if suggestion else message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross processes with all parts."""
        return (
            type(self),
            (self.node_name, self.reason, self.suggestion, self.attribute),
            dict(self.__dict__),
        )

    def _described(self) -> str:
        if self.attribute is None:
            return self.reason
        return f"attribute '{self.attribute}' is not serializable. {self.reason}"


class SerializedSizeError(SerializationError):
    """A serialized instance is larger than the limit; ``attribute`` is the largest one.

    Attributes:
        size_bytes: how large it is.
        limit_bytes: how large it may be.
    """

    size_bytes: int = 0
    limit_bytes: int = 0

    def _described(self) -> str:
        return self.reason


class DeserializationError(SerializationError):
    """Bytes do not give an instance here."""

    _action = "deserialize"


class InitializationError(exceptions.NodeError, RuntimeError):
    """A node arrived, but its ``initialize`` failed; ``__cause__`` is what it raised."""
