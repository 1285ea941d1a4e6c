"""RemoteMedia: pipelines of live Python and TypeScript objects.

Example:
    >>> import remotemedia
    >>> from remotemedia.nodes import CalculatorNode
    >>> remotemedia.execute_pipeline_with_input_sync([CalculatorNode(operation="add", operand=1)], [1, 2])
    [2, 3]
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remotemedia.core.exceptions import (
        NodeError,
        PipelineError,
        RemoteExecutionError,
        RemoteMediaError,
        WebRTCError,
    )
    from remotemedia.core.node import Node, RemoteExecutorConfig
    from remotemedia.core.per_session import PerSession, per_session
    from remotemedia.core.pipeline import Pipeline
    from remotemedia.core.queue_settings import FanIn, QueueLimits
    from remotemedia.core.settings import FailurePolicy, RestartPolicy, RetryPolicy
    from remotemedia.core.stuck import StuckReport
    from remotemedia.driver.live_session import LiveSession
    from remotemedia.driver.load import load_pipeline
    from remotemedia.driver.session_account import Fate, InputAccount, Loss, SessionAccount
    from remotemedia.nodes import (
        CalculatorNode,
        DataSinkNode,
        DataSourceNode,
        PassThroughNode,
        get_registered_nodes,
        register_python_node,
        streaming_node,
    )
    from remotemedia.runner.context import NodeContext
    from remotemedia.runner.dead_letter import DeadLetter
    from remotemedia.runtime import (
        execute_pipeline,
        execute_pipeline_sync,
        execute_pipeline_with_input,
        execute_pipeline_with_input_sync,
    )

__version__ = "0.1.0"

_HOMES = {
    "CalculatorNode": "remotemedia.nodes",
    "DataSinkNode": "remotemedia.nodes",
    "DataSourceNode": "remotemedia.nodes",
    "DeadLetter": "remotemedia.runner.dead_letter",
    "FailurePolicy": "remotemedia.core.settings",
    "Fate": "remotemedia.driver.session_account",
    "InputAccount": "remotemedia.driver.session_account",
    "FanIn": "remotemedia.core.queue_settings",
    "Loss": "remotemedia.driver.session_account",
    "LiveSession": "remotemedia.driver.live_session",
    "PerSession": "remotemedia.core.per_session",
    "Node": "remotemedia.core.node",
    "NodeContext": "remotemedia.runner.context",
    "NodeError": "remotemedia.core.exceptions",
    "PassThroughNode": "remotemedia.nodes",
    "Pipeline": "remotemedia.core.pipeline",
    "PipelineError": "remotemedia.core.exceptions",
    "RemoteExecutionError": "remotemedia.core.exceptions",
    "RemoteExecutorConfig": "remotemedia.core.node",
    "RemoteMediaError": "remotemedia.core.exceptions",
    "QueueLimits": "remotemedia.core.queue_settings",
    "RestartPolicy": "remotemedia.core.settings",
    "SessionAccount": "remotemedia.driver.session_account",
    "RetryPolicy": "remotemedia.core.settings",
    "WebRTCError": "remotemedia.core.exceptions",
    "execute_pipeline": "remotemedia.runtime",
    "execute_pipeline_sync": "remotemedia.runtime",
    "execute_pipeline_with_input": "remotemedia.runtime",
    "execute_pipeline_with_input_sync": "remotemedia.runtime",
    "get_registered_nodes": "remotemedia.nodes",
    "load_pipeline": "remotemedia.driver.load",
    "StuckReport": "remotemedia.core.stuck",
    "per_session": "remotemedia.core.per_session",
    "register_python_node": "remotemedia.nodes",
    "streaming_node": "remotemedia.nodes",
}
"""What is imported when it is first asked for: a program pays for what it uses."""


def is_rust_runtime_available() -> bool:
    """Whether the runtime can be used here: the engine is there, and a Node.js that runs it.

    The name is that of existing programs; the runtime is not written in Rust.
    """
    from remotemedia.driver.node_binary import is_available

    return is_available()


def try_load_rust_runtime() -> tuple[bool, ModuleType | None, str | None]:
    """Load the runtime: whether that worked, the module ``remotemedia.runtime``, and what went wrong."""
    if not is_rust_runtime_available():
        return False, None, "No Node.js 20 or newer was found, or the package has no engine."
    return True, importlib.import_module("remotemedia.runtime"), None


def get_rust_runtime() -> ModuleType | None:
    """The module ``remotemedia.runtime`` if it can be used here, else None."""
    return try_load_rust_runtime()[1]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name in ("runtime", "nodes", "core"):
        return importlib.import_module(f"remotemedia.{name}")
    raise AttributeError(f"module 'remotemedia' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


__all__ = [
    "CalculatorNode",
    "DataSinkNode",
    "DataSourceNode",
    "DeadLetter",
    "FailurePolicy",
    "FanIn",
    "Fate",
    "InputAccount",
    "LiveSession",
    "Loss",
    "Node",
    "NodeContext",
    "NodeError",
    "PassThroughNode",
    "PerSession",
    "Pipeline",
    "PipelineError",
    "QueueLimits",
    "RemoteExecutionError",
    "RemoteExecutorConfig",
    "RemoteMediaError",
    "RestartPolicy",
    "RetryPolicy",
    "SessionAccount",
    "StuckReport",
    "WebRTCError",
    "__version__",
    "execute_pipeline",
    "execute_pipeline_sync",
    "execute_pipeline_with_input",
    "execute_pipeline_with_input_sync",
    "get_registered_nodes",
    "get_rust_runtime",
    "is_rust_runtime_available",
    "load_pipeline",
    "per_session",
    "register_python_node",
    "streaming_node",
    "try_load_rust_runtime",
]
