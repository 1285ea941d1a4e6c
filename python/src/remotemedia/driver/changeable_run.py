"""A run of a live session whose pipeline can be changed: one segment after the other, in the same thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from remotemedia.driver.definition import Definition, watch_copies
from remotemedia.driver.inputs import RunInput
from remotemedia.driver.local import LocalRun, Shape, chain_shape
from remotemedia.driver.metrics_sum import add_metrics
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_ports import LoopOutput
from remotemedia.runner.plan import NodeFailure, OpenError
from remotemedia.runner.ports import OutputPort
from remotemedia.runner.segment import Segment
from remotemedia.runner.threads import run_in_thread
from remotemedia.runner.unit import Unit

if TYPE_CHECKING:
    from remotemedia.driver.written_input import WrittenInput


class Change:
    """A change of the pipeline that was asked for.

    Attributes:
        definition: the pipeline after it.
        failures: why it was not made, where a new node is the reason.
        is_made: whether it was.
        done: that it was, or that it never will be; on the caller's loop.
    """

    def __init__(self, definition: Definition) -> None:
        """Ask for it; on the caller's loop."""
        self.definition = definition
        self.failures: list[NodeFailure] = []
        self.is_made = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(self) -> None:
        """Let go whoever waits for it; called in any thread."""
        # A loop that has been closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.done.get_loop().call_soon_threadsafe(set_done, self.done)


class ChangeableRun(LocalRun):
    """Runs segments one after the other: a change ends one between two items, and begins the next.

    All of them are opened, run and closed in one thread, so that every call of a node that stays is made
    where its ``initialize`` was. A segment that ends by a change flushes nothing; and the next one is open
    before it is closed, so that nodes that stay are not cleaned up.
    """

    def __init__(
        self,
        definition: Definition,
        shape: Shape,
        run_input: RunInput,
        make_output: Callable[[], OutputPort],
        *rest: Any,
        **options: Any,
    ) -> None:
        """Build the first segment; all arguments are those of ``LocalRun``, which get them as they are."""
        self.definition = definition
        self.is_chain = definition.is_chain
        self._input = run_input
        self._options = (rest, options)
        self._port: LoopOutput | None = None
        if self.is_chain:
            port = make_output()
            if not isinstance(port, LoopOutput):
                raise TypeError(f"outputs of a session are read on its loop, not from {type(port).__name__}")
            self._port = port
            make_output = self._make_port
        super().__init__(definition, shape, run_input, make_output, *rest, **options)
        self._mutex = threading.Lock()
        self._is_cancelled = False
        self._is_over = False
        self._stale_before = 0.0
        self._past: dict[str, dict[str, Any]] = {}
        self._asked: Change | None = None
        self._due: Change | None = None
        self._opening: Segment | None = None
        self._follow_end_of(self._segment)

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Run in a thread of the pool, with a copy of the caller's context."""
        run_in_thread(contextvars.copy_context().run, self._work, over, opened, name="remotemedia-run")

    def change(self, change: Change, written: WrittenInput) -> bool:
        """Make a change once everything that was written before is through; one at a time.

        Returns:
            Whether it may still be made: the run is not over.
        """
        with self._mutex:
            if self._is_over:
                return False
            self._asked = change
        written.mark(self._reach)
        return True

    def cancel(self) -> None:
        """Let no new item in and give up what runs."""
        with self._mutex:
            self._is_cancelled = True
            segments = (self._segment, self._opening)
        for segment in segments:
            if segment is not None:
                segment.cancel()

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp."""
        with self._mutex:
            self._stale_before = max(before, self._stale_before)
            segment = self._segment
        segment.interrupt(before)

    def stuck(self) -> Sequence[str]:
        """The ids of the nodes that have not returned."""
        opening = self._opening
        return super().stuck() if opening is None else opening.stuck()

    def known_failures(self) -> Sequence[NodeFailure]:
        """What has failed so far, of a run that is not over."""
        return (*self.failures, *super().known_failures())

    def metrics(self) -> tuple[float, list[dict[str, Any]]]:
        """The duration so far in microseconds, and a record of each node that is or was there."""
        with self._mutex:
            duration_us, records = super().metrics()
            return duration_us, list(add_metrics(self._past, records).values())

    def _reach(self) -> None:
        """The input comes to the place of the change: nothing flushes at its end. On the loop."""
        self._due, self._asked = self._asked, None
        self._segment.keep(stage.id for stage in self._segment.stages)

    def _follow_end_of(self, segment: Segment) -> None:
        """Have what a node interrupts be stale in later segments as well."""

        def note(before: float) -> None:
            with self._mutex:
                self._stale_before = max(before, self._stale_before)

        segment.on_interrupt = note

    def _work(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        def over_for_changes() -> None:
            with self._mutex:
                self._is_over = True
                changes = [change for change in (self._asked, self._due) if change is not None]
            over()
            for change in changes:
                change.tell()

        super()._work(over_for_changes, opened)

    def _run(self) -> None:
        """Run one segment after the other; the last one is closed by whoever has called this."""
        while True:
            segment = self._segment
            self._run_one(segment)
            change = self._due
            if change is None or segment.is_over:
                return
            self._make(change, segment)
            self._due = None
            change.tell()

    def _make(self, change: Change, before: Segment) -> None:
        """Make a change between two segments; where a new node cannot be initialized, go on as before."""
        try:
            after = self._opened(change.definition, self._input)
        except Exception as error:
            is_node = isinstance(error, OpenError)
            change.failures.append(error.failure if is_node else NodeFailure(error, None, None, None))
            for stage in before.stages:
                # A streaming node was to go: it has seen the end of its input, and begins another one.
                stage.record.release_stream(before)
            after = self._opened(self.definition, self._input)
        else:
            self._flush_gone(change.definition)
            self.definition = change.definition
            change.is_made = True
        self._go_on_with(after)
        self.failures += before.close()
        if self.failures:
            after.stop()

    def _flush_gone(self, after: Definition) -> None:
        """Have the nodes that go flush, into what was behind them."""
        kept = {(entry.id, id(entry.node)) for entry in after.entries}
        staying = [entry.id for entry in self.definition.entries if (entry.id, id(entry.node)) in kept]
        gone = [entry.node for entry in self.definition.entries if entry.id not in staying]
        # A streaming node has seen the end of its input, and has given all.
        if not any(hasattr(node, "flush") for node in gone if not getattr(node, "is_streaming", False)):
            return
        given = self._input
        nothing = RunInput((), is_given=False, session_id=given.session_id, accounts=given.accounts)
        segment = self._opened(self.definition, nothing)
        segment.keep(staying)
        self._go_on_with(segment)
        segment.run()
        self.failures += [*segment.failures, *segment.close()]

    def _opened(self, definition: Definition, run_input: RunInput) -> Segment:
        """A segment whose nodes are initialized, and whose outputs go where those of this run go.

        Raises:
            OpenError: a node's ``initialize`` failed.
        """
        rest, options = self._options
        watch_copies(definition.entries, self._input.watch)
        shape = chain_shape(definition)
        segment = LocalRun(definition, shape, run_input, self._make_port, *rest, **options).segment
        self._follow_end_of(segment)
        with self._mutex:
            # Whatever is initialized now, a cancel ends that as well.
            self._opening = segment
            is_cancelled = self._is_cancelled
        if is_cancelled:
            segment.cancel()
        try:
            segment.open()
        finally:
            with self._mutex:
                self._opening = None
        return segment

    def _go_on_with(self, segment: Segment) -> None:
        """Have a segment be the one that runs: outputs and interruptions are its own from now on."""
        with self._mutex:
            self._past = add_metrics(self._past, self._segment.metrics() or [])
            self._segment = segment
            is_cancelled, stale_before = self._is_cancelled, self._stale_before
        for port, _ in segment.plan.outputs:
            if isinstance(port, SegmentOutput):
                port.serve()
        segment.interrupt(stale_before)
        if is_cancelled:
            segment.cancel()

    def _make_port(self) -> OutputPort:
        if self._port is None:
            raise RuntimeError("only chains can be changed")
        return SegmentOutput(self._port)


class SegmentOutput(LoopOutput):
    """The output of one segment, whose end is not that of the run."""

    def __init__(self, port: LoopOutput) -> None:
        """Pass outputs on to the port that is read."""
        super().__init__()
        self._port = port

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect the port with the unit whose outputs it takes; the first segment is the one that runs."""
        OutputPort.link(self, segment, producer)
        if not self._port._is_linked:
            self._port.link(segment, producer)

    def serve(self) -> None:
        """The outputs are those of this segment from now on; in its thread."""
        (producer,) = self.producers
        self._port.go_on_in(self.segment, producer)

    def append(self, item: Any) -> None:
        """Take an output, in the segment's thread."""
        self._port.append(item)

    def put(self, item: Any) -> asyncio.Future[None] | None:
        """Take an output, on the loop."""
        return self._port.put(item)

    def end_from_thread(self) -> None:
        """There are no more outputs of this segment."""
        self.finish()

    def end_from_loop(self) -> None:
        """There are no more outputs of this segment."""
        self.finish()

    def abort(self) -> None:
        """Take no more, because of a cancel."""
        self.is_dead = True
        self._port.abort()
