"""Outputs as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from remotemedia.core.pipeline import Pipeline
from remotemedia.driver.definition import Definition
from remotemedia.driver.detect import detect
from remotemedia.driver.inputs import RunInput
from remotemedia.driver.prepare import define, measured, prepare
from remotemedia.driver.work import Running, raise_failure_in_coroutine
from remotemedia.runner.dead_letter import TakeDeadLetter
from remotemedia.runner.handoff import End
from remotemedia.runner.loop import set_done
from remotemedia.runner.loop_ports import LoopOutput, SharedOutput
from remotemedia.runner.tags import Tag

if TYPE_CHECKING:
    from remotemedia.driver.engine_run import EngineRun
    from remotemedia.driver.generations import Generations
    from remotemedia.driver.local import LocalRun


class StreamedRun:
    """A run whose outputs are read as they come, on the loop where it began.

    Attributes:
        definition: the pipeline, as it is now.
        work: the run itself.
        outputs: what comes out.
        has_metrics: whether nodes are measured.
        running: the run under way, from ``begin`` on.
        is_open: whether all nodes have been initialized and all places are connected.
    """

    running: Running

    def __init__(
        self,
        pipeline: Pipeline,
        definition: Definition,
        work: LocalRun | EngineRun | Generations,
        outputs: Outputs,
        has_metrics: bool,
    ) -> None:
        """Keep what ``prepare`` has made."""
        self.definition = definition
        self.work = work
        self.outputs = outputs
        self.has_metrics = has_metrics
        self.is_open = False
        self._pipeline = pipeline
        self._is_finished = False

    @classmethod
    async def prepare(
        cls,
        pipeline: Pipeline,
        run_input: RunInput,
        has_metrics: bool,
        returns_state: bool = False,
        on_dead_letter: TakeDeadLetter | None = None,
        definition: Definition | None = None,
    ) -> StreamedRun:
        """Make a run; nothing of it has begun. With a ``definition`` that is what runs.

        Raises:
            PipelineError: the pipeline cannot be run.
            BaseException: what keeps nodes from being made, or from going where they are to run.
        """
        if definition is None:
            detected = detect(pipeline)
            definition = detected.definition or await define(detected, True)
        is_direct = run_input.written is None and definition.is_all_here and definition.is_chain
        outputs = Outputs(is_direct)
        work = await prepare(
            definition, run_input, outputs.make, has_metrics, returns_state, True, on_dead_letter
        )
        if run_input.written is not None:
            cast("Generations", work).follow_interrupts(outputs.interrupt)
        return cls(pipeline, definition, work, outputs, has_metrics)

    def begin(self, opened: Callable[[], None] | None = None) -> None:
        """Start; ``opened`` is called in any thread once everything is prepared for the first item."""
        self.running = Running(self.work, opened)
        self.outputs.begin(self.running)

    async def open(self) -> None:
        """Start, and wait until everything is prepared for the first item.

        Raises:
            BaseException: what a node has raised in ``initialize``, or what else has failed; all is cleaned
                up.
        """
        loop = asyncio.get_running_loop()
        opened = loop.create_future()

        def tell() -> None:
            self.is_open = True
            # A loop that has been closed has no caller that waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(set_done, opened)

        self.begin(tell)
        self.running.when_over(lambda: set_done(opened))
        try:
            await opened
        except asyncio.CancelledError:
            await self.give_up()
            raise
        if not self.is_open:
            self.outputs.close()
            raise_failure_in_coroutine(self.work)

    async def give_up(self) -> None:
        """Want no more outputs, and cancel the run unless it is over.

        Raises:
            CancelTimeoutError: a node does not return.
        """
        self.outputs.close()
        if not self.running.is_over:
            await self.running.cancel()

    def finish(self) -> None:
        """Take what the run has brought besides outputs, once it is over.

        Raises:
            BaseException: what a node has raised, itself.
        """
        is_first, self._is_finished = not self._is_finished, True
        if is_first and self.has_metrics:
            self._pipeline.last_metrics = self.metrics()
        raise_failure_in_coroutine(self.work)
        if is_first:
            self.work.bring_home()

    def metrics(self) -> dict[str, Any]:
        """What has been measured so far."""
        return measured(self.work, self.definition)


class Outputs:
    """The outputs of all last nodes, for one reader on the caller's loop.

    The end of the run ends them as well: of segments that never ran there is no other end.
    """

    def __init__(self, is_direct: bool) -> None:
        """Prepare; to be called on the loop.

        Args:
            is_direct: whether there is exactly one last node, in one segment.
        """
        self._port = LoopOutput() if is_direct else SharedOutput(asyncio.get_running_loop())

    @property
    def are_read(self) -> bool:
        """Whether no output is left to be read, nor will come; of a run that is over."""
        return self._port.is_read

    def make(self) -> LoopOutput:
        """A port for one last node."""
        return self._port.port() if isinstance(self._port, SharedOutput) else self._port

    def begin(self, running: Running) -> None:
        """Have the end of the run end the outputs."""
        running.when_over(self._port.end_from_loop)

    async def get(self) -> Any | End:
        """Wait for the next output; ``END`` once the run is over and all are given, and from then on."""
        return await self._port.get()

    @property
    def tag(self) -> Tag | None:
        """That of the output got last, in a session."""
        return self._port.tag

    def interrupt(self, before: float) -> None:
        """Drop what was let in before a stamp; called from any thread."""
        self._port.interrupt_before(before)

    def unread(self) -> list[Tag]:
        """The tags of the outputs that can still be read."""
        return self._port.unread()

    def close(self) -> None:
        """Want no more: a reader that waits in another task gets ``END``."""
        self._port.close()
