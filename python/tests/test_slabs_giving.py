"""Memory of a slab is given to one holder that may write to it, once; whatever else gets it gets a copy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from item_nodes import Point
from remotemedia import Node, execute_pipeline_with_input_sync
from remotemedia.runner.context import NodeContext
from remotemedia.runner.giving import givings
from remotemedia.runner.outputs import Traits
from remotemedia.slabs.arrays import held_slice
from remotemedia.slabs.giving import Giving
from slab_nodes import Bump, Make, Pass
from slabs import MIB, Line

COUNT = 100_000


def allocated(line: Line, value: int) -> Any:
    array = NodeContext("n", line.sender.arena).allocate("i4", COUNT)
    array[:] = value
    return array


def arrived(value: int) -> Any:
    """An array that another process has sent."""
    return Line().send(np.full(COUNT, value, "i4"))


# One channel


@pytest.mark.parametrize("is_python", [True, False])
def test_what_goes_twice_in_one_item_is_two_arrays(is_python):
    for array in (arrived(1), allocated(Line(), 1)):
        once, again = Line(is_python=is_python).send([array, array])
        once *= 100
        assert (once == 100).all()
        assert (again == 1).all()


def test_what_goes_on_with_two_items_is_two_arrays():
    line, array = Line(), arrived(1)
    waiting = [line.lower(array), line.lower(array)]
    once, again = line.deliver(*waiting)
    once *= 100
    assert (again == 1).all()
    assert held_slice(once) is not None


def test_a_pickled_item_that_goes_twice_has_arrays_of_its_own_each_time():
    line, point = Line(), Point(1, arrived(1))
    once, again = line.deliver(line.lower(point), line.lower(point))
    once.y[:] = 100
    assert (again.y == 1).all()


def test_parts_that_overlap_are_arrays_of_their_own_and_those_that_do_not_lie_in_place():
    line = Line()
    array = allocated(line, 1)
    parts = [array[start : start + 40_000] for start in (0, 40_000, 20_000)]
    before = line.sender.arena.reserved_bytes
    left, right, middle = line.deliver(*map(line.lower, parts))
    assert line.sender.arena.reserved_bytes > before
    left *= 100
    right *= 100
    assert (middle == 1).all()
    assert [np.shares_memory(array, part) for part in parts] == [True, True, True]
    assert int(array[0]) == int(array[-20_001]) == 100


def test_who_gives_something_twice_gives_only_copies_from_then_on():
    line = Line()
    array = arrived(1)
    line.deliver(line.lower(array), line.lower(array))
    later = arrived(2)
    line.send(later)[:] = 100
    assert (later == 2).all()


def test_what_may_not_go_in_place_is_copied():
    line = Line()
    line.sender.writer.giving = Giving(can_pass_on=False, can_give_away=False)
    for array in (arrived(1), allocated(line, 1), Point(1, arrived(1)).y):
        there = line.send(array)
        assert there.flags.writeable
        there[:] = 100
        assert (array == 1).all()


def test_what_was_placed_before_an_item_needed_a_pickle_still_goes_in_place():
    line, array = Line(), arrived(1)
    there, point = line.send([array, Point(1, 2)])
    there[:] = 100
    assert (array == 100).all()
    assert point == Point(1, 2)


def test_nothing_that_others_may_change_goes_to_those_that_may_not():
    shared, array = Line(is_shared=True), arrived(1)
    readers = [shared.send(array), shared.send(array)]
    assert [held_slice(reader) is not None for reader in readers] == [True, True]
    Line().send(array)[:] = 100
    assert all((reader == 1).all() for reader in readers)


# A segment


def chain(
    *edges: tuple[str, str], fed: Any = (["a"],), out: str = "c", repeats: str = ""
) -> dict[str, Giving]:
    described = {
        "edges": [list(edge) for edge in edges],
        "inputs": [{"to": to} for to in fed],
        "outputs": [{"from": origin} for origin in out],
    }
    ids = {each for edge in edges for each in edge} | set(out)
    stages: Any = [
        SimpleNamespace(id=each, traits=SimpleNamespace(can_repeat=each in repeats)) for each in ids
    ]
    return givings(described, stages, "(input)")


ROW = [("a", "b"), ("b", "c")]


def test_in_a_chain_everything_goes_in_place():
    assert chain(*ROW) == {"c": Giving()}


def test_several_channels_of_one_node_share_what_they_send():
    assert chain(*ROW, out="cc") == {"c": Giving(is_shared=True)}


@pytest.mark.parametrize(
    ("edges", "fed"),
    [
        ([*ROW, ("a", "d")], (["a"],)),
        ([*ROW, ("c", "d")], (["a"],)),
        ([*ROW, ("b", "d"), ("d", "c")], (["a"],)),
        (ROW, (["a", "b"],)),
        (ROW, (["a"], ["b", "(output)"])),
        ([*ROW, ("c", "(output)")], (["a"],)),
    ],
)
def test_behind_a_fan_out_to_nodes_of_the_segment_everything_is_copied(edges, fed):
    assert chain(*edges, fed=fed) == {"c": Giving(can_pass_on=False, can_give_away=False)}


def test_an_output_beside_a_channel_is_a_fan_out_as_well():
    found = chain(*ROW, out="bc")
    assert found["b"] == found["c"] == Giving(can_pass_on=False, can_give_away=False)


@pytest.mark.parametrize("repeats", ["a", "b", "c"])
def test_behind_what_may_repeat_itself_only_allocated_arrays_go_in_place(repeats):
    assert chain(*ROW, repeats=repeats) == {"c": Giving(can_pass_on=False)}


def test_what_the_program_gives_stays_its_own():
    assert chain(("(input)", "c"), fed=()) == {"c": Giving(can_pass_on=False)}
    assert givings({"edges": [], "inputs": [], "outputs": [{"from": "(input)"}]}, [], "(input)") == {
        "(input)": Giving(can_pass_on=False, can_give_away=False)
    }


class Plain(Node):
    def process(self, item):
        return item


class Generator(Node):
    def process(self, item):
        yield item


class AsyncGenerator(Node):
    async def process(self, item):
        yield item


class Stream(Node):
    is_streaming = True

    def process(self, stream):
        return stream


@pytest.mark.parametrize(
    ("kind", "can_repeat"), [(Plain, False), (Generator, True), (AsyncGenerator, True), (Stream, True)]
)
def test_a_node_that_goes_on_after_an_output_may_repeat_it(kind, can_repeat):
    assert Traits(kind()).can_repeat is can_repeat


# Programs


class Windows(Node):
    """Gives overlapping parts of what it gets."""

    def process(self, array):
        for start in range(0, 3 * MIB // 8, MIB // 8):
            yield array[start : start + MIB // 4]


class Subtract(Node):
    def process(self, array):
        array -= 1
        return int(array.max()), int(array.min())


def elsewhere(node: Node) -> Node:
    node.executor = "multiprocess"
    return node


def test_windows_of_an_array_are_each_changed_alone():
    nodes = [elsewhere(Make(is_allocated=False)), elsewhere(Windows()), elsewhere(Subtract())]
    assert execute_pipeline_with_input_sync(nodes, [5, 9]) == [(4, 4)] * 3 + [(8, 8)] * 3


@pytest.mark.parametrize("between", [(), (Pass(),)])
def test_a_later_run_changes_nothing_of_what_the_program_has(between):
    made = execute_pipeline_with_input_sync([elsewhere(Make())], [1, 2])
    assert any(held_slice(array) is not None or array.base is not None for array in made)
    bumped = execute_pipeline_with_input_sync([*between, elsewhere(Bump())], made)
    assert [int(array[0]) for array in bumped] == [2, 3]
    assert [int(array[0]) for array in made] == [1, 2]
