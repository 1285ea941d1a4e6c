"""Where a segment's items come from and go to. Memory ports are here, channels in ``channels``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from remotemedia.runner.chain import Chain
from remotemedia.runner.tasks import LoopUnit
from remotemedia.runner.unit import Unit

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment

Target = Chain | LoopUnit

Window = tuple[int, int]
"""How many items and bytes of a channel may be on their way."""


class InputPort(Unit):
    """Feeds nodes of a segment, in the segment's thread.

    Attributes:
        targets: what it feeds.
        is_pulled: whether it has to be asked for items, with ``step``; else it is waited for, and ``read``.
        socket: what to wait for, once there is something.
        is_finished: it has given its last item.
    """

    segment: Segment
    is_pulled: ClassVar[bool] = False
    socket: socket.socket | None = None

    def __init__(self) -> None:
        """Start unconnected."""
        super().__init__()
        self.targets: list[Target] = []
        self.is_finished = False

    def step(self, limit: int | None) -> None:
        """Give up to ``limit`` items, or all; of a port that is pulled."""
        raise NotImplementedError

    def read(self) -> None:
        """Wait for a frame and give what it brings; of a port that is not pulled."""
        raise NotImplementedError

    def has_frame(self) -> bool:
        """Whether a frame can be read without waiting for the socket."""
        return False

    def link(self, segment: Segment, targets: list[Target]) -> None:
        """Connect the port with what it feeds."""
        self.segment = segment
        self.targets = targets
        self.open_consumers = len(targets)

    def finish(self) -> None:
        """Tell the targets that the last item has been given; in the segment's thread, once."""
        if self.is_finished:
            return
        self.is_finished = True
        for target in self.targets:
            if isinstance(target, Chain):
                target.input_ended()
            else:
                target.inbox.end_from_thread()
        self.segment.finished(self)

    def abort(self) -> None:
        """Stop at once, because of a cancel; called from any thread."""
        self.is_dead = True

    def close(self) -> None:
        """Give back what the port holds."""


class MemoryInput(InputPort):
    """Items of an iterable in this process, given by reference."""

    is_pulled = True

    def __init__(self, items: Iterable[Any]) -> None:
        """Take the items; iterated in the segment's thread."""
        super().__init__()
        self._items: Iterator[Any] = iter(items)

    def step(self, limit: int | None) -> None:
        """Give up to ``limit`` items, or all."""
        segment = self.segment
        targets = self.targets
        try:
            with segment.more_to_come():
                if limit is None and len(targets) == 1 and isinstance(targets[0], Chain):
                    targets[0].run(self._items)
                    self.finish()
                    return
                for _ in range(limit or 1):
                    if self.is_dead:
                        break
                    item = next(self._items, _EXHAUSTED)
                    if item is _EXHAUSTED:
                        self.finish()
                        return
                    self._give(item)
        except BaseException as error:
            segment.fail_port(self, error)
        if self.is_dead:
            self.finish()

    def _give(self, item: Any) -> None:
        for target in self.targets:
            if isinstance(target, Chain):
                target.push(item)
            else:
                target.inbox.put_from_thread(item, -1)


class OutputPort(Unit):
    """Takes the outputs of one node.

    Attributes:
        is_finished: it has taken its last item.
    """

    segment: Segment

    def __init__(self) -> None:
        """Start unconnected."""
        super().__init__()
        self.is_finished = False

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect the port with the unit whose outputs it takes."""
        self.segment = segment
        self.producers = [producer]

    def append(self, item: Any) -> None:
        """Take an output, in the segment's thread."""
        raise NotImplementedError

    def put(self, item: Any) -> Any:
        """Take an output, on the loop; a future to wait for where there is no room."""
        raise NotImplementedError

    def end_from_thread(self) -> None:
        """There are no more outputs; in the segment's thread."""
        self.finish()

    def end_from_loop(self) -> None:
        """There are no more outputs; on the loop."""
        self.finish()

    def flush(self) -> None:
        """Send what is there; in the segment's thread, at the end of a batch."""

    def finish(self) -> None:
        """Note that the last output is out; once."""
        if not self.is_finished:
            self.is_finished = True
            self.segment.finished(self)

    def abort(self) -> None:
        """Stop at once, because of a cancel; called from any thread."""
        self.is_dead = True

    def close(self) -> None:
        """Give back what the port holds."""


class MemoryOutput(OutputPort):
    """Gives outputs to a function of this process, by reference."""

    def __init__(self, take: Callable[[Any], Any]) -> None:
        """Hand every output to ``take``; in the segment's thread, or on the loop behind an async node."""
        super().__init__()
        self._take = take

    def append(self, item: Any) -> None:
        """Take an output."""
        if not self.is_dead:
            self._take(item)

    def put(self, item: Any) -> Any:
        """Take an output."""
        self.append(item)


_EXHAUSTED = object()
