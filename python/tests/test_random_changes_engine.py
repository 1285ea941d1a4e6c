"""Random changes of running sessions with TypeScript nodes: while others are made, and behind a source."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changing_nodes import Letter
from live import run
from remotemedia import Node, Pipeline
from remotemedia.core.exceptions import GraphError, InvalidArgumentError, SessionEndedError
from typescript import PASS

pytestmark = pytest.mark.usefixtures("folder")


STEPS = st.lists(
    st.one_of(
        st.just(("write", 0, "")),
        st.just(("interrupt", 0, "")),
        st.tuples(st.sampled_from(["before", "after"]), st.integers(0, 9), st.sampled_from("odt")),
        st.tuples(st.just("remove"), st.integers(0, 9), st.just("")),
    ),
    max_size=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.booleans(), st.booleans())
def test_nothing_is_lost_or_doubled_whatever_changes_come_while_others_are_made(
    steps: list[tuple[str, int, str]], is_branched: bool, is_cancelled: bool
) -> None:
    nodes = [Noting(), Noting()]

    async def main() -> None:
        entries: list[Any] = [nodes[0], PASS, nodes[1]]
        ids = ["Noting_0", "PassThrough_1", "Noting_2"]
        pipeline = Pipeline(entries)
        if is_branched:
            pipeline.connections = [(ids[0], ids[1]), (ids[1], ids[2]), (ids[0], ids[2])]
        session = await pipeline.open(max_pending=4)
        outputs: list[int] = []
        written: list[int] = []
        wanted: list[int] = []

        async def collect() -> None:
            outputs.extend([output async for output in session])

        reading = asyncio.create_task(collect())
        changes: list[asyncio.Task[Any]] = []
        for number, (step, place, kind) in enumerate(steps):
            if step == "write":
                await session.write(number)
                written.append(number)
                wanted.append(number)
            elif step == "interrupt":
                session.interrupt()
                wanted.clear()
            elif step == "remove":
                changes.append(asyncio.create_task(session.remove(ids[place % len(ids)])))
            else:
                added: Any = PASS if kind == "t" else Noting()
                if isinstance(added, Noting):
                    nodes.append(added)
                change = session.insert(added, **{step: ids[place % len(ids)]}, id=f"new_{number}")
                ids.append(f"new_{number}")
                changes.append(asyncio.create_task(change))
            await asyncio.sleep(0)
        if is_cancelled:
            await session.cancel()
        else:
            session.end()
        results = await asyncio.gather(*changes, return_exceptions=True)
        await reading
        refusals = (SessionEndedError, InvalidArgumentError, GraphError)
        failures = [result for result in results if isinstance(result, BaseException)]
        assert all(isinstance(failure, refusals) for failure in failures), failures
        assert set(outputs) <= set(written)
        if not is_branched:
            assert outputs == sorted(set(outputs))
        if not is_cancelled:
            assert set(wanted) <= set(outputs)
            await session.wait()

    run(main)
    ends = [["cleanup"], ["flush", "cleanup"]] if is_cancelled else [["flush", "cleanup"], ["cleanup"]]
    for node in nodes:
        calls = node.calls
        # A change under way when the session ends may come to a node that has been cleaned up already.
        if calls[-2:] == ["initialize", "cleanup"] and len(calls) > 2:
            calls = calls[:-2]
        assert calls == [] or (calls[0] == "initialize" and calls[1:] in ends)


class Noting(Letter):
    def __init__(self) -> None:
        super().__init__("n")
        self.name = "Noting"

    def process(self, text: Any) -> Any:
        return text

    def flush(self) -> None:  # type: ignore[override]
        self.note("flush")


class Endless(Node):
    is_source = True

    def __init__(self) -> None:
        super().__init__(name="Endless")

    def process(self) -> Any:
        yield from itertools.count()


class AsyncEndless(Endless):
    async def process(self) -> Any:
        for number in itertools.count():
            await asyncio.sleep(0)
            yield number


class Paired(Node):
    fan_in = "zip"

    def process(self, pair: list[int]) -> int:
        assert pair[0] == pair[1]
        return pair[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([Endless, AsyncEndless]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from("rcot"), st.integers(0, 9)), max_size=8),
)
def test_a_source_gives_each_item_once_whatever_changes_come(
    kind: type[Endless], is_joined: bool, steps: list[tuple[str, int]]
) -> None:
    async def main() -> None:
        pipeline = Pipeline([kind(), Noting(), Noting(), Paired() if is_joined else Noting()])
        if is_joined:
            pairs = [("Endless_0", "Noting_1"), ("Endless_0", "Noting_2")]
            pipeline.connections = [*pairs, ("Noting_1", "Paired_3"), ("Noting_2", "Paired_3")]
        session = await pipeline.open()
        added: list[str] = []
        numbers = [await anext(session)]
        for number, (step, place) in enumerate(steps):
            if step == "r":
                numbers += [await anext(session) for _ in range(place)]
            elif step == "c" and added:
                await session.remove(added.pop(place % len(added)))
            elif step != "c":
                anchors = ["Noting_1", "Noting_2", *added]
                node = PASS if step == "t" else Noting()
                anchor = anchors[place % len(anchors)]
                added.append(await session.insert(node, after=anchor, id=f"new_{number}"))
        numbers += [await anext(session) for _ in range(3)]
        await session.cancel()
        assert numbers == list(range(len(numbers)))

    run(main)
