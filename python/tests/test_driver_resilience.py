"""What a run outlives: a second cancel, a closed loop, other runs of its nodes, a thread that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from remotemedia import Node, Pipeline, execute_pipeline_with_input
from remotemedia.core.exceptions import CancelTimeoutError
from remotemedia.core.lifecycle import record_of
from remotemedia.driver.local import LocalRun
from remotemedia.runner import loop as runner_loop
from remotemedia.runner import thread as runner_thread
from remotemedia.runner.loop import run_on
from remotemedia.runner.plan import OpenError
from remotemedia.runner.segment import Segment
from remotemedia.runner.threads import KeptThreads
from running import LOOP, plan_of

SECONDS = 20
DESCRIPTORS = Path("/proc/self/fd")


class SlowToCleanUp(Node):
    """Waits in ``process``, and in ``cleanup`` until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(name="slow")
        self.inside, self.cleaning, self.go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.is_clean = False

    async def process(self, data: Any) -> Any:
        if self.is_clean:
            return data
        self.inside.set()
        return await asyncio.Event().wait()

    async def cleanup(self) -> None:
        self.cleaning.set()
        await self.go_on.wait()
        self.is_clean = True


async def run_of(node: Node) -> Any:
    return await execute_pipeline_with_input([node], [1])


async def stream_of(node: Node) -> Any:
    async def items() -> AsyncIterator[int]:
        yield 1

    return [item async for item in Pipeline([node]).process(items())]


async def turns(count: int = 20) -> None:
    """Let all that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def waited_for(event: threading.Event) -> None:
    """Wait for a thread, on a loop that goes on."""
    assert await asyncio.to_thread(event.wait, SECONDS)


class Held(Node):
    """Stays in one of its methods until it is let go; the first time only."""

    def __init__(self, where: str = "process") -> None:
        super().__init__(name="held")
        self.entered, self.leave = threading.Event(), threading.Event()
        self._where = where

    def initialize(self) -> None:
        self._hold("initialize")

    def process(self, data: Any) -> Any:
        self._hold("process")
        return data

    def cleanup(self) -> None:
        self._hold("cleanup")

    def _hold(self, method: str) -> None:
        if method == self._where and not self.entered.is_set():
            self.entered.set()
            assert self.leave.wait(SECONDS)


class HeldGenerator(Held):
    def process(self, data: Any) -> Generator[Any, None, None]:
        self._hold("process")
        yield data


class TestASecondCancel:
    @pytest.mark.parametrize("call", [run_of, stream_of])
    def test_lets_the_cleanup_end(self, call: Callable[[Node], Any]) -> None:
        async def main() -> None:
            node = SlowToCleanUp()
            run = asyncio.ensure_future(call(node))
            await node.inside.wait()
            run.cancel()
            await node.cleaning.wait()
            for _ in range(2):
                run.cancel()
                await turns()
            assert not run.done()
            node.go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert node.is_clean
            assert await asyncio.wait_for(run_of(node), SECONDS) == [1]

        asyncio.run(main())

    def test_does_not_make_the_first_one_take_longer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalRun, "cancel_timeout", 0.05)

        async def main() -> None:
            node = Held()
            run = asyncio.ensure_future(run_of(node))
            await waited_for(node.entered)
            run.cancel()
            await turns()
            run.cancel()
            with pytest.raises(CancelTimeoutError, match='node "held_0" did not return'):
                await asyncio.wait_for(run, SECONDS)
            node.leave.set()

        asyncio.run(main())


class TestALoopThatIsClosed:
    @pytest.fixture(autouse=True)
    def look_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (runner_loop, runner_thread):
            monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)

    def test_is_told_to_the_thread_that_waits_for_it(self) -> None:
        loop = asyncio.new_event_loop()
        started = asyncio.Event()
        errors: list[BaseException] = []

        async def forever() -> None:
            started.set()
            await asyncio.Event().wait()

        def wait() -> None:
            try:
                run_on(loop, forever())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        loop.run_until_complete(started.wait())
        loop.close()
        thread.join(SECONDS)
        assert [type(error) for error in errors] == [RuntimeError]
        assert "closed before the run had ended" in str(errors[0])

    def test_leaves_its_nodes_usable(self) -> None:
        class Cleaning(Node):
            is_first = True

            async def process(self, data: Any) -> Any:
                return data

            async def cleanup(self) -> None:
                if self.is_first:
                    self.is_first = False
                    inside.set()
                    await asyncio.Event().wait()

        async def begin() -> None:
            tasks.append(asyncio.ensure_future(run_of(node)))
            await inside.wait()

        node, inside = Cleaning(), asyncio.Event()
        tasks: list[asyncio.Future[Any]] = []
        loop = asyncio.new_event_loop()
        loop.run_until_complete(begin())
        loop.close()

        async def again() -> Any:
            return await asyncio.wait_for(run_of(node), SECONDS)

        assert asyncio.run(again()) == [1]

    def test_ends_a_segment_that_waits_for_its_nodes(self) -> None:
        class Waiting(Node):
            async def process(self, data: Any) -> Any:
                inside.set()
                await asyncio.Event().wait()

        loop, inside = asyncio.new_event_loop(), asyncio.Event()
        segment = Segment(plan_of(Waiting()), loop=loop)
        errors: list[BaseException] = []

        def work() -> None:
            try:
                segment.open()
                segment.run()
            except RuntimeError as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        loop.run_until_complete(inside.wait())
        loop.close()
        thread.join(SECONDS)
        assert len(errors) == 1
        assert segment.wait_done(0)


class TestARunThatWaitsForAnotherOne:
    def test_while_that_initializes_a_node_is_cancelled_at_once(self) -> None:
        node = Held("initialize")
        segments = [Segment(plan_of(node), LOOP) for _ in range(2)]
        results: list[Any] = [None, None]

        def open_one(position: int) -> None:
            try:
                segments[position].open()
            except OpenError as error:
                results[position] = error.failure

        threads = [threading.Thread(target=open_one, args=(at,), daemon=True) for at in range(2)]
        threads[0].start()
        assert node.entered.wait(SECONDS)
        threads[1].start()
        while record_of(node)._changed is None:
            # It waits once this is there.
            threads[1].join(0.001)
        segments[1].cancel()
        threads[1].join(SECONDS)
        assert isinstance(results[1].error, asyncio.CancelledError)
        assert results[1].phase == "initialize"
        assert "another run was initializing the node" in str(results[1].error)
        node.leave.set()
        threads[0].join(SECONDS)
        assert results[0] is None
        assert segments[0].close() == []

    @pytest.mark.parametrize("make", [Held, HeldGenerator])
    def test_while_that_is_inside_a_node_is_cancelled_at_once(self, make: type[Held]) -> None:
        node = make()

        async def main() -> None:
            first = asyncio.ensure_future(run_of(node))
            await waited_for(node.entered)
            asked = threading.Event()

            def items() -> Generator[int, None, None]:
                asked.set()
                yield 2

            second = asyncio.ensure_future(execute_pipeline_with_input([node], items()))
            await waited_for(asked)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            node.leave.set()
            assert await first == [1]

        asyncio.run(main())


class TestWhatDoesNotReturnIsNamed:
    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalRun, "cancel_timeout", 0.05)

    @pytest.mark.parametrize("where", ["initialize", "process", "cleanup"])
    def test_a_sync_node(self, where: str) -> None:
        node = Held(where)
        self._check(node, node, [1], 'node "held_0" did not return')

    def test_a_node_that_cleans_up_on_the_loop(self) -> None:
        async def main() -> None:
            node = SlowToCleanUp()
            run = asyncio.ensure_future(run_of(node))
            await node.inside.wait()
            run.cancel()
            with pytest.raises(CancelTimeoutError, match='node "slow_0" did not return'):
                await run
            node.go_on.set()

        asyncio.run(main())

    def test_the_input(self) -> None:
        source = Held()

        def items() -> Generator[Any, None, None]:
            yield source.process(1)

        self._check(source, Held("none"), items(), "the input did not return")

    def _check(self, held: Held, node: Node, items: Any, message: str) -> None:
        async def main() -> None:
            run = asyncio.ensure_future(execute_pipeline_with_input([node], items))
            await waited_for(held.entered)
            run.cancel()
            with pytest.raises(CancelTimeoutError, match=message):
                await run
            held.leave.set()

        asyncio.run(main())


class TestKeptThreads:
    def test_a_task_that_fails_gives_its_thread_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        threads, told = KeptThreads(), []
        monkeypatch.setattr(threading, "excepthook", told.append)
        began: list[threading.Thread] = []

        def fail() -> None:
            began.append(threading.current_thread())
            raise ValueError("a mistake")

        threads.run(fail, name="failing")
        while not (began and (threads._idle or not began[0].is_alive())):
            if began:
                began[0].join(0.001)
        assert len(threads._idle) == 1
        assert [str(each.exc_value) for each in told] == ["a mistake"]

    def test_the_thread_that_a_child_was_forked_from_ends_after_its_task(self) -> None:
        threads, done = KeptThreads(), threading.Event()
        began: list[threading.Thread] = []

        def fork() -> None:
            began.append(threading.current_thread())
            # What happens in a child, in the only thread that it has.
            threads.forget_after_fork()
            done.set()

        threads.run(fork, name="forking")
        assert done.wait(SECONDS)
        began[0].join(SECONDS)
        assert not began[0].is_alive()
        done.clear()
        threads.run(done.set, name="next")
        assert done.wait(SECONDS)

    def test_no_thread_leaves_nothing_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        threads = KeptThreads()
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            threads.run(print, name="none")
        assert not threads._workers


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors are counted in /proc")
def test_runs_leave_no_descriptor_and_no_thread() -> None:
    class Echo(Node):
        async def process(self, data: Any) -> Any:
            return data

    async def main(runs: int) -> None:
        for number in range(runs):
            run = asyncio.ensure_future(execute_pipeline_with_input([Echo(), Held("none")], [1, 2]))
            if number % 2:
                await turns(number % 7)
                run.cancel()
            await asyncio.gather(run, return_exceptions=True)

    asyncio.run(main(20))
    descriptors, threads = len(list(DESCRIPTORS.iterdir())), threading.active_count()
    asyncio.run(main(200))
    # Up to sixteen threads, with two descriptors each, are kept.
    assert len(list(DESCRIPTORS.iterdir())) <= descriptors + 40
    assert threading.active_count() <= threads + 20
