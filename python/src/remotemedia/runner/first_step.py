"""The first step of a call on the event loop, made in the turn of whoever gives the item.

A task that waits costs a turn of the loop for each item. Where the task of a node has nothing to do, whoever
gives it an item makes the first step of the call, as that task: mostly this is all of it. What is left of a
call that has to wait is for the task.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage]
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any

from remotemedia.runner.tags import TAG, Tag


class Rest:
    """What is left of a call after its first step; awaited by the task that this step was made as."""

    __slots__ = ("_context", "_coroutine", "_is_future", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, None], context: Context, waits_for: Any) -> None:
        """Take over a coroutine, the context in which all of it runs, and what it has yielded."""
        self._coroutine = coroutine
        self._context = context
        self._waits_for = waits_for
        # By this a future says that it is awaited, and a task takes it back at once: others may await it too.
        self._is_future = getattr(waits_for, "_asyncio_future_blocking", None) is True
        if self._is_future:
            waits_for._asyncio_future_blocking = False

    def __await__(self) -> Generator[Any, Any, None]:
        """Make all other steps."""
        coroutine, run, waits_for = self._coroutine, self._context.run, self._waits_for
        if self._is_future:
            waits_for._asyncio_future_blocking = True
        given: Any = None
        try:
            while True:
                try:
                    step, given = coroutine.send, (yield waits_for)
                except GeneratorExit:
                    run(coroutine.close)
                    raise
                except BaseException as error:
                    # Not made in here, where what it raises would have this as its context.
                    step, given = coroutine.throw, error
                waits_for = run(step, given)
        except StopIteration:
            return
        finally:
            # An error refers to this frame.
            given = None


def first_step(coroutine: Coroutine[Any, Any, None], context: Context, tag: Tag) -> Rest | None:
    """Make the first step of a call, as the task at work.

    Args:
        coroutine: has not begun.
        context: that of the call alone: what it sets, no other call sees.
        tag: that of the item.

    Returns:
        What this task has to await; None where the call has come to its end.

    Raises:
        BaseException: what the call has raised.
    """
    try:
        return Rest(coroutine, context, context.run(_tagged_step, coroutine, tag))
    except StopIteration:
        return None


def first_step_as(
    task: asyncio.Task[Any],
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, None],
    context: Context,
    tag: Tag,
) -> Rest | None:
    """As ``first_step``, in the turn of another task or callback.

    Args:
        task: what the call's code sees as its task; it is waiting, and goes on with what is left.
        loop: that on which all this happens.
        coroutine: as for ``first_step``.
        context: as for ``first_step``.
        tag: as for ``first_step``.
    """
    giver = asyncio.current_task(loop)
    # As the documentation has it for whoever implements tasks (Extending asyncio, Task lifetime support).
    if giver is not None:
        _leave_task(loop, giver)
    _enter_task(loop, task)
    try:
        return first_step(coroutine, context, tag)
    finally:
        _leave_task(loop, task)
        if giver is not None:
            _enter_task(loop, giver)


def _tagged_step(coroutine: Coroutine[Any, Any, None], tag: Tag) -> Any:
    TAG.set(tag)
    return coroutine.send(None)
