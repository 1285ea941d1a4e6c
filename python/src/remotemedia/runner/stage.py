"""One node at its place in a segment: its counters, its lock and the calls of its life cycle."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from remotemedia.core.lifecycle import LifecycleRecord, record_of
from remotemedia.runner.metrics import Meter
from remotemedia.runner.node_thread import NodeThread
from remotemedia.runner.outputs import Traits

NODE_CODES: set[CodeType] = set()
"""Code of the functions that call a node's own code, each with a local variable ``stage``."""

THREAD_CURE = (
    "This object may only be used in the thread that made it. Open it in initialize(), "
    "and let the run call that: initialize, process, flush and cleanup of a node all run in one thread."
)
_THREAD_WORDS = (
    "different thread",
    "same thread",
    "another thread",
    "main thread",
    "wrong thread",
    "event loop in thread",
)


class Stage:
    """A node at its place.

    Attributes:
        id: the node's id in the graph.
        node: the live object.
        count: how many items ``process`` has been given; the index of the next one.
        errors: how many of its calls failed.
        position: its position in its chain.
        concurrency: how many items an async node works on at once.
        meter: durations and outputs, where metrics are asked for.
        thread: the node's own thread, where it is a streaming node written as a plain generator.
    """

    __slots__ = (
        "acquire",
        "concurrency",
        "count",
        "errors",
        "flush",
        "id",
        "meter",
        "node",
        "position",
        "process",
        "record",
        "release",
        "thread",
        "traits",
    )

    def __init__(self, node_id: str, node: Any, concurrency: int = 1, has_metrics: bool = False) -> None:
        """Bind the node's methods."""
        self.id = node_id
        self.node = node
        self.traits = Traits(node)
        self.record: LifecycleRecord = record_of(node)
        self.process: Callable[..., Any] = node.process
        self.flush: Callable[[], Any] | None = node.flush if self.traits.has_flush else None
        self.acquire = self.record.call_lock.acquire
        self.release = self.record.call_lock.release
        self.concurrency = concurrency
        self.count = 0
        self.errors = 0
        self.position = 0
        self.meter = Meter() if has_metrics else None
        is_blocking_stream = self.traits.is_streaming and self.traits.is_generator
        self.thread = NodeThread(f"remotemedia-{node_id}") if is_blocking_stream else None

    @property
    def is_on_loop(self) -> bool:
        """Whether the node's code runs on the event loop instead of the segment's thread."""
        return self.traits.is_async or self.traits.is_streaming


def marks_node(function: Any) -> Any:
    """Say that a function calls a node's own code while its local variable ``stage`` is the stage."""
    NODE_CODES.add(function.__code__)
    return function


def node_id_of(frame: FrameType | None) -> str | None:
    """The id of the node whose code runs in a stack of frames, innermost first; None if it is no node's."""
    while frame is not None:
        if frame.f_code in NODE_CODES:
            stage = frame.f_locals.get("stage")
            return stage.id if isinstance(stage, Stage) else None
        frame = frame.f_back
    return None


@marks_node
def call_here(stage: Stage, method: str, wait_for: Callable[[Any], Any]) -> None:
    """Call ``initialize`` or ``cleanup`` in this thread; what it gives back is awaited if it is awaitable."""
    result = getattr(stage.node, method)()
    if inspect.isawaitable(result):
        wait_for(_await_marked(stage, result))


@marks_node
async def call_on_loop(stage: Stage, method: str) -> None:
    """Call ``initialize`` or ``cleanup`` on the event loop."""
    result = getattr(stage.node, method)()
    if inspect.isawaitable(result):
        await result


@marks_node
async def _await_marked(stage: Stage, result: Any) -> Any:
    return await result


def await_marked(stage: Stage, result: Any) -> Any:
    """A coroutine that awaits what a node's call gave, so that what it prints carries the node's id."""
    return _await_marked(stage, result)


def add_thread_cure(error: BaseException) -> None:
    """Add a note with the cure to an error that says that an object is bound to another thread."""
    message = str(error)
    if any(word in message for word in _THREAD_WORDS) and THREAD_CURE not in getattr(error, "__notes__", ()):
        error.add_note(THREAD_CURE)
