"""One node at its place in a segment: its counters, its lock and the calls of its life cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from remotemedia.core.exceptions import InvalidNodeError
from remotemedia.core.lifecycle import LifecycleRecord, record_of
from remotemedia.core.queue_settings import QueueLimits
from remotemedia.core.settings import DEFAULT_SETTINGS, NodeSettings
from remotemedia.runner.metrics import Meter
from remotemedia.runner.node_thread import NodeThread
from remotemedia.runner.outputs import AWAITABLE, Traits, kind_of

if TYPE_CHECKING:
    from remotemedia.runner.chain import Chain
    from remotemedia.runner.context import NodeContext
    from remotemedia.runner.guarded import Attempts

NO_QUEUES: Final[Mapping[str, QueueLimits]] = {}
"""Of a node none of whose edges has a queue of its own."""

NODE_CODES: set[CodeType] = set()
"""Code of the functions that call a node's own code, each with a local variable ``stage``."""

THREAD_CURE = (
    "This object may only be used in the thread that made it. Open it in initialize(), "
    "and let the run call that: initialize, process, flush and cleanup of a node all run in one thread. "
    'Or set run_on = "caller" on the node, if the object was made in the thread that runs the pipeline.'
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
        process: what to call for an item. Replaced when a second run begins to use the object, so that it is
            looked up for each call, and by a chain only after the chain has said that it is there.
        entered: how many items have come to it from outside its chain, or from what a node before it gave.
        left: how many items have ended here, dropped or replaced by several outputs.
        before: the node before it in its chain.
        chain: its chain, if it is in one.
        errors: how many of its calls failed.
        position: its position in its chain.
        concurrency: how many items an async node works on at once.
        is_unordered: whether outputs of these calls are given as they come.
        drops: what in front of the node drops items because of limits; each says how many.
        fan_in: how items of several inputs come to it; None where they are merged.
        input_queue: limits of what waits for it; None where nothing is stated.
        edge_queues: limits of what comes by edges with a queue of their own, by the id of what gives.
        policy: what is done where ``process`` fails, or None where that ends the run.
        attempts: its calls for the item at hand, where it is in a chain and has a policy.
        meter: durations and outputs, where metrics are asked for.
        thread: the node's own thread, where it is a streaming node with a sync ``process``, which may block.
        is_on_loop: whether the node's code runs on the event loop instead of the segment's thread.
        is_exclusive: whether the object can only be at one place of one run: streaming and source nodes.
    """

    __slots__ = (
        "_is_guarded",
        "_is_settled",
        "attempts",
        "before",
        "chain",
        "concurrency",
        "drops",
        "edge_queues",
        "entered",
        "errors",
        "fan_in",
        "flush",
        "id",
        "input_queue",
        "is_exclusive",
        "is_on_loop",
        "is_unordered",
        "left",
        "meter",
        "node",
        "policy",
        "position",
        "process",
        "record",
        "thread",
        "traits",
    )

    def __init__(
        self,
        node_id: str,
        node: Any,
        settings: NodeSettings = DEFAULT_SETTINGS,
        has_metrics: bool = False,
        has_callers_loop: bool = False,
    ) -> None:
        """Bind the node's methods.

        Args:
            node_id: the node's id in the graph.
            node: the live object.
            settings: what the node states about its calls.
            has_metrics: whether to measure.
            has_callers_loop: whether the event loop is the caller's, and the segment's thread is not.

        Raises:
            InvalidNodeError: its ``run_on`` is none of those that there are, or cannot be kept.
        """
        self.id = node_id
        self.node = node
        self.traits = traits = Traits(node)
        self.record: LifecycleRecord = record_of(node)
        self.process: Callable[..., Any] = node.process
        self.flush: Callable[[], Any] | None = node.flush if traits.has_flush else None
        self.concurrency = settings.concurrency
        self.is_unordered = settings.unordered and settings.concurrency > 1
        self.policy = settings.failure_policy
        self.input_queue = settings.input_queue
        self.edge_queues = NO_QUEUES
        self.fan_in = settings.fan_in
        self.drops: tuple[Callable[[], int], ...] = ()
        self.attempts: Attempts | None = None
        self.entered = 0
        self.left = 0
        self.before: Stage | None = None
        self.chain: Chain | None = None
        self.errors = 0
        self.position = 0
        self.meter = Meter() if has_metrics else None
        self.thread: NodeThread | None = None
        self.is_on_loop = traits.is_async or traits.is_streaming
        self.is_exclusive = traits.is_streaming or traits.is_source
        self._is_guarded = False
        self._is_settled = False
        if traits.run_on is not None:
            self._place(has_callers_loop)
        if traits.is_streaming and not traits.is_async and traits.run_on != "caller":
            self.thread = NodeThread(f"remotemedia-{node_id}")

    def give_context(self, context: NodeContext) -> None:
        """Call ``process`` with a context from now on; before anything else takes it."""
        self.process = partial(self.process, ctx=context)

    @property
    def count(self) -> int:
        """How many items ``process`` has been given; the index of the next one."""
        total = self.entered
        stage = self.before
        while stage is not None:
            total += stage.entered - stage.left
            stage = stage.before
        return total

    def progress(self) -> tuple[int, ...]:
        """What changes with every item that its chain moves."""
        chain = self.chain
        if chain is None:
            return (self.entered,)
        return (chain.entered, *(stage.entered for stage in chain.stages))

    def has_control(self, frame: FrameType | None) -> bool:
        """Whether its own code runs in a stack in which it is found, and no output of it travels on."""
        chain = self.chain
        while frame is not None and frame.f_code not in NODE_CODES:
            frame = frame.f_back
        is_chain = chain is not None and frame is not None and frame.f_code is type(chain).run.__code__
        return not is_chain or (chain is not None and chain.at is self)

    @property
    def has_bounded_queue(self) -> bool:
        """Whether what waits for it has other limits than any hand-off."""
        return self.input_queue is not None or (self.fan_in is None and len(self.edge_queues) > 0)

    @property
    def dropped(self) -> int:
        """How many items were dropped in front of it because of limits."""
        return sum(count() for count in self.drops)

    def is_initialized(self) -> bool:
        """Whether somebody has initialized the object, as far as it or its record knows."""
        return getattr(self.node, "_is_initialized", None) is True or self.record.is_noted

    def guard(self) -> bool:
        """Take the record's lock for every call from now on; whether calls were without it until now."""
        if self._is_guarded:
            return False
        self._is_guarded = True
        process, record = self.process, self.record
        release = record.call_lock.release

        def guarded(item: Any) -> Any:
            # Said before the lock is waited for: whoever has it may wait for this very chain.
            self._is_settled = True
            record.lock_call(self.is_given_up)
            try:
                return process(item)
            finally:
                release()

        self.process = guarded
        return True

    def is_inside(self) -> bool:
        """Whether a call without the lock may not have returned yet.

        The chain says where it is before it looks ``process`` up. So if it does not say that it is here after
        ``process`` was replaced, it can only come in by the guarded call.
        """
        return self.chain is not None and self.chain.at is self and not self._is_settled

    def is_given_up(self) -> bool:
        """Whether what a chain does with the node need not be waited for any more."""
        return self.chain is not None and self.chain.is_cancelled

    def is_here(self) -> bool:
        """Whether its calls are made in the calling thread."""
        return self.chain is not None and self.chain.is_here()

    def _place(self, has_callers_loop: bool) -> None:
        """Obey the node's ``run_on``."""
        traits = self.traits
        if traits.run_on not in ("caller", "thread"):
            raise InvalidNodeError(
                f'Node "{self.id}" has run_on = {traits.run_on!r}. It is "caller" (the thread that runs the '
                'pipeline), "thread" (one of the runtime\'s) or None, which leaves it to the runtime.'
            )
        if traits.run_on == "caller" and traits.is_streaming and traits.is_generator:
            raise InvalidNodeError(
                f'Node "{self.id}" has run_on = "caller" and is a streaming node that is a plain generator, '
                "which blocks its thread while it waits for items. Write process as an async generator."
            )
        if traits.run_on == "caller" and has_callers_loop and not self.is_on_loop:
            self.is_on_loop = True
            if not traits.is_source:
                # Another run may call it in a thread at the same time.
                self.guard()


def marks_node(function: Any) -> Any:
    """Say that a function calls a node's own code while its local variable ``stage`` is the stage."""
    NODE_CODES.add(function.__code__)
    return function


def node_id_of(frame: FrameType | None) -> str | None:
    """The id of the node whose code runs in a stack of frames, innermost first; None if it is no node's."""
    stage = stage_of(frame)
    return None if stage is None else stage.id


def stage_of(frame: FrameType | None) -> Stage | None:
    """The node whose code runs in a stack of frames, innermost first; None if it is no node's."""
    while frame is not None:
        if frame.f_code in NODE_CODES:
            stage = frame.f_locals.get("stage")
            return stage if isinstance(stage, Stage) else None
        frame = frame.f_back
    return None


@marks_node
def call_here(stage: Stage, method: str, wait_for: Callable[[Any], Any]) -> None:
    """Call ``initialize`` or ``cleanup`` in this thread; what it gives back is awaited if it is awaitable."""
    result = getattr(stage.node, method)()
    if result is not None and kind_of(result) == AWAITABLE:
        wait_for(_await_marked(stage, result))


@marks_node
async def call_on_loop(stage: Stage, method: str) -> None:
    """Call ``initialize`` or ``cleanup`` on the event loop."""
    result = getattr(stage.node, method)()
    if kind_of(result) == AWAITABLE:
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
