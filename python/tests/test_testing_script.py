import asyncio
import time

import pytest

from remotemedia import Node, Pipeline, per_session
from remotemedia.core.exceptions import (
    ExecutorUnavailableError,
    InvalidArgumentError,
    ScriptFailedError,
)
from remotemedia.testing import TimedOutput, every, run_script


class Upper(Node):
    def process(self, text):
        return text.upper()


class Slow(Node):
    async def process(self, text):
        await asyncio.sleep(0.03)
        return text.upper()


class Sleepy(Node):
    """Sync, and sleeps, as a model that is at work."""

    def process(self, text, ctx):
        time.sleep(0.03)
        return text.upper() if not ctx.interrupted else None


class Clocks(Node):
    def initialize(self):
        self.began = (time.monotonic(), time.time(), time.perf_counter())

    def process(self, _item):
        now = (time.monotonic(), time.time(), time.perf_counter())
        return [round(each - began) for each, began in zip(now, self.began, strict=True)]


def times(result):
    return [(output.at_ms, output.value) for output in result.outputs]


def test_outputs_come_with_their_times():
    result = run_script([Slow()], [{"at_ms": 5, "write": "a"}, {"at_ms": 100, "write": "b"}])
    assert result.outputs == [TimedOutput(35, "A"), TimedOutput(130, "B")]
    assert result.values == ["A", "B"]
    assert result.ended_at_ms == 130


@pytest.mark.parametrize("node", [Slow, Sleepy])
def test_what_is_written_faster_than_processed_comes_at_the_times_of_the_node(node):
    result = run_script(node(), every(0, "abcdefgh" * 20))
    assert len(result.outputs) == 160
    assert times(result)[0] == (30, "A")
    assert times(result)[-1] == (160 * 30, "H")


@pytest.mark.parametrize("node", [Slow, Sleepy])
def test_two_nodes_work_at_the_same_time(node):
    result = run_script([node(), Sleepy()], every(0, "abc"))
    assert times(result) == [(60, "A"), (90, "B"), (120, "C")]


def test_an_interruption_comes_at_its_time():
    script = [*every(0, "abc"), {"at_ms": 40, "interrupt": True}, {"at_ms": 40, "write": "now"}]
    assert times(run_script(Slow(), script)) == [(30, "A"), (70, "NOW")]


def test_a_sync_node_sees_the_interruption_once_it_wakes():
    script = [*every(0, "abc"), {"at_ms": 40, "interrupt": True}, {"at_ms": 40, "write": "now"}]
    # It cannot be cancelled, and sleeps on until 60 ms.
    assert times(run_script(Sleepy(), script)) == [(30, "A"), (90, "NOW")]


def test_an_hour_is_shown_to_nodes_that_look_at_clocks():
    began = time.monotonic()
    result = run_script(Clocks(), every(3_600_000, [1, 2]))
    assert result.values == [[0, 0, 0], [3_600, 3_600, 3_600]]
    # The clock is the real one again.
    assert time.monotonic() - began < 3_600


def test_a_script_begins_when_the_session_is_open():
    class Model(Upper):
        def initialize(self):
            time.sleep(5)

    class AsyncModel(Slow):
        async def initialize(self):
            await asyncio.sleep(5)

    assert times(run_script([Model(), AsyncModel()], [{"at_ms": 10, "write": "a"}])) == [(40, "A")]


def test_no_time_passes_while_an_executor_works():
    class Reader(Node):
        async def process(self, item):
            return await asyncio.to_thread(sum, range(item))

    result = run_script(Reader(), [{"at_ms": 0, "write": 1_000_000}, {"at_ms": 1, "end": True}])
    assert times(result) == [(0, 499_999_500_000)]


def test_generators_sleep_between_outputs():
    class Words(Node):
        def process(self, text):
            for word in text.split():
                time.sleep(0.1)
                yield word

    assert times(run_script(Words(), [{"at_ms": 0, "write": "a b"}])) == [(100, "a"), (200, "b")]


def test_streaming_nodes_and_sources_that_block():
    class Ticks(Node):
        is_source = True

        def process(self):
            for tick in range(3):
                time.sleep(0.1)
                yield tick

    class Pairs(Node):
        is_streaming = True

        def process(self, stream):
            for item in stream:
                time.sleep(0.01)
                yield item, next(stream, None)

    result = run_script([Ticks(), Pairs()], [])
    assert times(result) == [(200, (0, 1)), (310, (2, None))]


def test_an_endless_source_is_cancelled():
    class Ticks(Node):
        is_source = True

        async def process(self):
            tick = 0
            while True:
                yield tick
                tick += 1
                await asyncio.sleep(0.1)

    result = run_script(Ticks(), [{"at_ms": 250, "cancel": True}])
    assert times(result) == [(0, 0), (100, 1), (200, 2)]


def test_flush_and_cleanup_run_in_the_thread_of_the_node():
    import threading

    calls = []

    class Watched(Node):
        def initialize(self):
            calls.append(threading.get_ident())

        def process(self, item):
            calls.append(threading.get_ident())
            return item

        def flush(self):
            calls.append(threading.get_ident())
            return "flushed"

        def cleanup(self):
            calls.append(threading.get_ident())

    assert run_script(Watched(), every(1, "a")).values == ["a", "flushed"]
    assert len(calls) == 4
    assert len(set(calls)) == 1


def test_what_fails_is_raised_or_given_with_the_outputs_before_it():
    class Picky(Node):
        def process(self, value):
            if value == 2:
                raise ValueError("two")
            return value

    with pytest.raises(ValueError, match="two") as raised:
        run_script(Picky(), every(10, [1, 2, 3]))
    assert any("Picky_0" in note for note in raised.value.__notes__)
    result = run_script(Picky(), every(10, [1, 2, 3]), return_failure=True)
    assert times(result) == [(0, 1)]
    assert isinstance(result.failure, ValueError)
    assert result.ended_at_ms == 10


def test_nodes_of_the_session():
    class Count(Node):
        count = 0

        def process(self, _item):
            self.count += 1
            return self.count

    pipeline = Pipeline([per_session(Count)])
    assert run_script(pipeline, every(1, "ab")).values == [1, 2]
    assert run_script(pipeline, every(1, "a")).values == [1]


def test_a_script_that_cannot_go_on_says_so():
    class Waits(Node):
        async def process(self, item):
            await asyncio.Event().wait()

    with pytest.raises(ScriptFailedError, match="no timer is left"):
        run_script(Waits(), every(1, "a"))
    assert time.sleep.__name__ == "sleep"
    assert type(time.monotonic).__name__ == "builtin_function_or_method"


def test_a_script_that_does_not_end_says_so():
    class Ticks(Node):
        is_source = True

        async def process(self):
            while True:
                await asyncio.sleep(0.1)
                yield 1

    with pytest.raises(ScriptFailedError, match="1000 ms"):
        run_script(Ticks(), [], limit_ms=1_000)


def test_nodes_of_other_processes_need_the_real_clock():
    with pytest.raises(ExecutorUnavailableError, match='"Upper" would run in another process'):
        run_script(Upper(executor="multiprocess"), every(1, "a"))
    assert run_script(Upper(), every(1, "a"), clock="real").values == ["A"]


@pytest.mark.parametrize(
    ("problem", "step"),
    [
        ("has at_ms -1", {"at_ms": -1, "write": 1}),
        ("has at_ms '1'", {"at_ms": "1", "write": 1}),
        ("says nothing to do", {"at_ms": 1}),
        ("says write and end", {"at_ms": 1, "write": 1, "end": True}),
        ("is int", 3),
        (
            "has the key 'urgnt', and there are at_ms, write, survives, urgent, timestamp_us. A step is",
            {"at_ms": 1, "write": 1, "urgnt": True},
        ),
        ("has the key 'urgent', and there are at_ms, end.", {"at_ms": 1, "end": True, "urgent": True}),
    ],
)
def test_a_step_that_is_none_is_named(problem, step):
    with pytest.raises(InvalidArgumentError, match=f"Step 1 of the script {problem}"):
        run_script(Upper(), [{"at_ms": 0, "write": "a"}, step])


def test_it_is_not_for_async_tests():
    async def main():
        run_script(Upper(), every(1, "a"))

    with pytest.raises(RuntimeError, match="not async"):
        asyncio.run(main())
