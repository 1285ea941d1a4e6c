"""Keeping nodes initialized from ``Pipeline.initialize`` to ``Pipeline.cleanup``, whatever runs meanwhile."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from remotemedia.core.exceptions import NodeFailedError
from remotemedia.core.lifecycle import (
    LifecycleRecord,
    is_initialized,
    note_cleaned_up,
    note_initialized,
    record_of,
)
from remotemedia.core.validation import name_of


async def hold(nodes: list[Any]) -> list[Any]:
    """Initialize nodes in order and hold them, so that runs leave them as they are.

    A node that was initialized before keeps its state.

    Args:
        nodes: live nodes; one may be there twice.

    Returns:
        What to give to ``let_go``.

    Raises:
        NodeFailedError: one failed; those before it have been cleaned up.
    """
    held: list[Any] = []
    try:
        for node in nodes:
            await _hold(node)
            held.append(node)
    except BaseException as error:
        await let_go_after(error, held)
        raise
    return held


async def let_go(held: list[Any]) -> None:
    """Clean nodes up in reverse order, unless somebody else still uses them.

    Raises:
        NodeFailedError: the first failure; the other nodes have been cleaned up all the same.
    """
    failures: list[Exception] = []
    while held:
        node = held.pop()
        try:
            await _let_go(node)
        except Exception as error:
            failures.append(error)
    if failures:
        for later in failures[1:]:
            failures[0].add_note(f"Later: {later}")
        raise failures[0]


async def let_go_after(error: BaseException, held: list[Any]) -> None:
    """Clean nodes up after an error, which what fails then is noted on and never hides."""
    try:
        await let_go(held)
    except NodeFailedError as later:
        error.add_note(f"Later: {later}")


async def _hold(node: Any) -> None:
    record = record_of(node)
    record.hold()
    try:
        await _enter(node, record)
    except BaseException:
        record.unhold()
        raise


async def _enter(node: Any, record: LifecycleRecord) -> None:
    # It waits while a run initializes or cleans the node up, perhaps on this very loop.
    entering = asyncio.ensure_future(asyncio.to_thread(record.enter, lambda: is_initialized(node)))
    try:
        must_initialize = await asyncio.shield(entering)
    except asyncio.CancelledError:
        if await entering:
            record.initialized(False)
        else:
            await _leave(node, record)
        raise
    if not must_initialize:
        return
    is_ok = False
    try:
        await _call(node, "initialize")
        note_initialized(node)
        is_ok = True
    finally:
        record.initialized(is_ok)


async def _let_go(node: Any) -> None:
    record = record_of(node)
    try:
        await _leave(node, record)
    finally:
        record.unhold()


async def _leave(node: Any, record: LifecycleRecord) -> None:
    if not record.leave():
        return
    try:
        await _call(node, "cleanup")
    finally:
        note_cleaned_up(node)
        record.cleaned()


async def _call(node: Any, method: str) -> None:
    function = getattr(node, method, None)
    if function is None:
        return
    try:
        result = function() if runs_on_loop(node, function) else await asyncio.to_thread(function)
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        name = name_of(node)
        raise NodeFailedError(
            f'Node "{name}" failed in {method}: {type(error).__name__}: {error}', name, method
        ) from error


def runs_on_loop(node: Any, function: Any) -> bool:
    """Whether the node's code belongs on the caller's thread; sync code may block, and gets another one."""
    process = node.process
    is_async = any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in (function, process)
    )
    is_on_caller = getattr(node, "run_on", None) == "caller"
    return is_async or is_on_caller or getattr(node, "is_streaming", False) is True
