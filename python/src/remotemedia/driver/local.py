"""A run whose nodes all live here: one segment between memory ports, without an engine."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from remotemedia.core.exceptions import InvalidInputError
from remotemedia.driver.definition import Definition, Entry
from remotemedia.driver.inputs import RunInput
from remotemedia.runner.dead_letter import TakeDeadLetter
from remotemedia.runner.loop import LoopThread
from remotemedia.runner.loop_ports import LoopInput
from remotemedia.runner.plan import NodeFailure, OpenError, SegmentPlan
from remotemedia.runner.ports import InputPort, MemoryInput, OutputPort
from remotemedia.runner.segment import Segment
from remotemedia.runner.threads import run_in_thread

_CANCEL_TIMEOUT_SECONDS = 5.0

loop_thread = LoopThread()
"""Runs async nodes where the caller has no loop of its own."""


@dataclass(slots=True)
class Shape:
    """A graph of nodes that is one segment.

    Attributes:
        order: the entries in topological order.
        edges: pairs of ids; None where each node feeds the next one.
        fed: ids of the nodes that take the input.
        drained: ids of the nodes whose outputs are those of the pipeline.
    """

    order: Sequence[Entry]
    edges: Sequence[tuple[str, str]] | None
    fed: Sequence[str]
    drained: Sequence[str]


def chain_shape(definition: Definition) -> Shape:
    """The shape of a chain, which needs no planner."""
    entries = definition.entries
    fed = () if is_source(entries[0]) else (entries[0].id,)
    edges = definition.edges if definition.queues else None
    return Shape(entries, edges, fed, (entries[-1].id,))


def is_source(entry: Entry) -> bool:
    """Whether a node gives items without an input."""
    return getattr(entry.node, "is_source", False) is True


def input_port(run_input: RunInput) -> InputPort | LoopInput:
    """The port that lets the items of a run in."""
    if run_input.written is not None:
        return run_input.written.port()
    if run_input.is_async:
        return LoopInput(run_input.items)  # pyright: ignore[reportArgumentType]
    return MemoryInput(run_input.items)  # pyright: ignore[reportArgumentType]


def check_input(run_input: RunInput, has_taker: bool, name: str) -> None:
    """Check that somebody takes the input.

    Raises:
        ValueError: the caller gave one, and the pipeline begins with source nodes only.
    """
    if run_input.is_given and not has_taker:
        raise no_taker(name)


def no_taker(name: str) -> InvalidInputError:
    """What is wrong where an input is given to a pipeline that takes none."""
    return InvalidInputError(
        f'Pipeline "{name}" begins with source nodes only, which take no input. Run it without one.'
    )


class LocalRun:
    """One run of one segment.

    Attributes:
        failures: what failed.
        cancel_timeout: how many seconds a cancel may take.
    """

    __slots__ = ("_began", "_duration_us", "_segment", "_watch", "failures")

    cancel_timeout = _CANCEL_TIMEOUT_SECONDS

    def __init__(
        self,
        definition: Definition,
        shape: Shape,
        run_input: RunInput,
        make_output: Callable[[], OutputPort],
        has_metrics: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        on_dead_letter: TakeDeadLetter | None = None,
    ) -> None:
        """Build the segment.

        Args:
            definition: the pipeline.
            shape: its graph.
            run_input: its items.
            make_output: gives a port for the outputs of a last node.
            has_metrics: whether nodes are measured.
            loop: the caller's running loop; without it the run is to happen in the calling thread.
            on_dead_letter: given each item that a failure policy gives up; without it they are logged.

        Raises:
            ValueError: the input has no taker.
        """
        check_input(run_input, bool(shape.fed), definition.name)
        self.failures: list[NodeFailure] = []
        self._began = time.perf_counter_ns()
        self._duration_us: float | None = None
        inputs = [(input_port(run_input), shape.fed)] if shape.fed else ()
        outputs = [(make_output(), node_id) for node_id in shape.drained]
        # By position: to make an object by keywords takes three times as long.
        plan = SegmentPlan(shape.order, shape.edges, inputs, outputs, has_metrics)
        plan.queues = definition.queues
        if run_input.session_id is not None:
            plan.is_tagged = True
            plan.session_id = run_input.session_id
            plan.accounts = run_input.accounts
        is_callers_thread = loop is None
        self._watch = run_input.watch
        self._segment = Segment(plan, loop_thread, loop, None, is_callers_thread)
        self._segment.on_dead_letter = on_dead_letter

    @property
    def segment(self) -> Segment:
        """What runs."""
        return self._segment

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Run in a thread of the pool, with a copy of the caller's context."""
        run_in_thread(contextvars.copy_context().run, self._work, over, opened, name="remotemedia-run")

    def run_here(self) -> None:
        """Run in the calling thread, with a copy of its context."""
        contextvars.copy_context().run(self._work, lambda: None)

    def cancel(self) -> None:
        """Let no new item in and give up what runs."""
        self._segment.cancel()

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp."""
        self._segment.interrupt(before)

    def bring_home(self) -> None:
        """Nothing comes back from other processes."""

    def stuck(self) -> Sequence[str]:
        """The ids of the nodes that have not returned."""
        return self._segment.stuck()

    def known_failures(self) -> Sequence[NodeFailure]:
        """What has failed so far, of a run that is not over."""
        return tuple(self._segment.failures)

    def metrics(self) -> tuple[float, list[dict[str, Any]]]:
        """The duration so far in microseconds, and a record of each node."""
        duration_us = self._elapsed_us() if self._duration_us is None else self._duration_us
        return duration_us, self._segment.metrics() or []

    def _elapsed_us(self) -> float:
        return (time.perf_counter_ns() - self._began) / 1_000

    def _work(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        self._began = time.perf_counter_ns()
        segment = self._segment
        try:
            segment.open()
            if opened is not None:
                opened()
            self._run()
            self.failures += segment.failures
        except OpenError as error:
            self.failures.append(error.failure)
        except BaseException as error:
            self.failures.append(NodeFailure(error, None, "run", None))
        finally:
            self.failures += segment.close()
            self._note_end()
            over()

    def _note_end(self) -> None:
        self._duration_us = self._elapsed_us()

    def _run(self) -> None:
        if self._watch is None:
            self._run_segment()
            return
        # Loaded for sessions.
        from remotemedia.runner.watched_segment import watched

        with watched(self._segment, self._watch):
            self._run_segment()

    def _run_segment(self) -> None:
        self._segment.run()
