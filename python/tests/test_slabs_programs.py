"""Shared memory in a Python program: the context of a node, and what becomes of results."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import remotemedia
from remotemedia import Node, execute_pipeline_with_input_sync
from remotemedia.slabs.arrays import held_slice
from slab_nodes import Make, Pass, Source, Streaming

MIB = 1 << 20


def elsewhere(node: Any) -> Any:
    node.executor = "multiprocess"
    return node


class Async(Node):
    async def process(self, item, ctx: remotemedia.NodeContext):
        return [item, ctx.node_id]


class ByName(Node):
    def process(self, item, *, ctx):
        yield [item, ctx.node_id]


class Optional(Node):
    def process(self, item, ctx=None):
        assert ctx is not None
        return [item, ctx.node_id]


class ItsItem(Node):
    """Calls its item so."""

    def process(self, ctx):
        return [ctx, "item"]


class OnlyByPosition(Node):
    def process(self, item, ctx=None, /):
        return [item, ctx]


def passing_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class Decorated(Node):
    @passing_on
    def process(self, item, ctx):
        return [item, ctx.node_id]


@pytest.mark.parametrize("kind", [Async, ByName, Optional, Decorated])
def test_a_node_that_asks_for_a_context_gets_it(kind):
    ((item, node_id),) = execute_pipeline_with_input_sync([kind()], [5])
    assert item == 5
    assert kind.__name__ in node_id


@pytest.mark.parametrize(("kind", "said"), [(ItsItem, "item"), (OnlyByPosition, None)])
def test_a_node_that_does_not_ask_for_it_gets_none(kind, said):
    assert execute_pipeline_with_input_sync([kind()], [5]) == [[5, said]]


def test_in_a_program_without_other_processes_arrays_are_ordinary():
    (array,) = execute_pipeline_with_input_sync([Make()], [7])
    assert held_slice(array) is None
    assert array.base is None
    assert (array == 7).all()
    totals = remotemedia.execute_pipeline_sync([Source(3, MIB), Streaming()])
    assert [int(total[-1]) for total in totals] == [0, 1, 2]


def test_results_stay_as_they_are_through_later_runs():
    node = elsewhere(Make())
    found = [execute_pipeline_with_input_sync([node], range(start, start + 5)) for start in (0, 5, 10)]
    arrays = [array for results in found for array in results]
    assert any(held_slice(array) is not None or array.base is not None for array in arrays)
    assert [int(array[0]) for array in arrays] == list(range(15))
    assert all((array == array[0]).all() for array in arrays)


def test_a_program_may_keep_more_results_than_there_is_shared_memory(monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", str(96 * MIB))
    arrays = execute_pipeline_with_input_sync([elsewhere(Make()), Pass()], range(200))
    assert [int(array[-1]) for array in arrays] == list(range(200))
    assert all(array.flags.writeable for array in arrays)


def test_an_array_of_the_program_comes_back_from_another_process_as_it_was():
    array = np.arange(MIB, dtype=np.float64).reshape(4, -1)
    (back,) = execute_pipeline_with_input_sync([elsewhere(Pass())], [array])
    assert back.tobytes() == array.tobytes()
    back[:] = 0
    assert array[1, 1] != 0


def test_nodes_that_keep_an_array_are_freed_with_it_after_their_runs():
    program = f"""
        import gc, sys, weakref
        sys.path[:0] = {sys.path!r}
        from remotemedia import Node, execute_pipeline_with_input_sync
        from remotemedia.slabs.arrays import lease_of
        from slab_nodes import Make

        class KeepLast(Node):
            def process(self, array):
                self.last = array
                return int(array[0])

        nodes = []
        for _ in range(6):
            node = KeepLast()
            make = Make()
            make.executor = "multiprocess"
            assert execute_pipeline_with_input_sync([make, node], [1, 2, 3]) == [1, 2, 3]
            assert lease_of(node.last) is not None
            nodes.append(weakref.ref(node))
            del node
        gc.collect()
        print(sum(node() is not None for node in nodes[:-1]))
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "0\n"
