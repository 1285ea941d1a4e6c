"""Running pipelines: what the public functions and the methods of ``Pipeline`` do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import TYPE_CHECKING, Any

from remotemedia.core.pipeline import Pipeline
from remotemedia.driver.definition import Definition, log_placement
from remotemedia.driver.detect import Detected, detect
from remotemedia.driver.inputs import RunInput, any_input, many_inputs, no_input
from remotemedia.driver.local import LocalRun, chain_shape
from remotemedia.driver.prepare import define, define_here, measured, planned_shape_here, prepare
from remotemedia.driver.results import ResultForm, in_form
from remotemedia.driver.stream import StreamedRun
from remotemedia.driver.work import interruptible, raise_failure, run_on_loop
from remotemedia.runner.dead_letter import TakeDeadLetter
from remotemedia.runner.handoff import END
from remotemedia.runner.ports import MemoryOutput

if TYPE_CHECKING:
    from remotemedia.driver.engine_run import EngineRun
    from remotemedia.driver.generations import Generations


MetricsKeeper = Callable[[dict[str, Any]], None]


async def execute_pipeline(
    pipeline_or_manifest: Any,
    enable_metrics: bool = False,
    *,
    return_state: bool = False,
    on_dead_letter: TakeDeadLetter | None = None,
) -> Any:
    """Run a pipeline without input: a source node is drained, any other first node gets one empty text.

    Args:
        pipeline_or_manifest: a list of nodes (manifest entries among them), a ``Pipeline``, or a manifest
            (dict, JSON or YAML text). Which one it is, is detected.
        enable_metrics: whether to measure; the result is then ``{"outputs": …, "metrics": …}``.
        return_state: whether nodes in other processes bring their state back to the original objects.
        on_dead_letter: given each item that a node with the failure policy ``skip`` has failed for, at once
            and in any thread, so it must not wait for anything. What it raises fails the run. By default each
            is logged as a warning.

    Returns:
        The outputs as a list; the output itself where there is exactly one; None where there is none.

    Raises:
        BaseException: what a node raised, itself, with a note that names node and item.
        InvalidNodeError: an item of the list is no node (a TypeError); names each such position.
        PipelineError: there is nothing to run, or the manifest is wrong.

    Example:
        >>> import asyncio
        >>> from remotemedia.nodes import CalculatorNode
        >>> asyncio.run(execute_pipeline([CalculatorNode(operation="add", operand=10)])) is None
        True
    """
    detected = detect(pipeline_or_manifest)
    return await _run(
        detected, no_input(), "unwrapped", enable_metrics, return_state, on_dead_letter=on_dead_letter
    )


async def execute_pipeline_with_input(
    pipeline_or_manifest: Any,
    input_data: Any,
    enable_metrics: bool = False,
    *,
    return_state: bool = False,
    on_dead_letter: TakeDeadLetter | None = None,
) -> Any:
    """Run a pipeline on many inputs.

    Args:
        pipeline_or_manifest: as for ``execute_pipeline``.
        input_data: any iterable or async iterable of items.
        enable_metrics: whether to measure; the result is then ``{"outputs": …, "metrics": …}``.
        return_state: whether nodes in other processes bring their state back to the original objects.
        on_dead_letter: given each item that a node with the failure policy ``skip`` has failed for, at once
            and in any thread, so it must not wait for anything. What it raises fails the run. By default each
            is logged as a warning.

    Returns:
        The outputs as a list; for a manifest with exactly one output that output itself.

    Raises:
        TypeError: ``input_data`` is a single value.
        BaseException: as for ``execute_pipeline``.

    Example:
        >>> import asyncio
        >>> from remotemedia.nodes import CalculatorNode
        >>> nodes = [CalculatorNode(operation="multiply", operand=2)]
        >>> asyncio.run(execute_pipeline_with_input(nodes, [1, 2, 3]))
        [2, 4, 6]
    """
    run_input = many_inputs(input_data)
    detected = detect(pipeline_or_manifest)
    form = _list_form(detected)
    return await _run(detected, run_input, form, enable_metrics, return_state, on_dead_letter=on_dead_letter)


def execute_pipeline_sync(
    pipeline_or_manifest: Any,
    enable_metrics: bool = False,
    *,
    return_state: bool = False,
    on_dead_letter: TakeDeadLetter | None = None,
) -> Any:
    """The same as ``execute_pipeline``, for programs without asyncio: blocks, and runs nodes in this thread.

    Raises:
        RuntimeError: an event loop runs in this thread.
    """
    _refuse_loop("execute_pipeline")
    detected = detect(pipeline_or_manifest)
    return _run_sync(
        detected, no_input(), "unwrapped", enable_metrics, return_state, on_dead_letter=on_dead_letter
    )


def execute_pipeline_with_input_sync(
    pipeline_or_manifest: Any,
    input_data: Any,
    enable_metrics: bool = False,
    *,
    return_state: bool = False,
    on_dead_letter: TakeDeadLetter | None = None,
) -> Any:
    """The same as ``execute_pipeline_with_input``, for programs without asyncio.

    It blocks, and runs sync nodes in the calling thread.

    Raises:
        RuntimeError: an event loop runs in this thread.

    Example:
        >>> from remotemedia.nodes import CalculatorNode
        >>> execute_pipeline_with_input_sync([CalculatorNode(operation="add", operand=1)], [1, 2])
        [2, 3]
    """
    _refuse_loop("execute_pipeline_with_input")
    run_input = many_inputs(input_data)
    detected = detect(pipeline_or_manifest)
    form = _list_form(detected)
    return _run_sync(detected, run_input, form, enable_metrics, return_state, on_dead_letter=on_dead_letter)


async def run_pipeline(
    pipeline: Pipeline, input_data: Any, use_engine: bool, on_dead_letter: TakeDeadLetter | None = None
) -> Any:
    """``Pipeline.run``: a list or an iterator as input means many items."""
    has_metrics = pipeline.enable_metrics
    run_input = any_input(input_data)
    keep = _keeper(pipeline)
    result = await _run(
        detect(pipeline), run_input, "unwrapped", has_metrics, False, use_engine, keep, on_dead_letter
    )
    return result["outputs"] if has_metrics else result


def run_pipeline_sync(
    pipeline: Pipeline, input_data: Any, on_dead_letter: TakeDeadLetter | None = None
) -> Any:
    """``Pipeline.run_sync``: the same, in the calling thread."""
    _refuse_loop("pipeline.run")
    run_input = any_input(input_data)
    has_metrics = pipeline.enable_metrics
    keep = _keeper(pipeline)
    detected = detect(pipeline)
    result = _run_sync(detected, run_input, "unwrapped", has_metrics, False, keep, on_dead_letter)
    return result["outputs"] if has_metrics else result


async def stream_pipeline(
    pipeline: Pipeline, stream: AsyncIterable[Any] | None, on_dead_letter: TakeDeadLetter | None = None
) -> AsyncGenerator[Any, None]:
    """``Pipeline.process``: gives outputs as they come; leaving early cancels the run and cleans up."""
    run_input = no_input() if stream is None else many_inputs(stream)
    has_metrics = pipeline.enable_metrics
    run = await StreamedRun.prepare(pipeline, run_input, has_metrics, on_dead_letter=on_dead_letter)
    # One generator alone: the end of a loop closes all that are open at once, also one that another reads.
    run.begin()
    try:
        while (item := await run.outputs.get()) is not END:
            yield item
        await run.running.wait()
    finally:
        await run.give_up()
    run.finish()


async def _run(
    detected: Detected,
    run_input: RunInput,
    form: ResultForm,
    has_metrics: bool,
    returns_state: bool,
    use_engine: bool = True,
    keep: MetricsKeeper | None = None,
    on_dead_letter: TakeDeadLetter | None = None,
) -> Any:
    definition = detected.definition or await define(detected, use_engine)
    outputs: list[Any] = []
    work = await prepare(
        definition,
        run_input,
        lambda: MemoryOutput(outputs.append),
        has_metrics,
        returns_state,
        use_engine,
        on_dead_letter,
    )
    try:
        await run_on_loop(work)
    finally:
        # Those of a run that failed are wanted most.
        if keep is not None:
            keep(measured(work, definition))
    work.bring_home()
    return _result(work, definition, outputs, form, run_input, has_metrics)


def _run_sync(
    detected: Detected,
    run_input: RunInput,
    form: ResultForm,
    has_metrics: bool,
    returns_state: bool,
    keep: MetricsKeeper | None = None,
    on_dead_letter: TakeDeadLetter | None = None,
) -> Any:
    definition = detected.definition or define_here(detected)
    if not definition.is_all_here:
        # Its nodes are made once.
        detected.definition = definition
        # Its segments need threads of their own; the calling one has the loop for async nodes.
        with asyncio.Runner() as runner:
            return runner.run(
                _run(
                    detected,
                    run_input,
                    form,
                    has_metrics,
                    returns_state,
                    keep=keep,
                    on_dead_letter=on_dead_letter,
                )
            )
    log_placement(definition)
    outputs: list[Any] = []
    shape = chain_shape(definition) if definition.is_chain else planned_shape_here(definition)
    work = LocalRun(
        definition, shape, run_input, lambda: MemoryOutput(outputs.append), has_metrics, None, on_dead_letter
    )
    with interruptible(work):
        work.run_here()
    if keep is not None:
        keep(measured(work, definition))
    raise_failure(work)
    return _result(work, definition, outputs, form, run_input, has_metrics)


def _result(
    work: LocalRun | EngineRun | Generations,
    definition: Definition,
    outputs: list[Any],
    form: ResultForm,
    run_input: RunInput,
    has_metrics: bool,
) -> Any:
    result = in_form(outputs, form, run_input.is_given)
    return {"outputs": result, "metrics": measured(work, definition)} if has_metrics else result


def _keeper(pipeline: Pipeline) -> MetricsKeeper | None:
    def keep(metrics: dict[str, Any]) -> None:
        pipeline.last_metrics = metrics

    return keep if pipeline.enable_metrics else None


def _list_form(detected: Detected) -> ResultForm:
    return "bare" if detected.is_manifest else "list"


def _refuse_loop(name: str) -> None:
    # Where there is no loop, which is what is wanted, the public function would raise and cost more.
    if asyncio._get_running_loop() is not None:
        raise RuntimeError(
            f"An event loop runs in this thread, which a blocking call would stop. Use: await {name}(…)"
        )
