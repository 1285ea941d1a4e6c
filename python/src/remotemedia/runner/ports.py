"""Where a segment's items come from and go to: the two kinds of ports, and those in memory."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remotemedia.runner.chain import Chain
from remotemedia.runner.loop_unit import LoopUnit
from remotemedia.runner.tags import TAG, new_tag
from remotemedia.runner.unit import Emit, Full, Unit

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment
    from remotemedia.slabs.arena import Arena

INPUT_NAME: Final = "(input)"
"""The ``node_id`` of failures of the pipeline's input."""

OUTPUT_NAME: Final = "(output)"
"""What the pipeline's outputs are called, where one is lost."""

Window = tuple[int, int]
"""How many items and bytes of a channel may be on their way."""


class InputPort(Unit):
    """Feeds nodes of a segment, or output ports, in the segment's thread.

    Attributes:
        name: the ``node_id`` of its own failures; None for a channel between two segments.
        targets: what it feeds.
        given: how many items it has given, for ports that feed output ports or are pulled.
        is_pulled: whether it has to be asked for items, with ``step``; else it is waited for, and ``read``.
        socket: what to wait for, once there is something.
        waits_for: it gives nothing while one of these is full.
        is_finished: it has given its last item.
    """

    __slots__ = ("given", "is_finished", "segment", "targets", "waits_for")

    segment: Segment
    is_pulled: ClassVar[bool] = False
    socket: socket.socket | None = None
    name: str | None = None

    def __init__(self) -> None:
        """Start unconnected."""
        super().__init__()
        self.targets: list[Target] = []
        self.waits_for: tuple[Full, ...] = ()
        self.given: int = 0
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

    def emission_failed(self, error: BaseException) -> None:
        """An item could not be sent by the output port that it goes to."""
        self.segment.fail_source(self, error, self.name, max(self.given - 1, 0))

    def finish(self) -> None:
        """Tell the targets that the last item has been given; in the segment's thread, once."""
        if self.is_finished:
            return
        self.is_finished = True
        for target in self.targets:
            if isinstance(target, Chain):
                target.input_ended()
            elif isinstance(target, LoopUnit):
                target.inbox.end_from_thread()
            else:
                target.end_from_thread()
        self.segment.finished(self)

    def abort(self) -> None:
        """Stop at once, because of a cancel; called from any thread."""
        self.is_dead = True


class MemoryInput(InputPort):
    """Items of an iterable in this process, given by reference; None is one like any other."""

    is_pulled = True

    __slots__ = ("_items", "name")

    def __init__(self, items: Iterable[Any], name: str | None = INPUT_NAME) -> None:
        """Take the items.

        Args:
            items: iterated in the segment's thread.
            name: the ``node_id`` of its failures; their phase is ``"source"``, and their index says how many
                items were given before.
        """
        super().__init__()
        self.name = name
        self._items: Iterator[Any] = iter(items)

    def kill(self) -> None:
        """Give no further item."""
        super().kill()
        chain = self._only_chain()
        if chain is not None:
            chain.is_shut = True

    def step(self, limit: int | None) -> None:
        """Give up to ``limit`` items, or all."""
        chain = self._only_chain()
        if self.segment.is_tagged and self.given == 0:
            self._items = _with_tags(self._items)
        items = self._items if limit is None else islice(self._items, limit)
        before = self.given
        segment = self.segment
        segment.more = True
        try:
            if chain is not None:
                self._run(chain, items)
            else:
                self._give(items)
        except BaseException as error:
            segment.fail_source(self, error, self.name, self.given)
        finally:
            segment.more = False
        if self.is_dead or limit is None or self.given - before < limit:
            # Not needed any more, perhaps much; and this port may live as long as its segment.
            self._items = iter(())
            self.finish()

    def release(self) -> None:
        """Forget the segment."""
        self.targets = []
        del self.segment

    def _only_chain(self) -> Chain | None:
        """The chain that takes all items, and none from elsewhere."""
        first = self.targets[0] if len(self.targets) == 1 else None
        return first if isinstance(first, Chain) and len(first.producers) == 1 else None

    def _run(self, chain: Chain, items: Iterator[Any]) -> None:
        """Give items to the chain in its own loop, which looks whether this port is still wanted."""
        entry = chain.stages[0]
        entered = entry.entered
        try:
            chain.run(items)
        finally:
            self.given += entry.entered - entered

    def _give(self, items: Iterator[Any]) -> None:
        gives = [_giver(target) for target in self.targets]
        for item in items:
            if self.is_dead:
                return
            self.given += 1
            try:
                for give in gives:
                    give(item)
            except BaseException as error:
                self.emission_failed(error)
                return


class OutputPort(Unit):
    """Takes the outputs of one node.

    Attributes:
        is_finished: it has taken its last item.
        arena: where an array is best allocated that will go through this port; None for ordinary memory.
    """

    __slots__ = ("is_finished", "segment")

    segment: Segment
    arena: Arena | None = None

    def __init__(self) -> None:
        """Start unconnected."""
        super().__init__()
        self.is_finished = False

    def link(self, segment: Segment, producer: Unit) -> None:
        """Connect the port with the unit whose outputs it takes."""
        self.segment = segment
        self.producers = [producer]

    def begin(self) -> None:
        """Its segment begins to run; in the segment's thread."""

    def taker(self) -> Emit:
        """What takes outputs in the segment's thread."""
        return self.append

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


class MemoryOutput(OutputPort):
    """Gives outputs to a function of this process, by reference."""

    __slots__ = ("_take",)

    def __init__(self, take: Callable[[Any], Any]) -> None:
        """Hand every output to ``take``; in the segment's thread, or on the loop behind an async node."""
        super().__init__()
        self._take = take

    def taker(self) -> Emit:
        """The function itself: after a cancel its producer gives no more."""
        return self._take

    def append(self, item: Any) -> None:
        """Take an output."""
        if not self.is_dead:
            self._take(item)

    def put(self, item: Any) -> Any:
        """Take an output."""
        self.append(item)

    def release(self) -> None:
        """Forget the segment."""
        self.producers.clear()
        del self.segment


Target = Chain | LoopUnit | OutputPort
"""What an input port feeds."""


def _with_tags(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        TAG.set(new_tag())
        yield item


def _giver(target: Target) -> Emit:
    if isinstance(target, Chain):
        return target.push
    if isinstance(target, LoopUnit):
        return partial(target.inbox.put_from_thread, level=-1)
    return target.append
