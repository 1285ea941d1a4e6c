"""Items of several inputs that come together for one node: in a segment, in a run and in a session."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from live import run as run_async
from remotemedia import FanIn, Node, Pipeline, QueueLimits
from remotemedia.core.exceptions import ConfigurationError, NoTimestampError, QueueFullError
from remotemedia.core.settings import settings_of
from remotemedia.data import Text
from remotemedia.runner import LoopThread, MemoryInput, MemoryOutput, Place, Segment, SegmentPlan
from remotemedia.runner.joined import NodeInputs, inputs_of

LOOP = LoopThread()


class Pass(Node):
    def process(self, item: Any) -> Any:
        return item


class PassLater(Node):
    async def process(self, item: Any) -> Any:
        await asyncio.sleep(0)
        return item


class Letter(Node):
    """Takes what has this letter, and gives its number."""

    def __init__(self, letter: str) -> None:
        super().__init__()
        self.letter = letter

    def process(self, item: str) -> int | None:
        return int(item[1:]) if item.startswith(self.letter) else None


class LetterLater(Letter):
    async def process(self, item: str) -> int | None:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().process(item)


class Items(Node):
    is_source = True

    def __init__(self, items: Any) -> None:
        super().__init__()
        self.items = items

    def process(self) -> Any:
        yield from self.items


class ItemsLater(Items):
    async def process(self) -> Any:
        for item in self.items:
            await asyncio.sleep(0)
            yield item


class Burst(Node):
    """Gives many items for one."""

    def process(self, item: Any) -> Any:
        for _ in range(300):
            yield item


class Bring(Node):
    def __init__(self, fan_in: Any) -> None:
        super().__init__()
        self.fan_in = fan_in

    def process(self, items: Any) -> Any:
        return items


class BringLater(Bring):
    async def process(self, items: Any) -> Any:
        await asyncio.sleep(0)
        return items


def segment_of(
    nodes: dict[str, Any], edges: list[tuple[str, str]], items: Any = None, has_metrics: bool = False
) -> tuple[list[Any], Segment]:
    """The outputs of the node "join", and the segment after its run."""
    outputs: list[Any] = []
    first = [node_id for node_id in nodes if node_id not in {target for _, target in edges}]
    plan = SegmentPlan(
        [Place(node_id, node, settings_of(node, node_id)) for node_id, node in nodes.items()],
        edges,
        [] if items is None else [(MemoryInput(items), first)],
        [(MemoryOutput(outputs.append), "join")],
        has_metrics,
    )
    segment = Segment(plan, LOOP)
    segment.open()
    segment.run()
    assert segment.close() == []
    return outputs, segment


def joining(bring: Node, letter: type[Letter] = Letter) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Items such as "a1" go to the first input of the node, those such as "b1" to the second."""
    return {"a": letter("a"), "b": letter("b"), "join": bring}, [("a", "join"), ("b", "join")]


CASES: list[tuple[Any, list[str], list[Any]]] = [
    ("merge", ["a1", "b1", "a2"], [1, 1, 2]),
    ("zip", ["a1", "a2", "b10", "b20", "a3"], [[1, 10], [2, 20]]),
    ({"policy": "zip", "incomplete": "pass"}, ["a1", "a2", "b10"], [[1, 10], [2, None]]),
    (FanIn("zip", incomplete="pass"), ["b1"], [[None, 1]]),
    ("zip", ["a1"], []),
]


@pytest.mark.parametrize("bring", [Bring, BringLater])
@pytest.mark.parametrize("letter", [Letter, LetterLater])
@pytest.mark.parametrize(("fan_in", "items", "expected"), CASES)
def test_inputs_come_together(
    fan_in: Any, items: list[str], expected: list[Any], letter: type[Letter], bring: type[Bring]
) -> None:
    outputs, segment = segment_of(*joining(bring(fan_in), letter), items)
    assert segment.failures == []
    assert sorted(outputs) == sorted(expected) if fan_in == "merge" else outputs == expected


def pipeline_of(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Pipeline:
    pipeline = Pipeline(name="joining")
    pipeline.nodes = [{"id": node_id, "instance": node} for node_id, node in nodes.items()]
    pipeline.connections = edges
    return pipeline


def written(fan_in: Any, *items: tuple[str, float], letter: type[Letter] = Letter) -> list[Any]:
    """What a session gives for items that are written with their times."""

    async def main() -> list[Any]:
        async with pipeline_of(*joining(Bring(fan_in), letter)).open() as session:
            for item, timestamp_us in items:
                await session.write(item, timestamp_us=timestamp_us)
            session.end()
            return [output async for output in session]

    return run_async(main)


@pytest.mark.parametrize("letter", [Letter, LetterLater])
def test_the_latest_of_each_input_come_whenever_one_comes(letter: type[Letter]) -> None:
    async def main() -> list[Any]:
        async with pipeline_of(*joining(Bring("latest"), letter)).open() as session:
            await session.write("a1")
            found: list[Any] = []
            for item in ["b10", "a2", "b20"]:
                await session.write(item)
                found.append(await anext(session))
            session.end()
            return found + [output async for output in session]

    assert run_async(main) == [[1, 10], [2, 10], [2, 20]]


def test_times_bring_items_together_that_fit() -> None:
    items = [("a1", 0), ("a2", 100), ("b1", 5), ("b2", 60), ("b3", 110), ("a3", 200)]
    assert written(FanIn("timestamp", tolerance_us=10), *items) == [[1, 1], [2, 3]]


def test_times_that_nothing_fits_leave_gaps_where_that_is_asked_for() -> None:
    items = [("a1", 0), ("a2", 100), ("b2", 100), ("b3", 200)]
    found = written({"policy": "timestamp", "incomplete": "pass"}, *items)
    assert found == [[1, None], [2, 2], [None, 3]]


def test_times_that_come_late_wedge_nothing() -> None:
    items = [("a2", 100), ("b2", 100), ("a1", 0), ("a3", 200), ("b3", 200)]
    assert written("timestamp", *items) == [[2, 2], [3, 3]]


def test_items_wait_no_longer_than_is_said() -> None:
    async def main() -> list[Any]:
        fan_in = FanIn("zip", max_wait_ms=1, incomplete="pass")
        async with pipeline_of(*joining(Bring(fan_in))).open() as session:
            await session.write("a1")
            first = await anext(session)
            session.end()
            return [first, *[output async for output in session]]

    assert run_async(main) == [[1, None]]


def test_a_list_has_the_newest_time_and_nodes_may_change_it() -> None:
    class Shift(Node):
        def process(self, item: Any, ctx: Any) -> Any:
            ctx.timestamp_us += 5
            return item

    class Tell(Node):
        async def process(self, item: Any, ctx: Any) -> Any:
            await asyncio.sleep(0)
            return [item, ctx.timestamp_us]

    async def main() -> Any:
        nodes, edges = joining(Bring("zip"))
        nodes |= {"shift": Shift(), "tell": Tell()}
        pipeline = pipeline_of(nodes, [*edges, ("join", "shift"), ("shift", "tell")])
        async with pipeline.open() as session:
            await session.write("a1", timestamp_us=1_000)
            await session.write("b2", timestamp_us=2_000)
            return await anext(session)

    assert run_async(main) == [[1, 2], 2_005]


def test_media_have_times_of_their_own() -> None:
    def said(*times: int) -> Items:
        return Items([Text(text=str(time), timestamp_us=time) for time in times])

    nodes = {"a": said(0, 500), "b": said(500, 900), "join": Bring("timestamp")}
    outputs, segment = segment_of(nodes, [("a", "join"), ("b", "join")])
    assert segment.failures == []
    assert [[text.timestamp_us for text in each] for each in outputs] == [[500, 500]]


def test_items_without_times_fail_the_run() -> None:
    _, segment = segment_of(*joining(Bring("timestamp")), ["a1", "b1"])
    (failure,) = segment.failures
    assert (type(failure.error), failure.node_id, failure.phase) == (NoTimestampError, "join", None)
    assert str(failure.error).startswith(
        'Node "join" brings its inputs together by time, and an item has none. Write items with timestamp_us'
    )


def test_what_nothing_fits_is_dropped_and_counted() -> None:
    outputs, segment = segment_of(*joining(Bring("zip")), ["a1", "a2", "a3", "b1"], has_metrics=True)
    assert outputs == [[1, 1]]
    record = (segment.metrics() or [])[-1]
    assert (record["nodeId"], record["itemsIn"], record["itemsDropped"]) == ("join", 1, 2)


def test_inputs_of_one_origin_do_not_wait_for_each_other_for_ever() -> None:
    items = [*(f"a{index}" for index in range(1_000)), "b7"]
    for letter in (Letter, LetterLater):
        outputs, _ = segment_of(*joining(Bring("zip"), letter), items)
        assert outputs == [[0, 7]]


def test_inputs_of_which_one_never_comes_fail_once_too_many_wait() -> None:
    _, segment = segment_of(*joining(Bring("zip")), ("a1" for _ in range(70_000)))
    (failure,) = segment.failures
    assert (type(failure.error), failure.node_id) == (QueueFullError, "join")
    assert str(failure.error) == (
        'Node "join" brings its inputs together: 65536 items wait, and none of b has come. '
        "Let that node give something for every item, or give fan_in a max_wait_ms."
    )


@pytest.mark.parametrize("source", [Items, ItemsLater])
@pytest.mark.parametrize("between", [Pass, PassLater, Burst])
@pytest.mark.parametrize("bring", [Bring, BringLater])
def test_inputs_of_several_origins_wait_for_each_other(
    source: type[Items], between: type[Node], bring: type[Bring]
) -> None:
    times = 300 if between is Burst else 1
    nodes = {
        "a": Items(range(1_000)),
        "far": source(range(700)),
        "each": between(),
        "join": bring("zip"),
    }
    outputs, segment = segment_of(nodes, [("far", "each"), ("a", "join"), ("each", "join")])
    assert segment.failures == []
    assert outputs == [[index, index // times] for index in range(min(1_000, 700 * times))]


_INPUTS = st.tuples(
    st.sampled_from([Items, ItemsLater]),
    st.integers(0, 200),
    # Two bursts behind each other are too many items for a test.
    st.lists(st.sampled_from([Pass, PassLater]), max_size=2) | st.just([PassLater, Burst]) | st.just([Burst]),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(_INPUTS, min_size=2, max_size=3),
    st.sampled_from([Bring, BringLater]),
    st.none() | st.integers(1, 3).map(QueueLimits),
)
def test_inputs_of_several_origins_come_together_and_never_wait_for_ever(
    inputs: list[tuple[type[Items], int, list[type[Node]]]], bring: type[Bring], limits: QueueLimits | None
) -> None:
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    expected: list[list[int]] = []
    for index, (source, count, kinds) in enumerate(inputs):
        path = [source(range(count)), *(kind() for kind in kinds)]
        ids = [f"{index}-{position}" for position in range(len(path))]
        nodes |= zip(ids, path, strict=True)
        edges += [*pairwise(ids), (ids[-1], "join")]
        times = 300 ** kinds.count(Burst)
        # More than the first thousand is as good as endless.
        expected.append([number // times for number in range(min(count * times, 1_000))])
    join = bring("zip")
    join.input_queue = limits
    assume(min(map(len, expected)) < 1_000)
    outputs, segment = segment_of({**nodes, "join": join}, edges)
    assert (outputs, segment.failures) == ([list(each) for each in zip(*expected, strict=False)], [])


@pytest.mark.parametrize("between", [Pass, PassLater])
def test_inputs_from_other_processes_wait_for_each_other(between: type[Node]) -> None:
    nodes: dict[str, Any] = {
        "a": Items(range(1_000)),
        "b": Items(range(700)),
        "c": between(),
        "join": Bring("zip"),
    }
    for name in "ab":
        nodes[name].executor = "multiprocess"
    outputs = pipeline_of(nodes, [("a", "join"), ("b", "c"), ("c", "join")]).run_sync()
    assert outputs == [[number, number] for number in range(700)]


def test_an_endless_input_ends_with_a_short_one() -> None:
    def forever() -> Any:
        number = 0
        while True:
            yield number
            number += 1

    nodes = {"a": Items(forever()), "b": Items("xy"), "join": Bring("zip")}
    outputs, segment = segment_of(nodes, [("a", "join"), ("b", "join")])
    assert (outputs, segment.failures) == ([[0, "x"], [1, "y"]], [])


def test_stale_items_are_not_brought_together() -> None:
    async def main() -> list[Any]:
        async with pipeline_of(*joining(Bring("zip"))).open() as session:
            await session.write("a1")
            session.interrupt()
            await session.write("a2")
            await session.write("b3")
            return await anext(session)

    assert run_async(main) == [2, 3]


def test_what_comes_before_a_node_is_known() -> None:
    edges = [("a", "c"), ("a", "b"), ("b", "d"), ("c", "d")]
    assert inputs_of("d", edges) == NodeInputs(("b", "c"), is_forked=True)
    assert inputs_of("d", [("a", "d"), ("b", "d")]) == NodeInputs(("a", "b"), is_forked=False)
    assert inputs_of("d", [("a", "d"), ("a", "b"), ("b", "d")]).is_forked


@pytest.mark.parametrize(
    ("fan_in", "message"),
    [
        ("zipped", "fan_in must be a dict, a FanIn or one of merge, zip, latest, timestamp, got 'zipped'."),
        ({"policy": "zip", "wait": 3}, 'fan_in has no "wait"; there are policy, tolerance_us, max_wait_ms'),
        ({"policy": "zip", "max_wait_ms": 0}, "fan_in.max_wait_ms must be a number from 1, got 0."),
        (FanIn("timestamp", tolerance_us=-1), "fan_in.tolerance_us must be a number from 0, got -1."),
        (FanIn("zip", incomplete="keep"), 'fan_in.incomplete must be "drop" or "pass", got \'keep\'.'),  # type: ignore[arg-type]
        ({"tolerance_us": 3}, "fan_in.policy must be one of merge, zip, latest, timestamp, got a NoneType."),
    ],
)
def test_wrong_ones_are_refused(fan_in: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=r'^Node "join": ') as refused:
        settings_of(Bring(fan_in), "join")
    assert message in str(refused.value)


def test_sources_have_nothing_to_bring_together() -> None:
    source = Items([])
    source.fan_in = "zip"
    with pytest.raises(ConfigurationError, match='Node "a": fan_in is for a node with an input'):
        settings_of(source, "a")
