"""Running a script, and collecting what comes out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from remotemedia.core.exceptions import (
    ExecutorUnavailableError,
    InvalidArgumentError,
    ScriptFailedError,
    SessionEndedError,
)
from remotemedia.core.per_session import PerSession, per_session
from remotemedia.core.pipeline import Pipeline
from remotemedia.core.validation import is_entry, name_of
from remotemedia.driver.definition import place_of
from remotemedia.driver.live_session import LiveSession
from remotemedia.driver.session_account import SessionAccount
from remotemedia.runner.dead_letter import DeadLetter
from remotemedia.runner.outputs import Traits
from remotemedia.testing.clock import VirtualLoop, virtual_time
from remotemedia.testing.node_on_clock import ClockedThread, NodeOnClock
from remotemedia.testing.script import ScriptStep, ordered_script

_LIMIT_AFTER_LAST_STEP_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class TimedOutput:
    """An output, and when it came.

    Attributes:
        at_ms: milliseconds from the moment when the session was open.
        value: the output.
    """

    at_ms: float
    value: Any


@dataclass(slots=True)
class ScriptResult:
    """What a script has brought.

    Attributes:
        outputs: all outputs with their times, in the order in which they came.
        ended_at_ms: when everything was done and cleaned up, in milliseconds from when the session was open.
        failure: what ended the session, where it failed and ``return_failure`` is on; else None.
        metrics: as ``LiveSession.metrics`` gives them; None where nodes are not measured.
        dead_letters: the items that nodes with the failure policy ``skip`` have failed for.
        account: what became of each item that the script wrote; None where the session did not open.
    """

    outputs: list[TimedOutput] = field(default_factory=list[TimedOutput])
    ended_at_ms: float = 0.0
    failure: BaseException | None = None
    metrics: dict[str, Any] | None = None
    dead_letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    account: SessionAccount | None = None

    @property
    def values(self) -> list[Any]:
        """The outputs alone."""
        return [output.value for output in self.outputs]


def run_script(
    what: Any,
    script: Iterable[ScriptStep],
    *,
    clock: str = "virtual",
    limit_ms: float | None = None,
    return_failure: bool = False,
    enable_metrics: bool | None = None,
    session_id: str | None = None,
) -> ScriptResult:
    """Open a session of one node or a pipeline, do to it what a script says, and collect the outputs.

    By the virtual clock this takes no longer than the work itself, and gives the same times on each machine.
    It has an event loop of its own. Nothing waits for room at the input: what a script writes is written at
    its time.

    Args:
        what: a node, ``per_session``, a list of nodes, or a ``Pipeline``.
        script: the steps, as data; without a step that ends it, the session ends with the last one.
        clock: ``"virtual"``: time stands still while anything is under way, and jumps to the next timer; for
            chains of live nodes of this program. ``"real"``: the clock on the wall, for nodes anywhere.
        limit_ms: how long the script may take, in milliseconds of its clock; by default one minute more than
            its last step.
        return_failure: whether what fails is told in the result instead of being raised.
        enable_metrics: as for ``Pipeline.open``.
        session_id: as for ``Pipeline.open``.

    Raises:
        BaseException: what a node has raised, itself.
        ScriptFailedError: the script does not come to its end.
        ExecutorUnavailableError: a node would run elsewhere, and the clock is virtual.
        InvalidArgumentError: a step or an option is none.
        RuntimeError: an event loop runs in this thread.

    Example:
        >>> from remotemedia import Node
        >>> class Upper(Node):
        ...     def process(self, text):
        ...         time.sleep(0.5)
        ...         return text.upper()
        >>> import time
        >>> run_script(Upper(), [{"at_ms": 20, "write": "hi"}]).outputs
        [TimedOutput(at_ms=520.0, value='HI')]
    """
    steps = ordered_script(script)
    pipeline = what if isinstance(what, Pipeline) else Pipeline(what if isinstance(what, list) else [what])  # pyright: ignore[reportUnknownArgumentType]
    if limit_ms is None:
        limit_ms = steps[-1]["at_ms"] + _LIMIT_AFTER_LAST_STEP_MS
    _check_options(clock, limit_ms)
    _check_no_loop()
    playing = _Playing(steps, limit_ms, return_failure, enable_metrics, session_id)
    if clock == "real":
        with asyncio.Runner() as runner:
            return runner.run(playing.in_real_time(pipeline))
    threads: list[ClockedThread] = []
    _check_places(pipeline)
    loop = VirtualLoop()
    try:
        with virtual_time(loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
            clocked = _on_clock(pipeline, loop, threads)
            return runner.run(playing.in_virtual_time(clocked, loop))
    finally:
        for thread in threads:
            thread.close()


class _Playing:
    """A script that is being played."""

    def __init__(
        self,
        steps: list[ScriptStep],
        limit_ms: float,
        return_failure: bool,
        enable_metrics: bool | None,
        session_id: str | None,
    ) -> None:
        self._steps = steps
        self._limit_ms = limit_ms
        self._returns_failure = return_failure
        self._enable_metrics = enable_metrics
        self._session_id = session_id
        self._result = ScriptResult()
        self._given_up: ScriptFailedError | None = None
        self._give_up: Callable[[], object] = lambda: None
        self._opened_at = 0.0
        self._stuck_after_ms = 5_000.0

    async def in_real_time(self, pipeline: Pipeline) -> ScriptResult:
        """Play by the clock on the wall."""
        overdue = asyncio.get_running_loop().call_later(self._limit_ms / 1_000, self._end, self._too_long())
        try:
            return await self._play(pipeline)
        finally:
            overdue.cancel()

    async def in_virtual_time(self, pipeline: Pipeline, loop: VirtualLoop) -> ScriptResult:
        """Play by a virtual clock."""
        # What looks at a session again and again does so by the clock on the wall.
        self._stuck_after_ms = 0
        loop.on_stall = lambda: self._end(_stalled())
        loop.on_late = lambda: self._end(self._too_long())
        loop.deadline = loop.time() + self._limit_ms / 1_000
        return await self._play(pipeline)

    def _end(self, error: ScriptFailedError) -> None:
        """Give the script up; work that does not end even then is left behind."""
        if self._given_up is not None:
            raise error
        self._given_up = error
        self._give_up()

    async def _play(self, pipeline: Pipeline) -> ScriptResult:
        self._start_clock()
        playing = asyncio.create_task(self._session(pipeline))
        self._give_up = playing.cancel
        await asyncio.wait([playing])
        self._result.ended_at_ms = self._elapsed_ms()
        failure = None if playing.cancelled() else playing.exception()
        if self._given_up is not None:
            raise self._given_up from failure
        if failure is not None:
            if not self._returns_failure:
                raise failure
            self._result.failure = failure
        return self._result

    async def _session(self, pipeline: Pipeline) -> None:
        writes = sum("write" in step for step in self._steps)
        session = await pipeline.open(
            stuck_after_ms=self._stuck_after_ms,
            # Half of them may wait at the node, the other half before it.
            max_pending=max(2 * writes, 1),
            enable_metrics=self._enable_metrics,
            session_id=self._session_id,
            on_dead_letter=self._result.dead_letters.append,
            accounting=True,
        )
        self._start_clock()
        following = asyncio.create_task(self._follow(session))
        try:
            async for value in session:
                self._result.outputs.append(TimedOutput(self._elapsed_ms(), value))
        except asyncio.CancelledError:
            await session.cancel()
            raise
        finally:
            # The rest of the script is for a session that is no more.
            following.cancel()
            await asyncio.wait([following])
            self._result.metrics = session.metrics()
            self._result.account = session.account()
        if not following.cancelled():
            following.result()

    async def _follow(self, session: LiveSession) -> None:
        """Do each step at its time."""
        for step in self._steps:
            wait_ms = step["at_ms"] - self._elapsed_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1_000)
            try:
                await _take(step, session)
            except SessionEndedError:
                # What has ended it is told by its outputs.
                return
            # Others see it before the next step of the same time.
            await asyncio.sleep(0)

    def _start_clock(self) -> None:
        self._opened_at = asyncio.get_running_loop().time()

    def _elapsed_ms(self) -> float:
        # To the microsecond, so that what floats make of 0.1 + 0.2 is not seen.
        return round((asyncio.get_running_loop().time() - self._opened_at) * 1e3, 3)

    def _too_long(self) -> ScriptFailedError:
        return ScriptFailedError(
            f"The script has not ended after {self._limit_ms:g} ms: a node goes on, or the output never ends."
            ' End it with {"at_ms": …, "cancel": True}, or give it more time with limit_ms.'
        )


async def _take(step: ScriptStep, session: LiveSession) -> None:
    if "write" in step:
        how: dict[str, Any] = {name: value for name, value in step.items() if name not in ("at_ms", "write")}
        await session.write(step["write"], **how)
    elif "interrupt" in step:
        session.interrupt()
    elif "end" in step:
        session.end()
    else:
        await session.cancel()


def _check_places(pipeline: Pipeline) -> None:
    """Check that the virtual clock reaches all nodes, those of the session aside, which are made later.

    Raises:
        ExecutorUnavailableError: names a node that would run elsewhere.
    """
    if pipeline.connections is not None or any(map(is_entry, pipeline.nodes)):
        raise ExecutorUnavailableError(
            f'Pipeline "{pipeline.name}" was made from a manifest, which the engine plans and runs. The '
            'virtual clock is for chains of live nodes: give it those, or run the script with clock="real".'
        )
    for node in pipeline.nodes:
        if not isinstance(node, PerSession):
            _check_place(node)


def _check_place(node: Any) -> None:
    name = name_of(node)
    if place_of(node, None, name) != "driver":
        raise ExecutorUnavailableError(
            f'Node "{name}" would run in another process, which the virtual clock does not reach. Give the '
            'script a node of this program (executor=None), or run it with clock="real".'
        )


def _on_clock(pipeline: Pipeline, loop: VirtualLoop, threads: list[ClockedThread]) -> Pipeline:
    """The same pipeline, its sync nodes in threads of which the clock knows."""
    known: dict[int, Any] = {}

    def clocked(node: Any) -> Any:
        if isinstance(node, PerSession):
            return per_session(lambda: clocked(node.make()))
        if id(node) not in known:
            known[id(node)] = _clocked(node, loop, threads)
        return known[id(node)]

    copy = Pipeline([clocked(node) for node in pipeline.nodes], pipeline.name, pipeline.enable_metrics)
    copy.base_dir = pipeline.base_dir
    return copy


def _clocked(node: Any, loop: VirtualLoop, threads: list[ClockedThread]) -> Any:
    _check_place(node)
    traits = Traits(node)
    if traits.is_async or traits.run_on == "caller":
        return node
    thread = ClockedThread(loop, name_of(node))
    threads.append(thread)
    return NodeOnClock(node, thread)


def _check_options(clock: str, limit_ms: float) -> None:
    if clock not in ("virtual", "real"):
        raise InvalidArgumentError(f'clock must be "virtual" or "real", got {clock!r}.')
    if not limit_ms > 0:
        raise InvalidArgumentError(f"limit_ms must be a number above 0, got {limit_ms!r}.")


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "run_script has an event loop of its own, and another one runs here. Call it from a plain function: "
        "in pytest, from a test that is not async."
    )


def _stalled() -> ScriptFailedError:
    return ScriptFailedError(
        "The script cannot go on: no timer is left, and a node waits for something that does not come. The "
        "virtual clock sees timers, sync nodes and executors only: for a node that waits for a socket or a "
        'process, run the script with clock="real".'
    )
