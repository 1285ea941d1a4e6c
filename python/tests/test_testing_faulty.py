import asyncio

import pytest

from remotemedia import Node, Pipeline
from remotemedia.core.exceptions import HostDiedError, InvalidArgumentError, InvalidNodeError
from remotemedia.testing import Fault, every, faulty, run_script


class Double(Node):
    seen = 0

    def process(self, value):
        self.seen += 1
        return 2 * value

    def flush(self):
        return self.seen


class AsyncDouble(Node):
    async def process(self, value):
        return 2 * value


class Words(Node):
    async def process(self, value):
        for _ in range(value):
            yield value


class Negate(Node):
    is_streaming = True

    def process(self, stream):
        for value in stream:
            yield -value


class AsyncNegate(Node):
    is_streaming = True

    async def process(self, stream):
        async for value in stream:
            yield -value


class Three(Node):
    is_source = True

    def process(self):
        return [1, 2, 3]


class AsyncThree(Node):
    is_source = True

    async def process(self):
        for value in (1, 2, 3):
            yield value


class Plain:
    """A node without the base class."""

    def initialize(self):
        self.ready = True

    def process(self, value, ctx):
        return ctx.node_id


ITEMS = every(10, [1, 2, 3])


def times(result):
    return [(output.at_ms, output.value) for output in result.outputs]


@pytest.mark.parametrize("kind", [Double, AsyncDouble])
def test_an_error_is_raised_at_the_item_and_names_the_node(kind):
    error = OSError("out of memory")
    result = run_script(faulty(kind(), {"at": 1, "error": error}), ITEMS, return_failure=True)
    assert result.values == [2]
    assert result.failure is error
    assert any(f'"{kind.__name__}_0"' in note and "1" in note for note in error.__notes__)


def test_a_delay_holds_up_the_item_and_those_behind_it():
    result = run_script(faulty(Double(), {"at": 1, "delay_ms": 500}), ITEMS)
    assert times(result) == [(0, 2), (510, 4), (510, 6), (510, 3)]
    result = run_script(faulty(AsyncDouble(), {"at": 1, "delay_ms": 500}), ITEMS)
    assert times(result) == [(0, 2), (510, 4), (510, 6)]


def test_a_delay_ends_with_an_interruption():
    script = [
        {"at_ms": 0, "write": 1},
        {"at_ms": 20, "interrupt": True},
        {"at_ms": 30, "write": 2},
    ]
    assert times(run_script(faulty(AsyncDouble(), {"at": 0, "delay_ms": 5_000}), script)) == [(30, 4)]


@pytest.mark.parametrize("source", [Three, AsyncThree])
@pytest.mark.parametrize("stream", [Negate, AsyncNegate])
def test_what_a_stream_reads_and_a_source_gives_is_counted(source, stream):
    error = OSError("lost")
    nodes = [faulty(source(), {"at": 1, "delay_ms": 40}), faulty(stream(), {"at": 2, "error": error})]
    result = run_script(nodes, [], return_failure=True)
    assert times(result) == [(0, -1), (40, -2)]
    assert result.failure is error
    assert any(f"{stream.__name__}_1" in note for note in error.__notes__)


def test_what_is_not_named_is_left_alone():
    never: Fault = {"at": 9, "error": OSError("never")}
    assert Pipeline([faulty(Double(), never)]).run_sync([1, 2]) == [2, 4, 2]
    assert Pipeline([faulty(Words(), never)]).run_sync([1, 2]) == [1, 2, 2]
    assert Pipeline([faulty(Plain(), never)]).run_sync([1]) == "Plain_0"


def test_a_crash_ends_the_process_of_the_node():
    node = faulty(Double(executor="multiprocess"), {"at": 1, "crash": True})
    with pytest.raises(HostDiedError, match="Double_0"):
        run_script(node, ITEMS, clock="real")


def test_a_crash_does_not_end_the_program():
    with pytest.raises(InvalidArgumentError, match="multiprocess"):
        run_script(faulty(Double(), {"at": 0, "crash": True}), ITEMS)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"at": -1, "error": OSError()}, "at must be"),
        ({"at": 0}, "nothing goes wrong"),
        ({"at": 0, "delay_ms": -5}, "delay_ms must be"),
    ],
)
def test_a_fault_that_is_none_is_refused(fault, problem):
    with pytest.raises(InvalidArgumentError, match=problem):
        faulty(Double(), fault)


def test_what_is_no_node_is_refused():
    with pytest.raises(InvalidNodeError, match="got int"):
        faulty(3)


def test_an_async_error_is_that_of_the_item_with_concurrency():
    class Wide(AsyncDouble):
        concurrency = 3

        async def process(self, value):
            await asyncio.sleep(0.1 / value)
            return value

    result = run_script(
        faulty(Wide(), {"at": 2, "error": OSError("third")}), every(0, [1, 2, 3]), return_failure=True
    )
    assert result.values == [1, 2]
    assert str(result.failure) == "third"
