import asyncio
import time
from unittest.mock import ANY

import numpy as np
import pytest

from remotemedia import Node, Pipeline
from remotemedia.core.exceptions import (
    InvalidArgumentError,
    InvalidInputError,
    SessionEndedError,
    ValueTransferError,
)
from remotemedia.testing import TimedOutput, read_recording, record, replay
from remotemedia.testing.clock import VirtualLoop, virtual_time


class Upper(Node):
    def process(self, item):
        return item.upper() if isinstance(item, str) else item


class Slow(Node):
    async def process(self, item):
        await asyncio.sleep(0.03)
        return item


def in_virtual_time(coroutine):
    loop = VirtualLoop()
    with virtual_time(loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coroutine)


def test_a_session_is_written_down_with_its_times(tmp_path):
    path = tmp_path / "call.rec"

    async def main():
        async with record(await Pipeline([Slow()]).open(), path) as session:
            await session.write("a")
            await asyncio.sleep(0.01)
            session.interrupt()
            assert session.try_write("b", survives=True)
            assert await anext(session) == "b"
            session.end()
            assert [output async for output in session] == []

    in_virtual_time(main())
    recording = read_recording(path)
    assert recording.script == [
        {"at_ms": 0, "write": "a"},
        {"at_ms": 10, "interrupt": True},
        {"at_ms": 10, "write": "b", "survives": True},
        {"at_ms": 40, "end": True},
    ]
    assert recording.outputs == [TimedOutput(40, "b")]
    assert recording.failure is None


def test_how_an_item_was_written_is_named_as_in_files_of_both_languages(tmp_path):
    path = tmp_path / "call.rec"

    class At(Node):
        def process(self, item, ctx):
            return ctx.timestamp_us

    async def main():
        async with record(await Pipeline([At()]).open(), path) as session:
            await session.write("a", timestamp_us=20_000.0, urgent=True)
            assert await anext(session) == 20_000

    asyncio.run(main())
    assert b"timestampUs" in path.read_bytes()
    assert read_recording(path).script[0] == {
        "at_ms": ANY,
        "write": "a",
        "timestamp_us": 20_000,
        "urgent": True,
    }
    assert replay(path, At()).values == [20_000]


def test_bytes_arrays_and_tuples_are_replayed_as_they_were(tmp_path):
    path = tmp_path / "call.rec"
    array = np.arange(6, dtype=np.int16).reshape(2, 3)

    async def main():
        async with record(await Pipeline([Upper()]).open(), path) as session:
            for item in (b"\0\xff", array, ("a", {1, 2}), 2**70):
                await session.write(item)
                await anext(session)

    asyncio.run(main())
    recorded = [output.value for output in read_recording(path).outputs]
    for values in (recorded, replay(path, Upper()).values):
        assert values[0] == b"\0\xff"
        assert values[1].dtype == array.dtype
        assert np.array_equal(values[1], array)
        assert values[2:] == [("a", {1, 2}), 2**70]


def test_an_hour_is_replayed_in_no_time(tmp_path):
    path = tmp_path / "call.rec"

    async def main():
        async with record(await Pipeline([Upper()]).open(), path) as session:
            for item in "abc":
                await session.write(item)
                await anext(session)
                await asyncio.sleep(1_200)

    in_virtual_time(main())
    began = time.monotonic()
    result = replay(path, [Upper(), Slow()])
    assert [(output.at_ms, output.value) for output in result.outputs] == [
        (30, "A"),
        (1_200_030, "B"),
        (2_400_030, "C"),
    ]
    assert time.monotonic() - began < 1_200


def test_a_failure_is_written_down(tmp_path):
    path = tmp_path / "call.rec"

    class Fails(Node):
        def process(self, item):
            raise ValueError(f"no {item}")

    async def main():
        async with record(await Pipeline([Fails()]).open(), path) as session:
            await session.write("a")
            await anext(session)

    with pytest.raises(ValueError, match="no a"):
        asyncio.run(main())
    assert read_recording(path).failure == "ValueError: no a"


def test_what_cannot_be_kept_is_refused_and_of_outputs_told(tmp_path):
    path = tmp_path / "call.rec"

    class Opens(Node):
        def process(self, item):
            return object()

    async def main():
        async with record(await Pipeline([Opens()]).open(), path) as session:
            with pytest.raises(ValueTransferError):
                await session.write(lambda: None)
            await session.write("a")
            assert type(await anext(session)) is object

    asyncio.run(main())
    recording = read_recording(path)
    assert [step.get("write") for step in recording.script] == ["a", None]
    assert recording.outputs == []


def test_a_recording_that_breaks_off_has_what_came_before(tmp_path):
    path = tmp_path / "call.rec"

    async def main():
        session = record(await Pipeline([Upper()]).open(), path)
        await session.write("a")
        await session.write("b")
        data = path.read_bytes()
        await session.cancel()
        return data

    data = asyncio.run(main())
    path.write_bytes(data[:-3])
    assert [step.get("write") for step in read_recording(path).script] == ["a"]


def test_what_was_refused_is_not_written_down(tmp_path):
    path = tmp_path / "call.rec"

    async def main():
        session = record(await Pipeline([Upper()]).open(), path)
        await session.cancel()
        with pytest.raises(SessionEndedError):
            await session.write("late")

    asyncio.run(main())
    assert [list(step)[1:] for step in read_recording(path).script] == [["cancel"]]


def test_a_session_that_is_not_open_yet_is_refused(tmp_path):
    path = tmp_path / "call.rec"
    path.write_text("kept")

    async def main():
        with pytest.raises(InvalidArgumentError, match=r"cannot be recorded.*await pipeline\.open"):
            record(Pipeline([Upper()]).open(), path)  # type: ignore[arg-type]

    in_virtual_time(main())
    assert path.read_text() == "kept"


def test_a_cancel_that_is_refused_is_not_written_down(tmp_path):
    path = tmp_path / "call.rec"

    async def main():
        async with record(await Pipeline([Upper()]).open(), path) as session:
            with pytest.raises(InvalidArgumentError, match="must be an exception"):
                await session.cancel("hang up")  # type: ignore[arg-type]
            await session.write("a")
            assert await anext(session) == "A"

    in_virtual_time(main())
    assert [set(step) - {"at_ms"} for step in read_recording(path).script] == [{"write"}, {"end"}]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x05\x00\x00\x00\x10hello", b"\xff" * 40])
def test_a_file_that_is_no_recording_is_refused(tmp_path, content):
    path = tmp_path / "other.rec"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"other\.rec is no recording"):
        read_recording(path)
