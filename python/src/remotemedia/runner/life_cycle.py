"""Initializing the nodes of a segment and cleaning them up, each object once and in its own thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remotemedia.core.exceptions import NodeBusyError
from remotemedia.core.lifecycle import WaitGivenUpError
from remotemedia.runner.loop import run_on
from remotemedia.runner.plan import NodeFailure, OpenError
from remotemedia.runner.stage import Stage, add_thread_cure, call_here, call_on_loop, marks_node

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

_Place = tuple[Stage, tuple[Stage, ...]]
"""An object's first place, and all its places whose calls are made by chains."""

logger = logging.getLogger("remotemedia.runner")


class LifeCycle:
    """What a segment has opened, so that it closes that and nothing else."""

    __slots__ = ("_opened", "_segment")

    def __init__(self, segment: Segment) -> None:
        """Begin with nothing open."""
        self._segment = segment
        self._opened: list[_Place] = []

    def open(self, announce: Callable[[str], None] | None) -> None:
        """Initialize the nodes in order; see ``Segment.open``.

        Raises:
            OpenError: one failed or was cancelled; those before it are still open.
        """
        for place in self._distinct_places():
            stage = place[0]
            try:
                if self._segment.is_cancelled:
                    raise _cancelled_while_opening()
                if announce is not None and stage.traits.has_initialize:
                    announce(stage.id)
                self._initialize(place)
                if self._segment.is_cancelled:
                    raise _cancelled_while_opening()
            except BaseException as error:
                add_thread_cure(error)
                raise OpenError(NodeFailure(error, stage.id, "initialize", None)) from error

    def close(self) -> list[NodeFailure]:
        """Clean up what is open, in reverse order; what failed in it."""
        failures: list[NodeFailure] = []
        while self._opened:
            place = self._opened.pop()
            try:
                self._clean_up(place)
            except BaseException as error:
                add_thread_cure(error)
                failures.append(NodeFailure(error, place[0].id, "cleanup", None))
        return failures

    def _distinct_places(self) -> list[_Place]:
        places: dict[int, _Place] = {}
        for stage in self._segment.stages:
            key = id(stage.node)
            callers = () if stage.chain is None else (stage,)
            if key not in places:
                places[key] = (stage, callers)
                continue
            if stage.is_exclusive:
                error = NodeBusyError(
                    f'Node "{stage.id}" is a streaming or source node at two places; give each its own.'
                )
                raise OpenError(NodeFailure(error, stage.id, "initialize", None))
            first, before = places[key]
            places[key] = (first, before + callers)
        return list(places.values())

    def _initialize(self, place: _Place) -> None:
        stage, callers = place
        record = stage.record
        if stage.is_exclusive:
            segment = self._segment
            claimant = segment.succession.claimant
            record.claim_stream(claimant, stage.id, claimant is not segment)
        try:
            if record.enter(stage.is_initialized, callers, self._is_given_up):
                is_ok = False
                try:
                    logger.debug("initialize node %s", stage.id)
                    self._call(stage, "initialize", stage.traits.has_initialize)
                    record.is_noted = is_ok = True
                finally:
                    record.initialized(is_ok, callers)
            else:
                logger.debug("node %s is initialized already, and stays so", stage.id)
        except BaseException as error:
            record.release_stream(self._segment.succession.claimant)
            if isinstance(error, WaitGivenUpError):
                raise asyncio.CancelledError(f"the run was cancelled while {error}") from None
            raise
        self._opened.append(place)

    def _clean_up(self, place: _Place) -> None:
        stage, callers = place
        record = stage.record
        if stage.is_exclusive:
            record.release_stream(self._segment.succession.claimant)
        try:
            if record.leave(callers):
                try:
                    logger.debug("cleanup of node %s", stage.id)
                    self._call(stage, "cleanup", stage.traits.has_cleanup)
                finally:
                    record.is_noted = False
                    record.cleaned()
        finally:
            if stage.thread is not None:
                stage.thread.end()

    def _is_given_up(self) -> bool:
        return self._segment.is_cancelled

    @marks_node
    def _call(self, stage: Stage, method: str, is_there: bool) -> None:
        if not is_there:
            return
        if stage.thread is not None:
            stage.thread.submit(call_here, stage, method, self._wait_on_loop).result()
        elif stage.is_on_loop:
            self._wait_on_loop(call_on_loop(stage, method))
        else:
            call_here(stage, method, self._segment.thread.wait_for)

    def _wait_on_loop(self, awaitable: Any) -> Any:
        segment = self._segment
        return run_on(segment.loop, segment.thread.cancellable(awaitable), segment.context)


def _cancelled_while_opening() -> asyncio.CancelledError:
    return asyncio.CancelledError("the run was cancelled while it was opening")
