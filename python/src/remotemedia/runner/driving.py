"""What a segment's thread does until all is processed: it asks inputs in turn, and waits for channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from remotemedia.runner.holding import Held
from remotemedia.runner.unit import Unit, is_held

if TYPE_CHECKING:
    from remotemedia.runner.ports import InputPort
    from remotemedia.runner.thread import ThreadSide
    from remotemedia.runner.wiring import Units

_TURN = 64
"""How many items one input gives before another one has its turn."""


class Driving:
    """Works on a segment until all of its units have finished."""

    def __init__(
        self, units: Units, unfinished: set[Unit], thread: ThreadSide, flush_outputs: Callable[[], None]
    ) -> None:
        """Take over the parts of a segment; units that finish leave ``unfinished``, from any thread."""
        self._units = units
        self._unfinished = unfinished
        self._thread = thread
        self._flush_outputs = flush_outputs
        self._held = Held()

    def run(self) -> None:
        """Work until everything has been processed or given up."""
        while self._unfinished:
            self._held.clear()
            self._thread.take_steps()
            if self._thread.serve():
                # Whoever gives the next input may be waiting for these outputs.
                self._flush_outputs()
            pulls = self._held.without([pull for pull in self._units.pulls() if not pull.is_finished])
            for pull in pulls:
                # One by one where others have to come as well: each may become many.
                pull.step(1 if pull.waits_for else _TURN)
            channels = self._open_channels()
            if not pulls or channels:
                # A producer's first items may have come together with its HELLO, and have left the socket.
                buffered = [port for port in channels if port.has_frame()]
                for port in buffered or self._thread.wait(channels, self.is_ready, 0 if pulls else None):
                    port.read()
            self._flush_outputs()

    def _open_channels(self) -> list[InputPort]:
        channels = [port for port in self._units.inputs if not port.is_pulled and not port.is_finished]
        for port in channels:
            if port.is_dead:
                port.finish()
        # To finish one may finish others: the nodes behind it may want no more.
        return self._held.without([port for port in channels if not port.is_finished])

    def is_ready(self) -> bool:
        """Whether the thread has something to do, or nothing more."""
        if not self._unfinished or self._held.may_go_on():
            return True
        waiting = (port for port in self._units.inputs if not (port.is_finished or is_held(port)))
        return any(port.is_dead or port.has_frame() for port in waiting)


def drive_simply(units: Units) -> None:
    """Work without async nodes: on one channel alone, or on whatever can be pulled in turn."""
    for port in units.inputs:
        while not port.is_pulled and not port.is_finished:
            port.read()
    pulls = units.pulls()
    limit = _TURN if len(pulls) > 1 else None
    while pulls:
        for pull in pulls:
            pull.step(limit)
        pulls = [pull for pull in pulls if not pull.is_finished]
