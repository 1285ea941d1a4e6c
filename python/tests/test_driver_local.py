"""Pipelines of a program's own live objects: they run here, as they are, without an engine."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline,
    execute_pipeline_sync,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.core.exceptions import CancelTimeoutError, EmptyPipelineError, InvalidNodeError
from remotemedia.driver.engine import running_engine
from remotemedia.driver.local import LocalRun


class Echo(Node):
    def process(self, data: Any) -> Any:
        return data


class AsyncEcho(Node):
    async def process(self, data: Any) -> Any:
        await asyncio.sleep(0)
        return data


class Counting(Node):
    """Notes its calls, and in which thread they happened."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def initialize(self) -> None:
        self.note("initialize")

    def process(self, data: Any) -> Any:
        self.note("process")
        return data

    def flush(self) -> None:
        self.note("flush")

    def cleanup(self) -> None:
        self.note("cleanup")


class Failing(Node):
    def __init__(self, error: BaseException, at: int = 0, **config: Any) -> None:
        super().__init__(**config)
        self.error = error
        self.at = at
        self.seen = 0

    def process(self, data: Any) -> Any:
        self.seen += 1
        if self.seen > self.at:
            raise self.error
        return data


ECHOES = pytest.mark.parametrize("echo", [Echo, AsyncEcho])


@ECHOES
def test_the_very_same_items_come_out(echo: type[Node]) -> None:
    class Anything:
        pass

    items = [Anything(), {"a": Anything()}, [1], lambda: 1, object(), threading.Lock()]
    outputs = asyncio.run(execute_pipeline_with_input([echo(), echo()], items))
    assert len(outputs) == len(items)
    assert all(given is item for given, item in zip(outputs, items, strict=True))


def test_no_engine_is_started_for_objects_of_this_program() -> None:
    before = running_engine()
    assert execute_pipeline_with_input_sync([Echo()], [1, 2]) == [1, 2]
    assert running_engine() is before


def test_state_from_before_is_used_and_state_from_the_run_is_visible() -> None:
    node = Counting()
    node.calls.append("mine")
    assert asyncio.run(execute_pipeline_with_input([node], [1, 2])) == [1, 2]
    assert node.calls == ["mine", "initialize", "process", "process", "flush", "cleanup"]


def test_a_sync_node_runs_in_one_thread_which_is_not_the_callers() -> None:
    node = Counting()
    asyncio.run(execute_pipeline_with_input([node], [1, 2]))
    assert len(node.threads) == 1
    assert threading.get_ident() not in node.threads


def test_a_blocking_call_runs_sync_nodes_in_the_calling_thread() -> None:
    node = Counting()
    assert execute_pipeline_with_input_sync([node, AsyncEcho()], [1, 2]) == [1, 2]
    assert node.threads == {threading.get_ident()}


def test_a_node_can_ask_for_the_callers_thread() -> None:
    node = Counting()
    node.run_on = "caller"  # type: ignore[attr-defined]
    assert asyncio.run(execute_pipeline_with_input([Echo(), node, Echo()], [1, 2])) == [1, 2]
    assert node.threads == {threading.get_ident()}


def test_async_nodes_run_on_the_callers_loop() -> None:
    class OnLoop(Node):
        async def process(self, data: Any) -> Any:
            return asyncio.get_running_loop()

    async def main() -> None:
        (loop,) = await execute_pipeline_with_input([OnLoop()], [1])
        assert loop is asyncio.get_running_loop()

    asyncio.run(main())


def test_a_sync_node_does_not_block_the_callers_loop() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Blocking(Node):
        def process(self, data: Any) -> Any:
            entered.set()
            assert leave.wait(30)
            return data

    async def main() -> list[int]:
        run = asyncio.create_task(execute_pipeline_with_input([Blocking()], [1]))
        while not entered.is_set():
            await asyncio.sleep(0)
        # The loop goes on although the node has not returned.
        assert not run.done()
        leave.set()
        return await run

    assert asyncio.run(main()) == [1]


def test_context_variables_of_the_caller_are_there_and_changes_stay_inside() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    class Sync(Node):
        def process(self, data: Any) -> Any:
            seen = variable.get()
            variable.set("changed")
            return seen

    class Async(Node):
        async def process(self, data: Any) -> Any:
            return f"{data} {variable.get()}"

    variable.set("mine")
    assert execute_pipeline_with_input_sync([Sync(), Async()], [1]) == ["mine mine"]
    assert variable.get() == "mine"


def test_an_async_iterable_and_a_generator_are_many_inputs() -> None:
    async def items() -> AsyncIterator[int | None]:
        for item in (1, None, 3):
            yield item

    class Shown(Node):
        def process(self, data: Any) -> str:
            return repr(data)

    async def main() -> tuple[Any, Any]:
        return (
            await execute_pipeline_with_input([Shown()], items()),
            await execute_pipeline_with_input([Shown()], (item for item in (1, 2))),
        )

    assert asyncio.run(main()) == (["1", "None", "3"], ["1", "2"])


def test_an_error_of_the_input_says_so() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more") as caught:
        execute_pipeline_with_input_sync([Echo()], items())
    assert caught.value.__notes__ == ["RemoteMedia: in the input of the pipeline, item 1"]


@pytest.mark.parametrize("is_sync", [True, False])
def test_the_nodes_own_exception_is_raised_with_a_note(is_sync: bool) -> None:
    error = LookupError("nowhere")
    nodes = [Echo(), Failing(error, at=2, name="finder")]
    with pytest.raises(LookupError) as caught:
        if is_sync:
            execute_pipeline_with_input_sync(nodes, range(5))
        else:
            asyncio.run(execute_pipeline_with_input(nodes, range(5)))
    assert caught.value is error
    assert error.__notes__ == ['RemoteMedia: in process() of node "finder_1", item 2']


def test_an_error_in_cleanup_does_not_hide_the_first_one() -> None:
    class Messy(Echo):
        def cleanup(self) -> None:
            raise RuntimeError("still in use")

    with pytest.raises(ValueError, match="first") as caught:
        execute_pipeline_with_input_sync([Messy(name="messy"), Failing(ValueError("first"))], [1])
    assert caught.value.__notes__[1] == (
        'RemoteMedia: also failed: RuntimeError: still in use in cleanup() of node "messy_0"'
    )


def test_a_node_whose_initialize_failed_is_not_cleaned_up_and_those_before_it_are() -> None:
    class Broken(Counting):
        def initialize(self) -> None:
            super().initialize()
            raise OSError("no model")

    first, broken = Counting(), Broken(name="broken")
    with pytest.raises(OSError, match="no model") as caught:
        execute_pipeline_with_input_sync([first, broken], [1])
    assert first.calls == ["initialize", "cleanup"]
    assert broken.calls == ["initialize"]
    assert caught.value.__notes__ == ['RemoteMedia: in initialize() of node "broken_1"']


def test_a_failing_run_says_the_same_when_it_fails_again() -> None:
    error = ValueError("again")
    node = Failing(error, name="node")
    for _ in range(2):
        with pytest.raises(ValueError, match="again"):
            execute_pipeline_with_input_sync([node], [1])
    assert error.__notes__ == ['RemoteMedia: in process() of node "node_0", item 0']


def test_sys_exit_in_a_node_reaches_the_caller() -> None:
    with pytest.raises(SystemExit):
        execute_pipeline_sync([Failing(SystemExit(3))])


class TestResults:
    def test_shapes(self) -> None:
        class Drop(Node):
            def process(self, data: Any) -> None:
                return None

        async def main() -> None:
            assert await execute_pipeline([Echo()]) == ""
            assert await execute_pipeline([Drop()]) is None
            assert await execute_pipeline_with_input([Drop()], [1]) == []
            assert await execute_pipeline_with_input([Echo()], [1]) == [1]
            assert await execute_pipeline_with_input([Echo()], []) == []
            pipeline = Pipeline([Echo()])
            assert await pipeline.run([1, 2]) == [1, 2]
            assert await pipeline.run([1]) == 1
            assert await pipeline.run(1) == 1
            assert await pipeline.run((1, 2)) == (1, 2)
            assert await pipeline.run(iter([1, 2])) == [1, 2]
            assert await Pipeline([Drop()]).run(1) == []
            assert await Pipeline([Drop()]).run() is None

        asyncio.run(main())

    def test_metrics(self) -> None:
        nodes = [Echo(name="a"), Echo(name="b")]
        result = execute_pipeline_with_input_sync(nodes, range(3), enable_metrics=True)
        assert result["outputs"] == [0, 1, 2]
        assert result["metrics"]["total_duration_us"] > 0
        records = result["metrics"]["node_metrics"]
        assert [(record["node_id"], record["items_in"], record["items_out"]) for record in records] == [
            ("a_0", 3, 3),
            ("b_1", 3, 3),
        ]

    def test_metrics_of_a_pipeline(self) -> None:
        pipeline = Pipeline([Echo()], enable_metrics=True)
        assert pipeline.get_metrics() is None
        assert pipeline.run_sync([1, 2]) == [1, 2]
        metrics = pipeline.get_metrics()
        assert metrics is not None
        assert metrics["node_metrics"][0]["items_in"] == 2


class TestBadInput:
    def test_wrong_items_are_all_named(self) -> None:
        with pytest.raises(TypeError, match="item 1 is int, item 2 is class Echo, not an instance") as caught:
            execute_pipeline_sync([Echo(), 5, Echo])
        assert isinstance(caught.value, InvalidNodeError)

    def test_an_object_without_process(self) -> None:
        with pytest.raises(TypeError, match=r"item 0 is object without|item 0 is object"):
            execute_pipeline_sync([object()])

    @pytest.mark.parametrize("empty", [[], (), Pipeline("nothing")])
    def test_an_empty_pipeline(self, empty: Any) -> None:
        with pytest.raises(ValueError, match="empty") as caught:
            execute_pipeline_sync(empty)
        assert isinstance(caught.value, EmptyPipelineError)

    @pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 5, None])
    def test_a_single_value_as_inputs(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"\[value\]"):
            execute_pipeline_with_input_sync([Echo()], value)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (Echo(), r"put it into a list: \[node\]"),
            ("pipeline.yaml", r"load_pipeline\('pipeline.yaml'\)"),
            ("", "empty string"),
            (3, "value of type int"),
        ],
    )
    def test_what_is_no_pipeline(self, source: Any, message: str) -> None:
        with pytest.raises(TypeError, match=f"(?i){message}"):
            execute_pipeline_sync(source)

    def test_an_executor_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="\"gpu_0\" asks for the executor 'cuda'"):
            execute_pipeline_sync([Echo(name="gpu", executor="cuda")])

    def test_an_input_for_a_source(self) -> None:
        class Source(Node):
            is_source = True

            def process(self) -> Iterator[int]:  # type: ignore[override]
                yield 1

        assert execute_pipeline_sync([Source()]) == 1
        with pytest.raises(ValueError, match="source nodes only"):
            execute_pipeline_with_input_sync([Source()], [1])

    def test_a_blocking_call_on_a_loop(self) -> None:
        async def main() -> None:
            with pytest.raises(RuntimeError, match="await execute_pipeline"):
                execute_pipeline_sync([Echo()])
            with pytest.raises(RuntimeError, match=r"await pipeline\.run"):
                Pipeline([Echo()]).run_sync(1)

        asyncio.run(main())


class TestCancel:
    def test_wait_for_cleans_up_and_lets_the_running_call_end(self) -> None:
        entered, leave = threading.Event(), threading.Event()

        class Blocking(Counting):
            def process(self, data: Any) -> Any:
                entered.set()
                assert leave.wait(30)
                return super().process(data)

        node = Blocking()

        async def main() -> None:
            run = asyncio.create_task(execute_pipeline_with_input([node], range(10)))
            while not entered.is_set():
                await asyncio.sleep(0)
            run.cancel()
            await asyncio.sleep(0)
            leave.set()
            with pytest.raises(asyncio.CancelledError):
                await run

        asyncio.run(main())
        assert node.calls == ["initialize", "process", "cleanup"]

    def test_async_work_is_cancelled(self) -> None:
        calls: list[str] = []

        class Waiting(Node):
            async def process(self, data: Any) -> Any:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    calls.append("cancelled")
                    raise

            def cleanup(self) -> None:
                calls.append("cleanup")

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(execute_pipeline_with_input([Waiting()], [1]), 0.01)

        asyncio.run(main())
        assert calls == ["cancelled", "cleanup"]

    def test_a_node_that_does_not_return_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalRun, "cancel_timeout", 0.05)
        entered, leave = threading.Event(), threading.Event()

        class Stuck(Node):
            def process(self, data: Any) -> Any:
                entered.set()
                leave.wait(30)

        async def main() -> None:
            run = asyncio.create_task(execute_pipeline_with_input([Stuck(name="stuck")], [1]))
            while not entered.is_set():
                await asyncio.sleep(0)
            run.cancel()
            with pytest.raises(CancelTimeoutError, match='node "stuck_0" did not return'):
                await run
            leave.set()

        asyncio.run(main())


class TestStream:
    def test_outputs_come_while_the_input_goes_on(self) -> None:
        async def main() -> None:
            given: asyncio.Queue[int | None] = asyncio.Queue()

            async def items() -> AsyncIterator[int]:
                while (item := await given.get()) is not None:
                    yield item

            pipeline = Pipeline([Echo(), AsyncEcho()])
            async with pipeline.managed_execution():
                outputs = pipeline.process(items())
                for number in range(3):
                    given.put_nowait(number)
                    assert await anext(outputs) == number
                given.put_nowait(None)
                assert [item async for item in outputs] == []

        asyncio.run(main())

    @ECHOES
    def test_leaving_early_cancels_and_cleans_up(self, echo: type[Node]) -> None:
        closed = asyncio.Event()
        node = Counting()

        async def endless() -> AsyncIterator[int]:
            try:
                number = 0
                while True:
                    yield number
                    number += 1
                    await asyncio.sleep(0)
            finally:
                closed.set()

        async def main() -> None:
            outputs = Pipeline([node, echo()]).process(endless())
            assert await anext(outputs) == 0
            await outputs.aclose()
            assert closed.is_set()

        asyncio.run(main())
        assert node.calls[-1] == "cleanup"

    def test_a_failure_comes_after_the_outputs_before_it(self) -> None:
        async def items() -> AsyncIterator[int]:
            for number in range(5):
                yield number

        async def main() -> list[int]:
            outputs: list[int] = []
            with pytest.raises(ValueError, match="at two"):
                async for item in Pipeline([Failing(ValueError("at two"), at=2)]).process(items()):
                    outputs.append(item)
            return outputs

        assert asyncio.run(main()) == [0, 1]

    def test_a_failing_initialize_ends_the_stream(self) -> None:
        class Broken(Echo):
            def initialize(self) -> None:
                raise OSError("no model")

        async def items() -> AsyncIterator[int]:
            yield 1

        async def main() -> None:
            with pytest.raises(OSError, match="no model"):
                async for _ in Pipeline([Broken()]).process(items()):
                    raise AssertionError

        asyncio.run(main())

    def test_a_slow_reader_holds_up_the_input(self) -> None:
        given = 0

        async def endless() -> AsyncIterator[int]:
            nonlocal given
            while True:
                given += 1
                yield given

        async def main() -> None:
            outputs = Pipeline([Echo()]).process(endless())
            for _ in range(3):
                await anext(outputs)
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert given < 5_000
            await outputs.aclose()

        asyncio.run(main())


def test_many_runs_at_once_from_threads_with_loops_of_their_own() -> None:
    def work(number: int, results: list[Any]) -> None:
        async def main() -> Any:
            return await asyncio.gather(
                *(execute_pipeline_with_input([Echo(), AsyncEcho()], [number, each]) for each in range(5))
            )

        results.append(asyncio.run(main()))

    results: list[Any] = []
    threads = [threading.Thread(target=work, args=(number, results)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [[[number, each] for each in range(5)] for number in range(4)]


def test_several_loops_in_a_row() -> None:
    node = Counting()
    for number in range(3):
        assert asyncio.run(execute_pipeline_with_input([AsyncEcho(), node], [number])) == [number]
    assert node.calls.count("initialize") == 3


def test_two_runs_never_are_inside_one_node_at_once() -> None:
    class Careful(Node):
        inside = 0

        def process(self, data: Any) -> Any:
            self.inside += 1
            assert self.inside == 1
            time.sleep(0)
            self.inside -= 1
            return data

    shared = Careful()

    async def main() -> None:
        await asyncio.gather(*(execute_pipeline_with_input([Echo(), shared], range(200)) for _ in range(4)))

    asyncio.run(main())
