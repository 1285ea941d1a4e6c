"""A segment in a host: its thread, from ``open`` to ``close``."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from remotemedia.core.exceptions import CancelTimeoutError, ProtocolError, ValueTransferError
from remotemedia.core.stuck import RunWatch, StuckReport, event_of
from remotemedia.host.address import dial
from remotemedia.host.connection import Respond
from remotemedia.host.described import DescribedSegment, Ends, row_of
from remotemedia.host.listener import Listener, hello
from remotemedia.host.receipts import ReceiptedNode
from remotemedia.runner.channel_output import ChannelOutput
from remotemedia.runner.dead_letter import DeadLetter, TakeDeadLetter
from remotemedia.runner.loop import LoopThread
from remotemedia.runner.losses import Accounts, LossBatch
from remotemedia.runner.plan import NodeFailure, OpenError
from remotemedia.runner.segment import Segment
from remotemedia.runner.segment_thread import SegmentThread, thread_for
from remotemedia.runner.tags import TAG
from remotemedia.runner.threads import run_in_thread
from remotemedia.runner.watched_segment import watched
from remotemedia.wire.failures import Failure, failure_of
from remotemedia.wire.values import lower, weigh

logger = logging.getLogger("remotemedia.host")

_MOST_BYTES_TOLD: Final = 64 << 20
"""What a dead letter's item may take on the connection that also carries the engine's requests."""


@dataclass(slots=True)
class SegmentHost:
    """What the segments of a host share.

    Attributes:
        listener: where producers of other hosts dial.
        emit: sends an event to the engine.
        loop_thread: gives the loop for async nodes.
        exit_process: ends the process, because a node asked for it; None where that is not for a node to say.
        loop: the caller's own loop instead, in a driver.
        context: the caller's variables, in a driver.
        ends: the ends of the pipeline, in a driver.
        describe: describes a failure for the engine.
        on_dead_letter: takes dead letters, in a driver; elsewhere the engine is told.
        accounts: keeps account of the session, in a driver; elsewhere the engine is told.
        on_interrupt: told what has become stale, in a driver.
    """

    listener: Listener
    emit: Callable[[str, Any], None]
    loop_thread: LoopThread
    exit_process: Callable[[SystemExit, str | None], None] | None = None
    loop: asyncio.AbstractEventLoop | None = None
    context: contextvars.Context | None = None
    ends: Ends | None = None
    describe: Callable[[NodeFailure], Failure] = NodeFailure.as_map
    on_dead_letter: TakeDeadLetter | None = None
    accounts: Accounts | None = None
    on_interrupt: Callable[[float], None] | None = None


class HostSegment:
    """Runs one segment in a thread of its own, so that a node's calls all happen in one thread.

    In a session that is changed the segment that goes on with its nodes comes into the same thread.

    Attributes:
        name: the segment's name.
    """

    def __init__(
        self,
        description: dict[str, Any],
        find_object: Callable[[int], Any],
        host: SegmentHost,
    ) -> None:
        """Read a segment's description; ``begin`` starts the thread."""
        self.name: str = description["segment"]
        self._description = description
        self._find_object = find_object
        self._host = host
        self._thread: SegmentThread
        self._context: contextvars.Context
        self._segment: Segment | None = None
        self._outputs: list[ChannelOutput] = []
        self._lock = threading.Lock()
        self._is_reported = False
        # What the engine knows of already.
        self._interrupted_before = 0.0
        self._is_cancelled = False
        self._is_started = False
        self._is_open = False
        self._is_gone = False
        self._is_stuck = False
        self._stuck: list[str] = []
        self._closers: list[Respond] = []
        self._losses: LossBatch | None = None
        self.is_closed = threading.Event()

    @property
    def failures(self) -> Sequence[NodeFailure]:
        """What has failed here so far."""
        return () if self._segment is None else tuple(self._segment.failures)

    def metrics(self) -> list[dict[str, Any]] | None:
        """The ``nodeMetrics`` so far, or None if nodes are not measured."""
        return None if self._segment is None else self._segment.metrics()

    def begin(self, respond: Respond) -> None:
        """Open the segment in its thread, with a context of its own."""
        given = self._host.context
        self._context = contextvars.copy_context() if given is None else given.copy()
        nodes = [self._find_object(entry["object"]) for entry in self._description["nodes"]]
        self._thread = thread_for(row_of(self._description), nodes, f"remotemedia-{self.name}")
        self._submit(partial(self._open, respond), nests=True)

    def start(self, respond: Respond) -> None:
        """Connect the outputs and run."""
        self._is_started = True
        self._submit(partial(self._start, respond))

    def close(self, respond: Respond) -> None:
        """Clean up and leave the thread; of a segment that is stuck, only say so."""
        with self._lock:
            self._closers.append(respond)
            is_answered_here = self._is_gone or self._is_stuck
            if not self._is_gone:
                self._submit(self._close, nests=not self._is_started)
        if is_answered_here:
            self._answer_closers([])

    def _submit(self, step: Callable[[], None], nests: bool = False) -> None:
        self._thread.submit(partial(self._context.run, step), nests)

    def stop(self) -> None:
        """Let sources give no new item, because something failed elsewhere."""
        if self._segment is not None:
            self._segment.stop()

    def keep(self, node_ids: Sequence[str]) -> None:
        """Have nodes that go on in another segment not flush at the end of this one."""
        if self._segment is not None:
            self._segment.keep(node_ids)

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp."""
        with self._lock:
            self._interrupted_before = max(before, self._interrupted_before)
        if self._segment is not None:
            self._segment.interrupt(before)

    def _interrupted(self, before: float) -> None:
        if self._host.on_interrupt is not None:
            self._host.on_interrupt(before)
        with self._lock:
            is_news = before > self._interrupted_before
        if is_news:
            self._host.emit("interrupted", {"segment": self.name, "before": before})

    def _tell_dead_letter(self, letter: DeadLetter) -> None:
        failure = NodeFailure(letter.error, letter.node_id, "process", letter.item_index)
        told: dict[str, Any] = {
            "segment": self.name,
            "nodeId": letter.node_id,
            "itemIndex": letter.item_index,
            "failure": self._host.describe(failure),
        }
        tag = TAG.get()
        if tag is not None:
            told["stamp"] = tag.stamp
        # An item that has a number is kept where that is known.
        given = letter.item[0] if self._description.get("receipts") else letter.item
        try:
            item = lower(given)
            weight = weigh(item, given)
            if weight > _MOST_BYTES_TOLD:
                raise ValueTransferError(f"an item of {weight} bytes is too long for a message")
            self._host.emit("dead-letter", {**told, "item": item})
        except ValueTransferError as error:
            logger.warning('the item that node "%s" failed for stays here: %s', letter.node_id, error)
            self._host.emit("dead-letter", told)

    def cancel(self) -> None:
        """Give up what runs, and report it when it has ended or the timeout has passed.

        While the segment is opening, ``open`` fails instead.
        """
        with self._lock:
            if self._is_cancelled:
                return
            self._is_cancelled = True
            segment = self._segment
            is_open = self._is_open
        if segment is None:
            return
        segment.cancel()
        if not is_open:
            return
        if not self._is_started:
            self._report(segment, [])
        else:
            run_in_thread(self._await_cancel, segment, name="remotemedia-cancel")

    def _open(self, respond: Respond) -> None:
        try:
            segment = self._build()
            segment.open(self._announce)
            self._note_open(segment)
        except OpenError as error:
            self._obey_exit([error.failure])
            self._fail_open(respond, self._opening_failure(error.failure))
            return
        except BaseException as error:
            self._fail_open(respond, error)
            return
        respond({}, None)

    def _start(self, respond: Respond) -> None:
        segment = self._segment
        if segment is None or self._is_gone:
            respond(None, ProtocolError(f"there is no open segment {self.name!r}"))
        else:
            self._run(segment, respond)

    def _close(self) -> None:
        segment = self._segment
        if segment is None or self._is_gone:
            return
        failures: list[Failure] = []
        try:
            failures += [self._host.describe(failure) for failure in segment.close()]
            self._forget_channels()
        except BaseException as error:
            failures.append(self._host.describe(NodeFailure(error, None, "cleanup", None)))
        self._leave()
        self._answer_closers(failures)

    def _leave(self) -> None:
        """Nothing of the segment is left."""
        with self._lock:
            self._is_gone = True
        self._thread.leave()
        self.is_closed.set()

    def _answer_closers(self, failures: list[Failure]) -> None:
        """Answer those that have asked to close; each is answered once, whoever comes first."""
        with self._lock:
            closers, self._closers = self._closers, []
        for respond in closers:
            respond(self._closing(list(failures)), None)

    def _announce(self, node_id: str) -> None:
        self._host.emit("initializing", {"segment": self.name, "nodeId": node_id})

    def _note_open(self, segment: Segment) -> None:
        """From here on a cancel is reported by ``done``; one that came before makes ``open`` fail.

        Raises:
            OpenError: it did, after the last node was initialized.
        """
        with self._lock:
            self._is_open = not self._is_cancelled
        if not self._is_open:
            error = asyncio.CancelledError("the run was cancelled while it was opening")
            segment.close()
            nodes = segment.plan.nodes
            raise OpenError(NodeFailure(error, nodes[-1].id if nodes else None, "initialize", None))

    def _fail_open(self, respond: Respond, failed: BaseException | Failure) -> None:
        """Forget the segment; whoever has asked to close it meanwhile is answered as well."""
        self._forget_channels()
        self._leave()
        respond(None, failed)
        self._answer_closers([])

    def _build(self) -> Segment:
        accounts = self._make_accounts()
        described = DescribedSegment(self._description, self._object, self._host.ends, accounts)
        self._outputs = [port for port, _ in described.outputs]
        segment = Segment(described.plan, self._host.loop_thread, loop=self._host.loop)
        segment.on_interrupt = self._interrupted
        segment.on_dead_letter = self._host.on_dead_letter or self._tell_dead_letter
        described.give_outputs(segment)
        for port, entry in described.inputs:
            self._host.listener.expect(entry["token"], port)
        with self._lock:
            self._segment = segment
            is_cancelled = self._is_cancelled
        if is_cancelled:
            segment.cancel()
        return segment

    def _make_accounts(self) -> Accounts | None:
        """Who keeps account of the session, or tells the engine, where somebody there does."""
        if self._host.accounts is not None or not self._description.get("accounted"):
            return self._host.accounts
        self._losses = LossBatch(
            lambda losses: self._host.emit("losses", {"segment": self.name, "losses": losses})
        )
        return self._losses

    def _object(self, number: int) -> Any:
        found = self._find_object(number)
        if any(entry["object"] == number and entry.get("replica") for entry in self._description["nodes"]):
            from remotemedia.runner.replica import Replica

            return Replica(found, lambda error: self._host.describe(NodeFailure(error, None, None, None)))
        return ReceiptedNode(found) if self._description.get("receipts") else found

    def _run(self, segment: Segment, respond: Respond) -> None:
        try:
            for port, entry in zip(self._outputs, self._description["outputs"], strict=True):
                connection = dial(entry["address"])
                connection.sendall(hello(entry["token"], "producer", port.channel))
                port.start(connection)
        except BaseException as error:
            # Nothing runs that a cancel could wait for.
            self._is_started = False
            respond(None, error)
            return
        respond({}, None)
        try:
            with watched(segment, self._watch()):
                self._thread.run(segment)
        except BaseException as error:
            # What the runner does not take for a node's failure: the engine has to be told all the same.
            segment.failures.append(NodeFailure(error, None, "run", None))
        self._report(segment, [])

    def _watch(self) -> RunWatch | None:
        limits = self._description.get("watch")
        if limits is None:
            return None

        def report(found: StuckReport) -> None:
            self._host.emit("stuck", {"segment": self.name, **event_of(found)})

        return RunWatch(limits["stuckAfterMs"], limits.get("memoryLimitBytes"), report)

    def _await_cancel(self, segment: Segment) -> None:
        if not segment.wait_done(segment.plan.cancel_timeout_ms / 1_000):
            self._report(segment, segment.stuck(), is_stuck=True)

    def _report(self, segment: Segment, stuck: list[str], is_stuck: bool = False) -> None:
        with self._lock:
            if self._is_reported:
                return
            self._is_reported = True
            self._stuck, self._is_stuck = stuck, is_stuck
        self._obey_exit(segment.failures)
        if self._losses is not None:
            self._losses.flush()
        failures = [self._host.describe(failure) for failure in segment.failures]
        self._host.emit("done", {"segment": self.name, "failures": failures, "stuck": stuck})
        if is_stuck:
            self._answer_closers([])

    def _obey_exit(self, failures: Sequence[NodeFailure]) -> None:
        if self._host.exit_process is None:
            return
        for failure in failures:
            # A node that calls sys.exit means this process.
            if isinstance(failure.error, SystemExit):
                self._host.exit_process(failure.error, failure.node_id)

    def _opening_failure(self, failure: NodeFailure) -> Failure:
        described = self._host.describe(failure)
        if isinstance(failure.error, asyncio.CancelledError):
            described["module"] = "asyncio"
        return described

    def _closing(self, failures: list[Failure]) -> dict[str, Any]:
        for node_id in self._stuck:
            error = CancelTimeoutError(f'Node "{node_id}" has not returned; its cleanup runs when it does.')
            failures.append(failure_of(error, node_id=node_id, phase="cleanup"))
        return {"failures": failures, "metrics": self.metrics()}

    def _forget_channels(self) -> None:
        for entry in self._description["inputs"]:
            self._host.listener.forget(entry["channel"])
