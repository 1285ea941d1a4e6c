"""Who initializes an object, and who cleans it up."""

import asyncio
import gc
import os
import signal
import threading
import warnings
import weakref

import pytest

from life_nodes import Plain, Recorder
from remotemedia import Node
from remotemedia.core import lifecycle, registry
from remotemedia.runner import Segment
from remotemedia.runner.plan import OpenError
from running import LOOP, plan_of


class Slotted(Plain):
    __slots__ = ()


def segment_of(*nodes, **options):
    return Segment(plan_of(*nodes, **options), LOOP)


def run(*nodes, items=(1,)):
    outputs = []
    segment = segment_of(*nodes, items=items, take=outputs.append)
    segment.open()
    segment.run()
    return outputs, segment.failures, segment.close()


@pytest.mark.parametrize("make", [Recorder, Plain, Slotted])
def test_the_runtime_initializes_and_cleans_up_and_the_object_can_run_again(make):
    node = make()
    run(node)
    run(node)
    assert node.calls == ["initialize", "cleanup"] * 2


def test_a_node_that_its_user_has_initialized_is_left_alone():
    node = Recorder()
    node.initialize()
    run(node)
    assert node.calls == ["initialize"]
    assert node.is_initialized
    node.cleanup()
    assert not node.is_initialized


@pytest.mark.parametrize("make", [Recorder, Plain])
def test_runs_that_share_an_object_initialize_it_once_and_the_last_one_cleans_up(make):
    node = make()
    first, second = segment_of(node), segment_of(node)
    first.open()
    second.open()
    assert first.close() == []
    assert node.calls == ["initialize"]
    assert second.close() == []
    assert node.calls == ["initialize", "cleanup"]


def test_a_second_run_waits_until_the_first_has_initialized():
    inside, go_on, opened = threading.Event(), threading.Event(), []

    class Slow(Plain):
        def initialize(self):
            inside.set()
            assert go_on.wait(10)
            super().initialize()

    node = Slow()
    segments = [segment_of(node), segment_of(node)]

    def open_one(segment):
        segment.open()
        opened.append(list(node.calls))

    threads = [threading.Thread(target=open_one, args=(segment,)) for segment in segments]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert opened == [["initialize"]] * 2


def test_an_initialize_that_fails_after_super_leaves_the_node_uninitialized():
    class Failing(Recorder):
        def initialize(self):
            super().initialize()
            raise OSError("no device")

    node = Failing()
    with pytest.raises(OpenError, match="no device"):
        segment_of(node).open()
    assert not node.is_initialized
    assert node.calls == ["initialize"]


def test_overrides_without_super_are_recorded_sync_or_async():
    class Async(Node):
        async def initialize(self):
            await asyncio.sleep(0)

        async def cleanup(self):
            await asyncio.sleep(0)

    class Lazy(Node):
        def initialize(self):
            return asyncio.sleep(0)

    for node in (Async(), Lazy()):
        waiting = node.initialize()
        assert not node.is_initialized
        asyncio.run(wait(waiting))
        assert node.is_initialized
    node = Async()
    asyncio.run(wait(node.initialize()))
    asyncio.run(wait(node.cleanup()))
    assert not node.is_initialized


async def wait(awaitable):
    await awaitable


def test_what_a_mixin_initializes_is_recorded_and_not_initialized_again():
    calls = []

    class Loads:
        def initialize(self):
            calls.append("initialize")

        def cleanup(self):
            calls.append("cleanup")

    class Mixed(Loads, Node):
        def process(self, data):
            return data

    node = Mixed()
    node.initialize()
    assert node.is_initialized
    assert run(node)[0] == [1]
    assert calls == ["initialize"]
    node.cleanup()
    assert not node.is_initialized


def test_a_node_whose_init_does_not_call_super_has_its_attributes():
    class Bare(Node):
        def __init__(self):
            self.mine = 1

    node = Bare()
    assert (node.name, node.config, node.executor, node.is_initialized) == ("Bare", {}, None, False)


def test_name_and_executor_are_not_config():
    node = Recorder(name="asr", executor="multiprocess", model="tiny")
    assert (node.name, node.executor, node.config) == ("asr", "multiprocess", {"model": "tiny"})


def test_the_newest_class_of_a_name_is_registered_with_and_without_suffix():
    first = type("EchoNode", (Node,), {})
    assert registry.find("Echo") is registry.find("EchoNode") is first
    second = type("EchoNode", (Node,), {})
    assert registry.find("Echo") is second


def test_the_record_of_an_object_goes_with_it():
    node = Plain()
    record = weakref.ref(lifecycle.record_of(node))
    assert lifecycle.record_of(node) is record()
    del node
    gc.collect()
    assert record() is None


def test_a_streaming_node_that_runs_already_is_refused():
    class Stream(Plain):
        is_streaming = True

        async def process(self, stream):
            async for item in stream:
                yield item

    node = Stream()
    first = segment_of(node)
    first.open()
    with pytest.raises(OpenError, match="already running in another run"):
        segment_of(node).open()
    first.close()
    assert run(node, items=[1, 2])[0] == [1, 2]
    with pytest.raises(OpenError, match="two places"):
        segment_of(node, node).open()


@pytest.mark.parametrize("is_async", [False, True])
def test_an_object_that_two_runs_share_is_never_inside_process_twice(is_async):
    inside, most = [], []

    class Sync(Plain):
        def process(self, item):
            inside.append(item)
            most.append(len(inside))
            for _ in range(200):
                pass
            inside.remove(item)
            yield item

    class Async(Plain):
        async def process(self, item):
            inside.append(item)
            most.append(len(inside))
            await asyncio.sleep(0)
            inside.remove(item)
            return item

    node = Async() if is_async else Sync()
    results = [[], []]
    segments = [segment_of(node, items=range(300), take=results[n].append) for n in range(2)]

    def work(segment):
        segment.open()
        segment.run()
        segment.close()

    threads = [threading.Thread(target=work, args=(segment,)) for segment in segments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert max(most) == 1
    assert results == [list(range(300))] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_child_can_run_what_runs_in_its_parent():
    node = Plain()
    segment = segment_of(node)
    segment.open()
    record = lifecycle.record_of(node)
    with record.mutex, warnings.catch_warnings():
        # Newer versions warn of a fork beside other threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            is_right = run(node, items=[1, 2]) == ([1, 2], [], []) and node.calls == ["initialize"]
            os._exit(0 if is_right else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert segment.close() == []
    assert node.calls == ["initialize", "cleanup"]
