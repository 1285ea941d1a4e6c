"""From what was passed as a pipeline to a run that can begin.

What only runs with an engine need is imported by them: programs whose nodes are their own start faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import ExecutorUnavailableError
from remotemedia.driver.definition import Definition, log_placement, watch_copies
from remotemedia.driver.detect import Detected
from remotemedia.driver.inputs import RunInput
from remotemedia.driver.local import LocalRun, Shape, chain_shape
from remotemedia.driver.results import metrics_of
from remotemedia.runner.dead_letter import TakeDeadLetter
from remotemedia.runner.ports import OutputPort
from remotemedia.runner.threads import run_in_thread

if TYPE_CHECKING:
    from remotemedia.driver.engine_run import EngineRun
    from remotemedia.driver.generations import Generation, Generations
    from remotemedia.driver.source import Source
    from remotemedia.runner.segment_thread import Row


def define_here(detected: Detected) -> Definition:
    """The same as ``define``; blocks."""
    source = _source_of(detected)
    from remotemedia.driver.manifest import ask_engine, definition_from

    return definition_from(ask_engine(source, detected.base_dir), source)


async def define(detected: Detected, use_engine: bool) -> Definition:
    """What the engine reads in a manifest, or in a list with manifest entries."""
    source = _source_of(detected)
    from remotemedia.driver.manifest import ask_engine, definition_from, kept_answer

    defined = kept_answer(source, detected.base_dir)
    if defined is None:
        if not use_engine:
            raise _engine_needed("it has manifest entries")
        defined = await in_thread(ask_engine, source, detected.base_dir)
    return definition_from(defined, source)


def _source_of(detected: Detected) -> Source:
    if detected.source is None:
        raise RuntimeError("neither a definition nor a source was detected")
    return detected.source


async def prepare(
    definition: Definition,
    run_input: RunInput,
    make_output: Callable[[], OutputPort],
    has_metrics: bool,
    returns_state: bool,
    use_engine: bool,
    on_dead_letter: TakeDeadLetter | None = None,
) -> LocalRun | EngineRun | Generations:
    """Make a run of a pipeline, on the caller's running loop; nothing of it has begun.

    Args:
        definition: the pipeline.
        run_input: its items.
        make_output: gives a port for the outputs of a last node.
        has_metrics: whether nodes are measured.
        returns_state: whether nodes in other processes bring their state back.
        use_engine: whether there may be an engine.
        on_dead_letter: given each item that a failure policy gives up; without it they are logged.

    Raises:
        ExecutorUnavailableError: there may not, and one is needed.
        BaseException: what keeps a node from going to another process, or the engine from being there.
    """
    log_placement(definition)
    if returns_state:
        from remotemedia.driver import replicas, restarts

        replicas.check_no_state(definition)
        restarts.check_no_state(definition)
    watch_copies(definition.entries, run_input.watch)
    if not (use_engine or definition.is_all_here):
        raise _engine_needed("it has nodes that run in other processes")
    maker = RunMaker(run_input, make_output, has_metrics, returns_state, on_dead_letter)
    if run_input.written is None:
        return await (maker.local(definition) if definition.is_all_here else maker.with_engine(definition))
    from remotemedia.driver.generations import Generations

    generations = Generations(maker.generation, run_input.written)
    await generations.prepare(definition)
    return generations


class RunMaker:
    """Makes runs of one input and one output; to be used on the caller's running loop."""

    def __init__(
        self,
        run_input: RunInput,
        make_output: Callable[[], OutputPort],
        has_metrics: bool,
        returns_state: bool,
        on_dead_letter: TakeDeadLetter | None,
    ) -> None:
        """Keep what is the same for all of them; see ``prepare``."""
        self._loop = asyncio.get_running_loop()
        self._input = run_input
        self._make_output = make_output
        self._has_metrics = has_metrics
        self._returns_state = returns_state
        self._on_dead_letter = on_dead_letter

    async def local(self, definition: Definition) -> LocalRun:
        """A run of nodes that all live here."""
        return LocalRun(*await self._local_arguments(definition))

    async def with_engine(
        self, definition: Definition, row: Row | None = None, before: Generation | None = None
    ) -> EngineRun:
        """A run that the engine supervises."""
        from remotemedia.driver.away import send_away
        from remotemedia.driver.engine import engine
        from remotemedia.driver.engine_run import EngineRun

        stays = before.nodes_for(definition) if isinstance(before, EngineRun) else dict[str, str]()
        away = await send_away(definition, stays, self._returns_state, in_thread)
        return EngineRun(
            await in_thread(engine),
            definition,
            self._input,
            self._make_output,
            away=away,
            has_metrics=self._has_metrics,
            loop=self._loop,
            on_dead_letter=self._on_dead_letter,
            row=row,
            before=before,
        )

    async def generation(self, definition: Definition, row: Row, before: Generation | None) -> Generation:
        """A run at its place in a session."""
        watch_copies(definition.entries, self._input.watch)
        if not definition.is_all_here:
            return await self.with_engine(definition, row, before)
        from remotemedia.driver.local_generation import LocalGeneration

        arguments = await self._local_arguments(definition)
        return LocalGeneration(*arguments, row=row, is_first=before is None)

    async def _local_arguments(self, definition: Definition) -> tuple[Any, ...]:
        shape = chain_shape(definition) if definition.is_chain else await _planned_shape(definition)
        arguments = (definition, shape, self._input, self._make_output)
        return (*arguments, self._has_metrics, self._loop, self._on_dead_letter)


async def _planned_shape(definition: Definition) -> Shape:
    from remotemedia.driver.planning import kept_shape, plan_shape

    return kept_shape(definition) or await in_thread(plan_shape, definition)


def planned_shape_here(definition: Definition) -> Shape:
    """The graph of a definition whose nodes all live here; blocks."""
    from remotemedia.driver.planning import kept_shape, plan_shape

    return kept_shape(definition) or plan_shape(definition)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call something that blocks, without blocking the loop. A thread of ours never keeps a program alive."""
    done: Future[Any] = Future()

    def call() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(function(*args))
        except BaseException as error:
            done.set_exception(error)

    run_in_thread(call, name="remotemedia-call")
    return await asyncio.wrap_future(done)


def measured(work: LocalRun | EngineRun | Generations, definition: Definition) -> dict[str, Any]:
    """What a run has measured."""
    duration_us, records = work.metrics()
    return metrics_of(duration_us, (entry.id for entry in definition.entries), records)


def _engine_needed(why: str) -> ExecutorUnavailableError:
    return ExecutorUnavailableError(
        f"use_rust=False leaves no engine for this pipeline: {why}. Leave it out."
    )
