"""The exceptions of the package. Codes are those of the TypeScript side (``docs/errors.md``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class RemoteMediaError(Exception):
    """The root of all errors of this package.

    Attributes:
        code: tells what went wrong, and never changes; ``docs/errors.md`` lists all codes.
    """

    code: str = "RM_ERROR"


class PipelineError(RemoteMediaError):
    """A pipeline cannot be built or run."""

    code = "RM_INVALID_PIPELINE"


class InvalidPipelineError(PipelineError, TypeError, ValueError):
    """What was given as a pipeline is none."""


class EmptyPipelineError(PipelineError, ValueError):
    """A pipeline without nodes was asked to run."""

    code = "RM_EMPTY_PIPELINE"


class ManifestError(PipelineError, ValueError):
    """A manifest cannot be read or breaks its schema.

    Attributes:
        path: place in the manifest, such as ``nodes[2].params.operand``; empty for the whole.
        line: line of the text, from 1; None where it is not known.
        column: column of that line, from 1; None where it is not known.
    """

    code = "RM_INVALID_MANIFEST"

    def __init__(
        self, message: str, path: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        """Keep the message and the place."""
        super().__init__(message)
        self.path = path
        self.line = line
        self.column = column


class UnknownNodeTypeError(ManifestError):
    """A manifest names a node type that nothing provides."""

    code = "RM_UNKNOWN_NODE_TYPE"


class GraphError(ManifestError):
    """The connections do not form a graph that can run."""

    code = "RM_INVALID_GRAPH"


class NoTimestampError(PipelineError, ValueError):
    """Items are brought together by their times, and one has none."""

    code = "RM_NO_TIMESTAMP"


class QueueFullError(PipelineError, RuntimeError):
    """Items wait for others that do not come."""

    code = "RM_QUEUE_FULL"


class SessionEndedError(PipelineError, RuntimeError):
    """An item was written to a session that takes no more; the cause is what ended it, if it has failed."""

    code = "RM_SESSION_ENDED"


class ScriptFailedError(RemoteMediaError, RuntimeError):
    """A script of the testing kit does not come to its end."""

    code = "RM_SCRIPT_FAILED"


class NodeError(RemoteMediaError):
    """A node's own code failed, or an object is no usable node."""

    code = "RM_NODE_FAILED"


class InvalidNodeError(NodeError, PipelineError, TypeError):
    """An object given as a node lacks what a node must have."""

    code = "RM_INVALID_NODE"


class NodeFailedError(NodeError, PipelineError):
    """A node failed in ``Pipeline.initialize`` or ``Pipeline.cleanup``; the cause is its own error.

    Attributes:
        node_id: the node's name.
        phase: ``"initialize"`` or ``"cleanup"``.
    """

    code = "RM_NODE_FAILED"

    def __init__(self, message: str, node_id: str = "", phase: str = "") -> None:
        """Keep the message and the place."""
        super().__init__(message)
        self.node_id = node_id
        self.phase = phase


class NodeBusyError(NodeError, RuntimeError):
    """A streaming or source node is already running."""

    code = "RM_NODE_BUSY"


class NodeTimeoutError(NodeError, TimeoutError):
    """A node took longer for an item than its failure policy allows."""

    code = "RM_TIMEOUT"


class InvalidInputError(RemoteMediaError, TypeError, ValueError):
    """The input, or one item of it, is not of the form that the call or the node takes."""

    code = "RM_INVALID_INPUT"


class MediaError(RemoteMediaError, ValueError):
    """A media file or stream cannot be decoded."""

    code = "RM_MEDIA"


class RemoteExecutionError(RemoteMediaError):
    """Code that ran in another process failed.

    Attributes:
        remote_traceback: the traceback or stack as the other side printed it, if there is one.
        attributes: other properties or attributes of what was raised that could cross, such as ``status``.
        errors: what an ``AggregateError`` or an exception group holds; empty for any other.
    """

    code = "RM_NODE_FAILED"

    def __init__(self, message: str, remote_traceback: str | None = None) -> None:
        """Keep the message and the other side's traceback."""
        super().__init__(message)
        self.remote_traceback = remote_traceback
        self.attributes: Mapping[str, Any] = {}
        self.errors: Sequence[BaseException] = ()


class WebRTCError(RemoteMediaError):
    """A WebRTC connection failed."""


class SerializationError(RemoteMediaError):
    """An instance or a value cannot be serialized."""

    code = "RM_NOT_SERIALIZABLE"


class ValueTransferError(SerializationError, TypeError):
    """A value cannot cross to another language or process.

    Attributes:
        reason: what is wrong, without the path.
        path: path inside the item, such as ``.user.socket`` or ``[3]``; empty for the item itself.
    """

    code = "RM_VALUE_NOT_TRANSFERABLE"

    def __init__(self, reason: str, path: str = "") -> None:
        """Build the message from the reason and the path inside the item."""
        super().__init__(f"{reason} (at {path} of the value)" if path else reason)
        self.reason = reason
        self.path = path


class ConfigurationError(RemoteMediaError, ValueError):
    """A setting is missing or wrong."""

    code = "RM_INVALID_ARGUMENT"


class InvalidArgumentError(ConfigurationError, TypeError):
    """An argument of a call has a wrong type or is out of range."""


class ExecutorUnavailableError(ConfigurationError):
    """A node asks for an executor that is not there for it."""

    code = "RM_EXECUTOR_UNAVAILABLE"


class ProtocolError(RemoteMediaError, ConnectionError):
    """The other side of a connection broke the wire protocol."""

    code = "RM_PROTOCOL"


class ChannelBrokenError(ProtocolError):
    """A channel ended before its producer had said END."""


class MemoryKeptError(RemoteMediaError, MemoryError):
    """A node keeps so much shared memory that nothing is left for others.

    Attributes:
        node_id: the node.
    """

    code = "RM_MEMORY_KEPT"

    def __init__(self, message: str, node_id: str = "") -> None:
        """Keep the message and the node."""
        super().__init__(message)
        self.node_id = node_id


class SharedMemoryFullError(RemoteMediaError, OSError):
    """The folder for shared memory is full."""

    code = "RM_SHARED_MEMORY_FULL"


class CancelTimeoutError(RemoteMediaError, TimeoutError):
    """A node did not return in time after a cancel."""

    code = "RM_CANCEL_TIMEOUT"


class ModuleLoadError(RemoteMediaError, ImportError):
    """A module, a file or a class cannot be loaded."""

    code = "RM_MODULE"


class ClosedError(RemoteMediaError, RuntimeError):
    """A host or a handle was used after it had been closed."""

    code = "RM_CLOSED"


class HostStartError(RemoteMediaError, RuntimeError):
    """A host did not start, or what it needs was not found."""

    code = "RM_HOST_START"


class HostDiedError(RemoteMediaError, ConnectionError):
    """A host ended while it was needed.

    Attributes:
        exit_code: its exit code; None where a signal ended it or nothing is known.
        signal: the signal that ended it, such as ``"SIGKILL"``, or None.
        stderr: the last lines that it wrote to stderr.
    """

    code = "RM_HOST_DIED"

    def __init__(
        self,
        message: str,
        exit_code: int | None = None,
        signal: str | None = None,
        stderr: Sequence[str] = (),
    ) -> None:
        """Keep the message and how the host ended."""
        super().__init__(message)
        self.exit_code = exit_code
        self.signal = signal
        self.stderr = tuple(stderr)


class EngineDiedError(HostDiedError):
    """The engine ended in the middle of a run; the next run starts another one."""

    code = "RM_ENGINE_DIED"


class EngineNotFoundError(RemoteMediaError, RuntimeError):
    """No usable Node.js was found, which the engine runs on."""

    code = "RM_NODE_NOT_FOUND"


_CLASSES: tuple[type[RemoteMediaError], ...] = (
    InvalidPipelineError,
    EmptyPipelineError,
    ManifestError,
    UnknownNodeTypeError,
    GraphError,
    SessionEndedError,
    ScriptFailedError,
    NodeError,
    InvalidNodeError,
    NodeBusyError,
    NodeTimeoutError,
    InvalidInputError,
    MediaError,
    ValueTransferError,
    InvalidArgumentError,
    ExecutorUnavailableError,
    ProtocolError,
    NoTimestampError,
    QueueFullError,
    MemoryKeptError,
    SharedMemoryFullError,
    CancelTimeoutError,
    ModuleLoadError,
    ClosedError,
    HostStartError,
    HostDiedError,
    EngineDiedError,
    EngineNotFoundError,
)

_CLASS_OF_CODE: dict[str, type[RemoteMediaError]] = {
    **{kind.code: kind for kind in _CLASSES},
    "RM_NOT_SERIALIZABLE": SerializationError,
    "RM_INVALID_PAYLOAD": SerializationError,
    "RM_PYTHON_NOT_FOUND": HostStartError,
    "RM_PYTHON_EXCEPTION": RemoteExecutionError,
    "RM_TSX_NOT_FOUND": ModuleLoadError,
}


def exception_class_of(code: str) -> type[RemoteMediaError]:
    """The class of the errors with a code; the root class for a code that is not known here.

    Example:
        >>> exception_class_of("RM_EMPTY_PIPELINE").__name__
        'EmptyPipelineError'
    """
    return _CLASS_OF_CODE.get(code, RemoteMediaError)


def error_of_code(
    code: str, message: str, *, path: str | None = None, line: int | None = None, column: int | None = None
) -> RemoteMediaError:
    """Make the error that the engine reported with a code.

    Args:
        code: its code, such as ``"RM_INVALID_MANIFEST"``.
        message: its whole message.
        path: the place in the manifest or in the item; kept as an attribute where it is given, as are
            line and column.
        line: line of the manifest's text, from 1.
        column: column of that line, from 1.

    Returns:
        An error of the class that belongs to the code, with the code as its attribute.

    Example:
        >>> error_of_code("RM_INVALID_MANIFEST", "nodes is missing", path="nodes").path
        'nodes'
    """
    error = exception_class_of(code)(message)
    if error.code != code:
        error.code = code
    for name, value in (("path", path), ("line", line), ("column", column)):
        if value is not None:
            setattr(error, name, value)
    return error
