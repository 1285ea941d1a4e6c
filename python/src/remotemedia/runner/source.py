"""Sync source nodes, drained in the segment's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from remotemedia.runner.chain import EXHAUSTED, close_outputs, next_output
from remotemedia.runner.outputs import AWAITABLE, kind_of
from remotemedia.runner.stage import Stage, await_marked, marks_node
from remotemedia.runner.tags import TAG, new_tag
from remotemedia.runner.unit import Emit, Full, Unit

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

_SINGLE: tuple[type, ...] = (str, bytes, bytearray, dict)
_ALL = 1 << 62


class Source(Unit):
    """A sync source node: drained in the segment's thread.

    Attributes:
        waits_for: it gives nothing while one of these is full.
    """

    def __init__(self, segment: Segment, stage: Stage) -> None:
        """Build the source; the segment connects it."""
        super().__init__()
        self.stage = stage
        self.emits: tuple[Emit, ...] = ()
        self.ends: list[Callable[[], None]] = []
        self.level = 0
        self.is_finished = False
        self.waits_for: tuple[Full, ...] = ()
        self._segment = segment
        self._outputs: Iterator[Any] | None = None
        self._is_passing = False

    def step(self, limit: int | None) -> None:
        """Give up to ``limit`` items, or all."""
        stage = self.stage
        left = _ALL if limit is None else limit
        try:
            if self._outputs is None:
                self._outputs = self._inherited()
            if self._outputs is None and not self._is_passing:
                self._outputs = _open_source(stage, self._segment)
            with self._segment.more_to_come():
                while left > 0 and not (self.is_dead or self._is_passing):
                    left -= 1
                    value = next_output(stage, self._outputs)
                    if value is EXHAUSTED:
                        self._outputs = None
                        self._end()
                        return
                    if value is not None:
                        if stage.meter is not None:
                            stage.meter.items_out += 1
                        if self._segment.is_tagged:
                            TAG.set(new_tag())
                        for emit in self.emits:
                            emit(value)
        except BaseException as error:
            self._segment.fail(self, stage, error, "source", None)
        if self.is_dead or self._is_passing:
            self._end()

    def pass_on(self, *, is_kept: bool) -> None:
        """The session is changed: give nothing more; called from any thread.

        Args:
            is_kept: whether the source goes on in the next run.
        """
        if is_kept:
            self._is_passing = True
        else:
            self.kill()

    def emission_failed(self, error: BaseException) -> None:
        """An output of the source could not be sent."""
        self._segment.fail(self, self.stage, error, "source", None)

    def release(self) -> None:
        """Forget what it was connected with."""
        self.emits = ()
        self.ends.clear()

    def _inherited(self) -> Iterator[Any] | None:
        legacy = self._segment.succession.inherit(self.stage.id)
        return legacy.outputs if isinstance(legacy, _OpenSource) else None

    def _end(self) -> None:
        if self.is_finished:
            return
        self.is_finished = True
        outputs, self._outputs = self._outputs, None
        try:
            if outputs is not None and self._segment.succession.is_kept(self.stage.id):
                self._segment.succession.leave(self.stage.id, _OpenSource(self.stage, outputs))
            elif outputs is not None:
                close_outputs(self.stage, outputs)
        except BaseException as error:
            self._segment.fail(self, self.stage, error, "source", None)
        for end in self.ends:
            end()
        self._segment.finished(self)


class _OpenSource:
    """A source that goes on in the next run."""

    def __init__(self, stage: Stage, outputs: Iterator[Any]) -> None:
        self.outputs = outputs
        self._stage = stage

    def drop(self) -> None:
        """Close what it gives."""
        close_outputs(self._stage, self.outputs)


@marks_node
def _open_source(stage: Stage, segment: Segment) -> Iterator[Any]:
    """Call a source: what it gives is iterated, except for a text, bytes or a dict, which are one item."""
    output = stage.process()
    kind = kind_of(output)
    if kind == AWAITABLE:
        output = segment.thread.wait_for(await_marked(stage, output))
    if output is None or isinstance(output, _SINGLE) or not hasattr(output, "__iter__"):
        return iter(() if output is None else (output,))
    outputs: Iterator[Any] = iter(output)
    return outputs
