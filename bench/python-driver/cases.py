"""The cases: each gives a duration in µs, of one item or of one call."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from remotemedia import Node, Pipeline, execute_pipeline_with_input
from steps import Burn, Step, new_class

#: A text arrives as it is also in the published packages, where a number arrives as a dict.
ITEM = "item"
MODULE_NODE = {"node_type": "./steps.mjs#Step"}

_serials = itertools.count()


def run_items(way: str, nodes: int, items: int, runs: int) -> float:
    """Many items through a chain, in one call.

    Args:
        way: a key of ``CALLS``, ``"await"``, or what ``pass_as`` knows.
        nodes: how long the chain is.
        items: how many items go through it.
        runs: how many calls are made; their median counts.

    Returns:
        µs per item.
    """
    call = CALLS.get(way, execute_pipeline_with_input)
    pipeline = pass_as(way, [Step(name=f"step-{index}") for index in range(nodes)])
    inputs = [f"{ITEM} {index}" for index in range(items)]

    async def measure() -> float:
        durations: list[float] = []
        for _ in range(runs):
            start = time.perf_counter()
            outputs = await call(pipeline, inputs)
            durations.append(time.perf_counter() - start)
            check(
                outputs == inputs,
                f"{way}: other outputs than inputs: {str(outputs)[:200]}",
            )
        return statistics.median(durations)

    return asyncio.run(measure()) / items * 1e6


def run_items_blocking(nodes: int, items: int, runs: int) -> float:
    """As ``run_items``, by the call for programs without asyncio."""
    from remotemedia.runtime import execute_pipeline_with_input_sync

    chain = [Step(name=f"step-{index}") for index in range(nodes)]
    inputs = [f"{ITEM} {index}" for index in range(items)]
    durations: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        outputs = execute_pipeline_with_input_sync(chain, inputs)
        durations.append(time.perf_counter() - start)
        check(outputs == inputs, f"other outputs than inputs: {str(outputs)[:200]}")
    return statistics.median(durations) / items * 1e6


async def _plain(nodes: list[Node], items: list[Any]) -> list[Any]:
    """The loop that people write."""
    outputs: list[Any] = []
    for item in items:
        for node in nodes:
            item = node.process(item)
        outputs.append(item)
    return outputs


async def _pipeline_run(nodes: list[Node], items: list[Any]) -> Any:
    return await Pipeline(nodes).run(items)


async def _metered(nodes: list[Node], items: list[Any]) -> Any:
    return (await execute_pipeline_with_input(nodes, items, enable_metrics=True))[
        "outputs"
    ]


CALLS: dict[str, Callable[..., Awaitable[Any]]] = {
    "plain": _plain,
    "pipeline": _pipeline_run,
    "metered": _metered,
}


def pass_as(way: str, nodes: list[Node]) -> Any:
    """What is passed for a chain of ``Step``: the nodes, or a manifest for ``"manifest"`` and ``"json"``."""
    if way == "manifest":
        return manifest_of(len(nodes))
    return json.dumps(manifest_of(len(nodes))) if way == "json" else nodes


def manifest_of(nodes: int) -> dict[str, Any]:
    """The manifest of a chain of ``Step``."""
    ids = [f"step-{index}" for index in range(nodes)]
    return {
        "version": "v1",
        "metadata": {"name": "chain", "created_at": "2026-01-01T00:00:00Z"},
        "nodes": [
            {"id": node_id, "node_type": "Step", "params": {}} for node_id in ids
        ],
        "connections": [
            {"from": left, "to": right} for left, right in itertools.pairwise(ids)
        ],
    }


def one_item(calls: int, way: str) -> float:
    """The whole call for one item through one node.

    Args:
        calls: how many are made; their median counts.
        way: ``"repeated"`` for the same node each time, ``"first"`` for a class, a name and an object that
            are all new, ``"new"`` for a new object of the same class; or as ``run_items``.

    Returns:
        µs.
    """
    # The bare value is what a manifest with one output gives.
    expected = ITEM if way in ("manifest", "json") else [ITEM]
    call = CALLS.get(way, execute_pipeline_with_input)
    node = Step(name="step")

    async def measure() -> float:
        durations: list[float] = []
        for _ in range(calls):
            pipeline = pass_as(way, [_node_for(way, node)])
            start = time.perf_counter()
            outputs = await call(pipeline, [ITEM])
            durations.append(time.perf_counter() - start)
            check(
                outputs == expected, f"other outputs than inputs: {str(outputs)[:200]}"
            )
        return statistics.median(durations)

    return asyncio.run(measure()) * 1e6


def _node_for(way: str, repeated: Node) -> Node:
    if way == "first":
        name = f"Step{next(_serials)}"
        return new_class(name)(name=name)
    return Step(name=f"step-{next(_serials)}") if way == "new" else repeated


def arrays(items: int, is_same: bool) -> float:
    """Arrays of 1 MB through one node.

    Args:
        items: how many.
        is_same: whether the very objects must come out.

    Returns:
        µs per item.
    """
    import numpy as np

    kinds = [np.full(2**17, index, dtype=np.float64) for index in range(8)]
    inputs = [kinds[index % len(kinds)] for index in range(items)]
    chain = [Step(name="step")]

    async def measure() -> float:
        start = time.perf_counter()
        outputs = await execute_pipeline_with_input(chain, inputs)
        duration = time.perf_counter() - start
        check(len(outputs) == items, f"{len(outputs)} of {items} arrays came out")
        is_kept = all(
            left is right for left, right in zip(outputs, inputs, strict=True)
        )
        check(is_kept or not is_same, "other objects came out than went in")
        return duration

    return asyncio.run(measure()) / items * 1e6


def mixed(items: int, runs: int) -> float:
    """A TypeScript node between two Python nodes: µs per item of a whole call."""
    chain = [Step(name="before"), MODULE_NODE, Step(name="after")]
    inputs = [f"{ITEM} {index}" for index in range(items)]

    async def measure() -> float:
        durations: list[float] = []
        for _ in range(runs):
            start = time.perf_counter()
            outputs = await execute_pipeline_with_input(chain, inputs)
            durations.append(time.perf_counter() - start)
            check(outputs == inputs, f"other outputs than inputs: {str(outputs)[:200]}")
        return statistics.median(durations)

    return asyncio.run(measure()) / items * 1e6


def mixed_round_trip(items: int) -> float:
    """The same in a stream: µs from the moment an item is asked for until its output is there."""
    start = 0.0

    async def measure() -> float:
        nonlocal start
        answered = asyncio.Event()

        async def inputs() -> AsyncIterator[str]:
            nonlocal start
            for index in range(items):
                start = time.perf_counter()
                yield f"{ITEM} {index}"
                await answered.wait()
                answered.clear()

        durations: list[float] = []
        pipeline = Pipeline([Step(name="before"), MODULE_NODE, Step(name="after")])
        async with pipeline.managed_execution():
            async for _ in pipeline.process(inputs()):
                durations.append(time.perf_counter() - start)
                answered.set()
        check(len(durations) == items, f"{len(durations)} of {items} items came out")
        return statistics.median(durations)

    return asyncio.run(measure()) * 1e6


def other_process() -> float:
    """One item through a node in a process of its own, started and ended by the call: µs."""

    async def measure() -> float:
        chain = [Step(name="step", executor="multiprocess")]
        start = time.perf_counter()
        outputs = await execute_pipeline_with_input(chain, [ITEM])
        duration = time.perf_counter() - start
        check(outputs == [ITEM], f"other outputs than inputs: {str(outputs)[:200]}")
        return duration

    return asyncio.run(measure()) * 1e6


def burn(nodes: int, items: int, way: str) -> dict[str, float]:
    """Nodes that each keep a core busy.

    Args:
        nodes: how many, in a chain.
        items: how many items go through them.
        way: ``"multiprocess"`` for a process each, ``"plain"`` for a loop.

    Returns:
        ``between``: µs per item, from the first output to the last; ``whole``: µs of the whole call.
    """
    executor = {"executor": "multiprocess"} if way == "multiprocess" else {}
    chain = [Burn(name=f"burn-{index}", **executor) for index in range(nodes)]

    async def measure() -> dict[str, float]:
        call = _plain if way == "plain" else execute_pipeline_with_input
        start = time.perf_counter()
        done_at = await call(chain, [ITEM] * items)
        whole = time.perf_counter() - start
        check(len(done_at) == items, f"{len(done_at)} of {items} items came out")
        return {
            "between": (done_at[-1] - done_at[0]) / (items - 1) * 1e6,
            "whole": whole * 1e6,
        }

    return asyncio.run(measure())


def check(is_right: bool, message: str) -> None:
    """A figure of a wrong run is none.

    Raises:
        RuntimeError: ``is_right`` is False.
    """
    if not is_right:
        raise RuntimeError(message)


CASES: dict[str, Callable[..., Any]] = {
    case.__name__: case
    for case in (
        run_items,
        run_items_blocking,
        one_item,
        arrays,
        mixed,
        mixed_round_trip,
        other_process,
        burn,
    )
}
