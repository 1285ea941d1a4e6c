"""A segment that is watched: whether its thread, its event loop or one of its async calls is stuck."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Generator, Hashable
from types import FrameType
from typing import Literal

from remotemedia.core.stuck import RunWatch, StuckReport
from remotemedia.runner.memory_use import memory_use
from remotemedia.runner.node_wait import frames_of, stack_text, text_of_wait, wait_of
from remotemedia.runner.segment import Segment
from remotemedia.runner.stage import NODE_CODES, Stage, stage_of
from remotemedia.runner.watcher import WATCHER


class _Since:
    """Since when something has been as it is."""

    def __init__(self) -> None:
        self._mark: Hashable = None
        self._began = 0.0
        self._is_told = False

    def is_stuck(self, mark: Hashable, now: float, limit: float) -> bool:
        """Whether it is so, at this look for the first time; a mark of None is that of nothing."""
        if mark != self._mark:
            self._mark, self._began, self._is_told = mark, now, False
        if mark is None or self._is_told or now - self._began < limit:
            return False
        self._is_told = True
        return True

    def for_ms(self, now: float) -> float:
        """For how long."""
        return (now - self._began) * 1_000


class WatchedSegment:
    """A segment whose nodes run.

    Attributes:
        stuck_after_s: after how long something is stuck; 0 for never.
    """

    def __init__(self, segment: Segment, watch: RunWatch, host: str = "driver") -> None:
        """Watch ``segment``; ``host`` is the name of this process in reports."""
        self.stuck_after_s = watch.stuck_after_ms / 1_000
        self._segment = segment
        self._watch = watch
        self._host = host
        self._thread = _Since()
        self._node_threads: dict[int, _Since] = {}
        self._calls: dict[int, _Since] = {}
        self._beat = _Since()
        self._beats = 0
        self._is_beat_asked = False
        self._loop_ident: int | None = None
        self._is_over_memory = False

    def look(self, now: float) -> None:
        """Look once, in the watching thread."""
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]
        if self.stuck_after_s > 0:
            self._look_at_thread(frames.get(self._segment.thread.ident), now)
            self._look_at_node_threads(frames, now)
            self._look_at_loop(frames, now)
        limit = self._watch.memory_limit_bytes
        if limit is not None and not self._is_over_memory:
            self._look_at_memory(limit)

    def _look_at_thread(self, frame: FrameType | None, now: float) -> None:
        stage = self._running(frame)
        mark = None if stage is None else (stage.id, stage.progress())
        if self._thread.is_stuck(mark, now, self.stuck_after_s) and stage is not None:
            index = stage.count - 1
            self._report("node", stage.id, self._thread.for_ms(now), _text(frame), max(index, 0))

    def _look_at_node_threads(self, frames: dict[int, FrameType], now: float) -> None:
        """Streaming nodes that are plain generators."""
        for unit in self._segment.nodes_on_loop():
            thread = unit.stage.thread
            frame = None if thread is None else frames.get(thread.ident)
            if thread is None or frame is None:
                continue
            is_inside = stage_of(frame) is not None and not unit.inbox.is_awaited and not _is_ours(frame)
            mark = (unit.stage.entered, unit.progress) if is_inside else None
            since = self._node_threads.setdefault(id(unit), _Since())
            if since.is_stuck(mark, now, self.stuck_after_s):
                index = max(unit.stage.entered - 1, 0)
                self._report("node", unit.id, since.for_ms(now), _text(frame), index)

    def _look_at_loop(self, frames: dict[int, FrameType], now: float) -> None:
        loop = self._segment.loop_in_use()
        if loop is None:
            return
        if not self._is_beat_asked:
            self._is_beat_asked = True
            self._beats += 1
            with contextlib.suppress(RuntimeError):
                # A loop that is closed blocks nobody any more.
                loop.call_soon_threadsafe(self._look_on_loop, now)
        if not self._beat.is_stuck(self._beats, now, self.stuck_after_s):
            return
        ident = self._loop_ident or getattr(loop, "_thread_id", None)
        frame = frames.get(ident) if isinstance(ident, int) else None
        # A loop that does not run now, such as one between two calls of run_until_complete, is not blocked.
        if frame is None or loop.is_closed() or not loop.is_running():
            return
        stage = stage_of(frame)
        kind = "loop" if stage is None else "node"
        node_id = None if stage is None else stage.id
        self._report(kind, node_id, self._beat.for_ms(now), _text(frame))

    def _look_on_loop(self, now: float) -> None:
        """The loop answers; nothing on it moves while it looks at its calls."""
        self._loop_ident = threading.get_ident()
        self._is_beat_asked = False
        seen: set[int] = set()
        for unit in self._segment.nodes_on_loop():
            # Copies for which a node stands are watched where they are.
            if unit.stage.traits.is_source or getattr(unit.stage.node, "stands_for_copies", False) is True:
                continue
            for task, index in unit.calls():
                wait = None if unit.inbox.is_awaited and unit.stage.traits.is_streaming else wait_of(task)
                since = self._calls.setdefault(id(task), _Since())
                seen.add(id(task))
                mark = None if wait is None else wait.mark
                if since.is_stuck(mark, now, self.stuck_after_s) and wait is not None:
                    self._report("node", unit.id, since.for_ms(now), wait.text(), max(index, 0))
        for gone in self._calls.keys() - seen:
            del self._calls[gone]

    def _look_at_memory(self, limit: int) -> None:
        used = memory_use()
        if used <= limit:
            return
        self._is_over_memory = True
        # Where the code is now: it may have gone on since the others were looked at.
        frame = sys._current_frames().get(self._segment.thread.ident or 0)  # pyright: ignore[reportPrivateUsage]
        stage = self._running(frame)
        node_ids = ", ".join(stage.id for stage in self._segment.stages)
        stack = f"Its nodes: {node_ids}." if node_ids else "None of the nodes is there."
        if stage is not None:
            stack += "\n" + _text(frame)
        node_id = None if stage is None else stage.id
        self._report("memory", node_id, 0, stack, memory_bytes=used)

    def _running(self, frame: FrameType | None) -> Stage | None:
        """The stage whose node's own code runs; None where an output travels on, or a source waits.

        A node of the segment that is to follow may be initialized in this thread, and take its time.
        """
        stage = stage_of(frame)
        if stage is None or stage.traits.is_source or stage not in self._segment.stages:
            return None
        return stage if stage.has_control(frame) else None

    def _report(
        self,
        kind: Literal["node", "loop", "memory"],
        node_id: str | None,
        for_ms: float,
        stack: str,
        item_index: int | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._watch.report(StuckReport(kind, node_id, self._host, for_ms, stack, item_index, memory_bytes))


@contextlib.contextmanager
def watched(segment: Segment, watch: RunWatch | None, host: str = "driver") -> Generator[None]:
    """Inside, a segment is watched, where there is a ``watch``."""
    if watch is None:
        yield
        return
    given = WatchedSegment(segment, watch, host)
    WATCHER.add(given)
    try:
        yield
    finally:
        WATCHER.remove(given)


def _is_ours(frame: FrameType) -> bool:
    """Whether the runtime waits, and not the node."""
    return str(frame.f_globals.get("__name__", "")).startswith("remotemedia.runner.")


def _text(frame: FrameType | None) -> str:
    """The stack, innermost last; of a node's code what the node has called, or waits for."""
    frames: list[FrameType] = []
    current = frame
    while current is not None and current.f_code not in NODE_CODES:
        frames.append(current)
        current = current.f_back
    if current is not None and (awaited := current.f_locals.get("awaitable")) is not None:
        return text_of_wait(frames_of(awaited))
    if current is not None and not frames:
        frames.append(current)
    return stack_text(frames[::-1])
