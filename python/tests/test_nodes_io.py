"""Pushing items into a pipeline and taking outputs out."""

import asyncio
import pickle
import threading

import pytest

from remotemedia.core.exceptions import InvalidArgumentError
from remotemedia.nodes import DataSinkNode, DataSourceNode


async def taken(source):
    return [item async for item in source.process()]


def test_what_was_pushed_before_close_is_given_in_order_and_nothing_after():
    async def main():
        source = DataSourceNode(3)
        assert [await source.push_data(item) for item in range(4)] == [True, True, True, False]
        await source.close()
        assert await source.push_data("late") is False
        return await taken(source)

    assert asyncio.run(main()) == [0, 1, 2]


def test_items_pushed_from_another_loop_and_thread_wake_the_stream():
    source = DataSourceNode(buffer_size=1, timeout_seconds=None)
    got = []

    def push_all():
        async def main():
            for item in range(50):
                while not await source.push_data(item):
                    await asyncio.sleep(0)
            await source.close()

        asyncio.run(main())

    async def main():
        pusher = threading.Thread(target=push_all)
        pusher.start()
        async for item in source.process():
            got.append(item)
        await asyncio.to_thread(pusher.join)

    asyncio.run(main())
    assert got == list(range(50))


def test_a_stream_without_items_ends_after_its_timeout_and_loses_none():
    async def main():
        source = DataSourceNode(timeout_seconds=0.01)
        assert await taken(source) == []
        await source.push_data("kept")
        return await taken(source)

    assert asyncio.run(main()) == ["kept"]


def test_items_that_nobody_took_stay_when_the_stream_is_left_and_its_loop_ends():
    source = DataSourceNode(timeout_seconds=None)

    async def leave():
        await source.push_data(1)
        await source.push_data(2)
        stream = source.process()
        assert await anext(stream) == 1

    async def go_on():
        await source.push_data(3)
        await source.close()
        return await taken(source)

    asyncio.run(leave())
    assert asyncio.run(go_on()) == [2, 3]


def test_waiting_items_travel_with_a_pickled_source():
    async def main():
        source = DataSourceNode(5, 1.0, "in")
        await source.push_data("a")
        copy = pickle.loads(pickle.dumps(source))
        await copy.close()
        assert (copy.name, copy.buffer_size, copy.timeout_seconds) == ("in", 5, 1.0)
        return await taken(copy)

    assert asyncio.run(main()) == ["a"]


def test_a_buffer_without_room_is_refused():
    with pytest.raises(InvalidArgumentError, match="at least 1, got 0"):
        DataSourceNode(buffer_size=0)


def test_source_and_sink_describe_themselves():
    source, sink = DataSourceNode(), DataSinkNode(buffer_output=True)
    assert (source.is_source, source.is_streaming, sink.is_sink) == (True, True, True)
    assert source.to_manifest() == {
        "id": "DataSourceNode",
        "node_type": "DataSourceNode",
        "params": {"buffer_size": 100, "timeout_seconds": 30.0},
        "is_streaming": True,
    }
    assert source.get_config()["buffer_size"] == 100
    assert sink.get_config()["total_processed"] == 0


def test_a_sink_hands_items_to_callback_queue_and_buffer_and_gives_them_on():
    async def main():
        seen, queue = [], asyncio.Queue()
        sink = DataSinkNode(seen.append, True, 2)
        sink.set_output_queue(queue)
        assert [await sink.process(item) for item in "abc"] == ["a", "b", "c"]
        assert seen == ["a", "b", "c"]
        assert [queue.get_nowait() for _ in range(3)] == ["a", "b", "c"]
        assert sink.get_buffered_output() == ["b", "c"]
        sink.clear_buffer()
        assert sink.get_buffered_output() == []
        assert sink.total_processed == 3

    asyncio.run(main())


def test_an_async_callback_is_awaited_and_what_it_raises_is_seen():
    async def main():
        async def refuse(item):
            await asyncio.sleep(0)
            raise LookupError(item)

        sink = DataSinkNode()
        assert sink.get_buffered_output() == []
        sink.set_callback(refuse)
        with pytest.raises(LookupError, match="x"):
            await sink.process("x")

    asyncio.run(main())
