"""The exceptions of the package. Codes are those of the TypeScript side (``docs/errors.md``)."""

from __future__ import annotations

from typing import ClassVar


class RemoteMediaError(Exception):
    """The root of all errors of this package."""

    code: ClassVar[str] = "RM_ERROR"


class PipelineError(RemoteMediaError):
    """A pipeline cannot be built or run."""

    code = "RM_INVALID_PIPELINE"


class NodeError(RemoteMediaError):
    """A node's own code failed, or an object is no usable node."""

    code = "RM_NODE_FAILED"


class RemoteExecutionError(RemoteMediaError):
    """Code that ran in another process failed.

    Attributes:
        remote_traceback: the traceback or stack as the other side printed it, if there is one.
    """

    code = "RM_NODE_FAILED"

    def __init__(self, message: str, remote_traceback: str | None = None) -> None:
        """Keep the message and the other side's traceback."""
        super().__init__(message)
        self.remote_traceback = remote_traceback


class WebRTCError(RemoteMediaError):
    """A WebRTC connection failed."""


class SerializationError(RemoteMediaError):
    """An instance or a value cannot be serialized."""

    code = "RM_VALUE_NOT_TRANSFERABLE"


class ConfigurationError(RemoteMediaError):
    """A setting is missing or wrong."""

    code = "RM_INVALID_ARGUMENT"


class InvalidNodeError(NodeError, TypeError):
    """An object given as a node lacks what a node must have."""

    code = "RM_INVALID_NODE"


class NodeBusyError(NodeError, RuntimeError):
    """A streaming or source node is already running."""

    code = "RM_NODE_BUSY"


class ValueTransferError(SerializationError, TypeError):
    """A value cannot cross to another language or process.

    Attributes:
        reason: what is wrong, without the path.
        path: path inside the item, such as ``.user.socket`` or ``[3]``; empty for the item itself.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        """Build the message from the reason and the path inside the item."""
        super().__init__(f"{reason} (at {path} of the value)" if path else reason)
        self.reason = reason
        self.path = path


class ProtocolError(RemoteMediaError, ConnectionError):
    """The other side of a connection broke the wire protocol."""

    code = "RM_PROTOCOL"


class ChannelBrokenError(ProtocolError):
    """A channel ended before its producer had said END."""


class CancelTimeoutError(RemoteMediaError, TimeoutError):
    """A node did not return in time after a cancel."""

    code = "RM_CANCEL_TIMEOUT"


class ModuleLoadError(RemoteMediaError, ImportError):
    """A module, a file or a class cannot be loaded."""

    code = "RM_MODULE"


class ClosedError(RemoteMediaError, RuntimeError):
    """A host or a handle was used after it had been closed."""

    code = "RM_CLOSED"
