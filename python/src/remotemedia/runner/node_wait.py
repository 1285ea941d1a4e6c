"""Whether, and where, a task waits in a node's own code."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Hashable, Iterable
from types import FrameType
from typing import Any

from remotemedia.runner.first_step import Rest
from remotemedia.runner.guarded import in_time
from remotemedia.runner.stage import NODE_CODES


class NodeWait:
    """What a task waits for in a node's own code.

    Attributes:
        mark: the same for as long as it is the same call.
    """

    def __init__(self, awaited: Any, frames: list[FrameType]) -> None:
        """Keep what is awaited, and the frames of the node that wait for it, outermost first."""
        self.mark: Hashable = _Identity(awaited)
        self._frames = frames

    def text(self) -> str:
        """The stack, innermost last."""
        # The first one is ours.
        return text_of_wait(self._frames[1:] or self._frames)


class _Identity:
    """Stands for an object itself, which it keeps, so that no other one can have its id."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other._target is self._target

    def __hash__(self) -> int:
        return id(self._target)


def wait_of(task: asyncio.Task[Any]) -> NodeWait | None:
    """What a task waits for in a node's own code; None where it does not, or waits for other nodes."""
    current: Any = task.get_coro()
    frames: list[FrameType] = []
    found: Any = None
    while current is not None:
        frame = _frame_of(current)
        if frame is None:
            break
        frames.append(frame)
        following = _awaited_by(current)
        if frame.f_code in NODE_CODES or frame.f_code is in_time.__code__:
            found = following
            frames = [frame]
        current = _generator_of(following, frame)
    if found is None or _is_ours(found):
        return None
    return NodeWait(found, frames)


def frames_of(awaitable: Any) -> list[FrameType]:
    """The frames of what a coroutine waits for, outermost first, as far as they are known."""
    frames: list[FrameType] = []
    while (frame := _frame_of(awaitable)) is not None:
        frames.append(frame)
        awaitable = _awaited_by(awaitable)
    return frames


def text_of_wait(frames: Iterable[FrameType]) -> str:
    """In words, with the stack of who waits."""
    return f"It waits in an await:\n{stack_text(frames)}".rstrip()


def stack_text(frames: Iterable[FrameType]) -> str:
    """A stack as Python prints it, from frames, outermost first."""
    lines = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in frames).format()
    return "".join(lines).rstrip()


def _frame_of(awaitable: Any) -> FrameType | None:
    for name in ("cr_frame", "gi_frame", "ag_frame"):
        frame = getattr(awaitable, name, None)
        if frame is not None:
            return frame
    return None


def _awaited_by(awaitable: Any) -> Any:
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        following = getattr(awaitable, name, None)
        if following is not None:
            return following
    return None


def _generator_of(following: Any, frame: FrameType) -> Any:
    """What goes on behind what is awaited, where that does not say so itself.

    The step of an async generator does not say whose step it is; who asks for it does. The rest of a call
    makes the steps of a coroutine itself.
    """
    if getattr(following, "gi_code", None) is Rest.__await__.__code__:
        return following.gi_frame.f_locals.get("coroutine")
    if type(following).__name__ == "async_generator_asend":
        return frame.f_locals.get("outputs")
    return following


def _is_ours(awaitable: Any) -> bool:
    frame = _frame_of(awaitable)
    return frame is not None and str(frame.f_globals.get("__name__", "")).startswith("remotemedia.runner.")
