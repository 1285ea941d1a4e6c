"""A run that the engine plans and supervises; what lives here runs in segments that it opens here."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from remotemedia.core.exceptions import (
    CancelTimeoutError,
    EngineDiedError,
    ProtocolError,
    ValueTransferError,
)
from remotemedia.core.settings import write_settings
from remotemedia.core.stuck import report_of
from remotemedia.driver.definition import Definition, Entry, written_connections
from remotemedia.driver.engine import Engine
from remotemedia.driver.generations import Generation, kept_ids
from remotemedia.driver.inputs import RunInput
from remotemedia.driver.local import input_port, loop_thread
from remotemedia.driver.own_python import base_folder, own_python
from remotemedia.host.connection import RequestFailedError
from remotemedia.host.described import Ends
from remotemedia.host.segment_table import give_up
from remotemedia.host.segments import HostSegment, SegmentHost
from remotemedia.runner.dead_letter import DeadLetter, TakeDeadLetter, log_dead_letter
from remotemedia.runner.outputs import Traits
from remotemedia.runner.plan import NodeFailure
from remotemedia.runner.ports import OutputPort
from remotemedia.runner.segment_thread import Row
from remotemedia.runner.threads import run_in_thread
from remotemedia.wire.failures import Failure, exception_of
from remotemedia.wire.items import SealedItems

logger = logging.getLogger("remotemedia.driver")

_GIVE_UP_SECONDS = 5.0

_numbers = itertools.count(1)


@dataclass(slots=True)
class Away:
    """The instances of a run that go into processes of their own.

    Attributes:
        payloads: the serialized instances, by node id.
        returns_state: whether their state comes back.
    """

    payloads: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    returns_state: bool = False


class EngineRun:
    """One run of one pipeline.

    Attributes:
        failures: what failed.
        definition: the pipeline.
        cancel_timeout: how many seconds a cancel may take; the engine waits for nodes, then for cleanups.
    """

    cancel_timeout = 12.0

    def __init__(
        self,
        engine: Engine,
        definition: Definition,
        run_input: RunInput,
        make_output: Callable[[], OutputPort],
        *,
        away: Away | None = None,
        has_metrics: bool = False,
        loop: asyncio.AbstractEventLoop,
        on_dead_letter: TakeDeadLetter | None = None,
        row: Row | None = None,
        before: Generation | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            engine: who supervises it.
            definition: the pipeline.
            run_input: its items.
            make_output: gives a port for the outputs of a last node.
            away: the serialized instances.
            has_metrics: whether nodes are measured.
            loop: the caller's running loop.
            on_dead_letter: given each item that a failure policy gives up; without it they are logged.
            row: its place in a session.
            before: the run of the session before it: this one waits for ``start``.
        """
        self.failures: list[NodeFailure] = []
        self._states: Mapping[str, bytes] = {}
        self._row = row
        self._before = before
        self._interrupted: Callable[[float], None] = lambda _before: None
        self._engine = engine
        self._id = f"r{next(_numbers)}"
        self.definition = definition
        self._input = run_input
        self._away = away or Away()
        self._has_metrics = has_metrics
        self._began = time.perf_counter_ns()
        self._metrics: Mapping[str, Any] | None = None
        self._opened: Callable[[], None] | None = None
        self._take_letter = on_dead_letter or log_dead_letter
        self._segments: list[HostSegment] = []
        self._own_failures: list[NodeFailure] = []
        self._host = SegmentHost(
            engine.listener,
            engine.emit,
            loop_thread,
            loop=loop,
            context=contextvars.copy_context(),
            ends=Ends(lambda: input_port(run_input), make_output),
            describe=self._describe,
            on_dead_letter=self._take_letter,
            accounts=run_input.accounts,
            on_interrupt=lambda before: self._interrupted(before),
        )

    def begin(self, over: Callable[[], None], opened: Callable[[], None] | None = None) -> None:
        """Ask the engine to run the pipeline; waits neither for encoding nor for sending that."""
        self._opened = opened
        request = {
            "run": self._id,
            "pipeline": pipeline_of(self.definition, self._away, self._stays()),
            "isInputGiven": self._input.is_given,
            "metrics": self._has_metrics,
            **({} if self._input.session_id is None else {"session": self._input.session_id}),
            **({} if self._input.accounts is None else {"accounted": True}),
            **({} if self._row is None else {"row": list(self._row)}),
            **({} if self._before is None else {"after": self._id_before()}),
            **({} if self._input.watch is None else {"watch": self._input.watch.as_map()}),
            **({"python": own_python()} if self._away.payloads else {}),
        }
        self._engine.runs[self._id] = self
        answer = self._engine.request("run", request)
        # What its nodes have printed comes before its result.
        ids = [entry.id for entry in self.definition.entries]
        answer.add_done_callback(lambda answer: self._engine.after_lines(ids, self._end, answer, over))

    def start(self) -> None:
        """Let items in; it is open, and what was before it is over."""
        self._engine.request("begin", {"run": self._id})

    def keep(self, node_ids: Iterable[str], done: Callable[[], None]) -> None:
        """Have nodes that go on in another run not flush at the end of this one."""
        answer = self._engine.request("keep", {"run": self._id, "nodes": list(node_ids)})
        # A run that is over flushes nothing.
        answer.add_done_callback(lambda _answer: done())

    def follow_interrupts(self, interrupted: Callable[[float], None]) -> None:
        """Have somebody told what becomes stale."""
        self._interrupted = interrupted

    def bring_home(self) -> None:
        """Give objects the state that they had in other processes."""
        if self._states:
            from remotemedia.driver.away import bring_home

            bring_home(self.definition, self._states)

    def make_segment(self, params: dict[str, Any]) -> HostSegment:
        """The segment of a description that the engine has sent."""
        segment = HostSegment(params, self._object, self._host)
        self._segments.append(segment)
        return segment

    def note_open(self) -> None:
        """All nodes are initialized, and all segments have started unless the run waits for ``start``."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened()

    def note_stuck(self, event: dict[str, Any]) -> None:
        """The engine says that something is stuck."""
        if self._input.watch is not None:
            self._input.watch.report(report_of(event))

    def note_dead_letter(self, params: dict[str, Any]) -> None:
        """The engine says that an item was given up in another process."""
        error = exception_of(params["failure"], is_trusted=True)
        letter = DeadLetter(params["nodeId"], params["itemIndex"], _item_of(params), error)
        if self._input.accounts is not None:
            letter = self._input.accounts.letter(letter, params.get("stamp"))
        try:
            self._take_letter(letter)
        except BaseException as problem:
            self.failures.append(NodeFailure(problem, letter.node_id, None, None))
            self.cancel()

    def note_losses(self, params: dict[str, Any]) -> None:
        """The engine says that items have come to nothing in other processes."""
        accounts = self._input.accounts
        if accounts is None:
            return
        for node_id, reason, stamps in params["losses"]:
            for stamp in stamps:
                accounts.lose(node_id, stamp, reason)

    def cancel(self) -> None:
        """Let no new item in and give up what runs."""
        self._engine.request("cancel", {"run": self._id})

    def interrupt(self, before: float) -> None:
        """Make stale what was let in before a stamp, in all hosts."""
        for segment in self._segments:
            segment.interrupt(before)
        self._engine.request("interrupt", {"run": self._id, "before": before})

    def stuck(self) -> Sequence[str]:
        """Not known here: the engine says it."""
        return ()

    def known_failures(self) -> Sequence[NodeFailure]:
        """What has failed so far in this program, of a run that is not over."""
        return [failure for segment in self._segments for failure in segment.failures]

    def metrics(self) -> tuple[float, list[dict[str, Any]]]:
        """The duration so far in microseconds, and a record of each node; until the end, of those here."""
        if self._metrics is not None:
            return self._metrics.get("totalDurationUs", 0.0), list(self._metrics.get("nodeMetrics", ()))
        records = [record for segment in self._segments for record in segment.metrics() or ()]
        return (time.perf_counter_ns() - self._began) / 1_000, records

    def _object(self, number: int) -> Any:
        return self.definition.entries[number].node

    def _id_before(self) -> str:
        """What the engine knows the run before by; empty where it knows none."""
        return self._before._id if isinstance(self._before, EngineRun) else ""

    def _stays(self) -> Mapping[str, str]:
        """The nodes that the engine has for the run before, which has the given id."""
        return {} if not isinstance(self._before, EngineRun) else self._before.nodes_for(self.definition)

    def nodes_for(self, after: Definition) -> Mapping[str, str]:
        """The nodes of another pipeline that the engine has for this run, with its id."""
        kept = set(kept_ids(self.definition, after))
        away = [entry.id for entry in after.entries if entry.placement != "driver"]
        return {node_id: self._id for node_id in away if node_id in kept}

    def _describe(self, failure: NodeFailure) -> Failure:
        self._own_failures.append(failure)
        return {**failure.as_map(), "ref": len(self._own_failures) - 1}

    def _end(self, answer: Future[Any], over: Callable[[], None]) -> None:
        del self._engine.runs[self._id]
        duration_us, records = self.metrics()
        # Of a run that fails the engine says nothing else.
        self._metrics = {"totalDurationUs": duration_us, "nodeMetrics": records}
        died = answer.exception()
        if isinstance(died, EngineDiedError):
            self.failures.append(NodeFailure(died, None, "run", None))
            # Nobody else will end what runs here.
            run_in_thread(self._give_up, over, name="remotemedia-give-up")
            return
        try:
            self._take(answer)
        except BaseException as error:
            # The request could not be sent, or its answer makes no sense.
            self.failures.append(NodeFailure(error, None, "run", None))
        over()

    def _take(self, answer: Future[Any]) -> None:
        try:
            result: Mapping[str, Any] = answer.result()
        except RequestFailedError as error:
            # It may have failed here before.
            if not self.failures:
                self._fail(error.failure)
        else:
            self._metrics = result.get("metrics") or {}
            self._states = dict(result.get("states") or {})

    def _give_up(self, over: Callable[[], None]) -> None:
        give_up(self._segments, _GIVE_UP_SECONDS)
        for segment in self._segments:
            self._engine.forget(segment)
        over()

    def _fail(self, failure: Failure) -> None:
        self.failures.append(self._failure_of(failure))
        self.failures += map(self._failure_of, failure.get("suppressed", ()))

    def _failure_of(self, failure: Failure) -> NodeFailure:
        ref = failure.get("ref")
        if isinstance(ref, int):
            return self._own_failures[ref]
        error = exception_of(failure, is_trusted=True)
        phase = failure.get("phase")
        if phase is None or isinstance(error, CancelTimeoutError):
            # Its message says all there is to say.
            return NodeFailure(error, None, "run", None)
        return NodeFailure(error, failure.get("nodeId"), phase, failure.get("itemIndex"))


def _item_of(params: Mapping[str, Any]) -> Any:
    """The item of a dead letter that the engine tells of."""
    sealed = params.get("sealed")
    if sealed is None:
        return params.get("item")
    try:
        return SealedItems().unseal(sealed)
    except (ProtocolError, ValueTransferError) as error:
        logger.warning('the item that node "%s" failed for stays away: %s', params["nodeId"], error)
        return None


def pipeline_of(definition: Definition, away: Away, stays: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A pipeline as the engine is told of it; ``stays`` names the runs of which it has nodes already."""
    nodes = [
        {"id": entry.id, "of": stays[entry.id]}
        if stays and entry.id in stays
        else _node_of(entry, number, away)
        for number, entry in enumerate(definition.entries)
    ]
    return {
        "name": definition.name,
        "baseDir": base_folder(definition.base_dir),
        "nodes": nodes,
        "connections": written_connections(definition.edges or (), definition.queues),
    }


def _node_of(entry: Entry, number: int, away: Away) -> dict[str, Any]:
    if entry.placement == "engine":
        node = {"id": entry.id, "node_type": entry.node_type, "params": entry.params}
        executor = {} if entry.executor is None else {"executor": entry.executor}
        return {**node, **executor, **_replica(entry), **(entry.stated or {})}
    described: dict[str, Any] = {
        "id": entry.id,
        "className": type(entry.node).__qualname__,
        "traits": Traits(entry.node).as_map(),
        **write_settings(entry.settings),
        **_replica(entry),
    }
    payload = away.payloads.get(entry.id)
    if payload is None:
        return {**described, "object": number}
    return {**described, "pickled": payload, "returnState": away.returns_state}


def _replica(entry: Entry) -> dict[str, Any]:
    return {"replica": True} if entry.is_replica else {}
