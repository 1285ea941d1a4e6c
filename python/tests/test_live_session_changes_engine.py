"""Live sessions that are changed where nodes branch, or run in other places than this program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import pytest

from changing_nodes import LIFE, Letter
from live import read, run
from remotemedia import Node, Pipeline
from remotemedia.core.exceptions import GraphError, InvalidArgumentError, NodeBusyError, SessionEndedError
from session_nodes import AsyncGated
from typescript import PASS, ts

pytestmark = pytest.mark.usefixtures("folder")


class Away(Node):
    """Counts in a process of its own, and says which that is."""

    executor = "process"

    def __init__(self) -> None:
        super().__init__(name="away")
        self.count = 0
        self.pids: set[int] = set()

    def process(self, text: str) -> str:
        self.count += 1
        self.pids.add(os.getpid())
        return f"{text}p{self.count}"


def branched(*nodes: Any, edges: list[tuple[str, str]]) -> Pipeline:
    pipeline = Pipeline(list(nodes))
    pipeline.connections = edges
    return pipeline


class TestGraphs:
    def test_a_node_goes_between_a_root_and_its_branches_and_leaves_again(self) -> None:
        nodes = [Letter(letter) for letter in "rxy"]

        async def main() -> None:
            pipeline = branched(*nodes, edges=[("r_0", "x_1"), ("r_0", "y_2")])
            async with pipeline.open() as session:
                await session.insert(Letter("z"), after="r_0", id="all")
                await session.write("1")
                assert sorted([await anext(session), await anext(session)]) == ["1r1z1x1", "1r1z1y1"]
                await session.remove("all")
                await session.write("2")
                outputs = sorted([await anext(session) for _ in range(4)])
                assert outputs == ["2r2x3", "2r2y3", "[z1]x2", "[z1]y2"]

        run(main)
        assert [node.calls for node in nodes] == [LIFE] * 3
        assert [len(node.threads) for node in nodes] == [1] * 3

    def test_a_branch_goes_where_they_meet_again(self) -> None:
        nodes = [Letter(letter) for letter in "rxym"]

        async def main() -> None:
            edges = [("r_0", "x_1"), ("r_0", "y_2"), ("x_1", "m_3"), ("y_2", "m_3")]
            session = await branched(*nodes, edges=edges).open()
            await session.remove("y_2")
            await session.write("1")
            outputs = sorted([await anext(session) for _ in range(3)])
            # The edge from the root to where they meet stands for the branch that has gone.
            assert [text[:4] for text in outputs] == ["1r1m", "1r1x", "[y0]"]
            await session.cancel()

        run(main)

    @pytest.mark.parametrize("policy", ["zip", "latest"])
    @pytest.mark.parametrize("has_engine", [False, True])
    def test_what_waits_for_others_is_handed_on(
        self, policy: Literal["zip", "latest"], has_engine: bool
    ) -> None:
        async def main() -> None:
            both = Joined()
            both.fan_in = policy
            pipeline = branched(Odd(), Letter("x"), both, edges=[("Odd_0", "Joined_2"), ("x_1", "Joined_2")])
            session = await pipeline.open()
            if has_engine:
                await session.insert(PASS, before="x_1")
            await session.write("1")
            if policy == "zip":
                await session.write("2")
                await session.write("3")
            await session.insert(Letter("z"), after="x_1")
            later = "456" if policy == "zip" else "2"
            for text in later:
                await session.write(text)
            wanted = ["1+1x1", "3+2x2", "5+3x3"] if policy == "zip" else ["1+1x1", "1+2x2z1"]
            assert [await anext(session) for _ in wanted] == wanted
            with pytest.raises(NodeBusyError, match="would have 1 of them instead of 2"):
                await session.insert(Letter("y"), before="Joined_2")
            await session.cancel()

        run(main)

    def test_refusals(self) -> None:
        async def main() -> None:
            pipeline = branched(Letter("r"), Letter("x"), Letter("y"), edges=[("r_0", "x_1"), ("r_0", "y_2")])
            session = await pipeline.open()
            with pytest.raises(GraphError, match='nothing would connect "x_1" and "y_2"'):
                await session.remove("r_0")
            with pytest.raises(InvalidArgumentError, match='has no node "z"'):
                await session.remove("z")
            await session.write("1")
            assert (await anext(session)).startswith("1r1")
            await session.cancel()
            with pytest.raises(SessionEndedError):
                await session.remove("x_1")

        run(main)


class TestPlaces:
    def test_typescript_nodes_come_and_go_between_own_ones(self) -> None:
        first, last = Letter("a"), Letter("b")

        async def main() -> None:
            async with Pipeline([first, last]).open() as session:
                await session.write("1")
                upper = await session.insert(ts("Upper", suffix="!"), before="a_0")
                await session.write("2x")
                await session.replace(upper, ts("Upper", suffix="?"))
                await session.write("3x")
                await session.remove(upper)
                await session.write("4x")
                session.end()
                outputs = ["1a1b1", "2X!a2b2", "3X?a3b3", "4xa4b4", "[a4]b5", "[b5]"]
                assert await read(session) == outputs

        run(main)
        assert (first.calls, last.calls) == (LIFE, LIFE)
        assert (len(first.threads), len(last.threads)) == (1, 1)

    def test_nodes_that_stay_in_workers_and_processes_keep_their_state(self) -> None:
        away, own = Away(), Letter("a")

        async def main() -> None:
            pipeline = Pipeline([{"node_type": "./nodes.mjs#Counting"}, own, away])
            async with pipeline.open(return_state=True) as session:
                await session.write("1")
                await session.insert(Letter("b"), after="a_1")
                await session.write("2")
                await session.insert(PASS, before="Counting_0")
                await session.write("3")
                session.end()
                outputs = [text for text in await read(session) if not text.startswith("[")]
                assert outputs == ["1#1a1p1", "2#2a2b1p2", "3#3a3b2p3"]

        Path("nodes.mjs").write_text(
            "export class Counting {\n"
            "  count = 0;\n  initialize() {}\n  process(text) { return `${text}#${++this.count}`; }\n}\n"
        )
        run(main)
        assert (own.calls, len(own.threads)) == (LIFE, 1)
        assert len(away.pids) == 1
        assert away.count == 5

    def test_the_state_of_one_that_has_gone_comes_home(self) -> None:
        away = Away()

        async def main() -> None:
            async with Pipeline([Letter("a"), away]).open(return_state=True) as session:
                await session.write("1")
                await session.remove("away_1")
                await session.write("2")
                session.end()
                assert await read(session) == ["1a1p1", "2a2", "[a2]"]

        run(main)
        assert away.count == 1

    def test_nothing_changes_where_a_new_node_fails_elsewhere(self) -> None:
        first = Letter("a")

        async def main() -> None:
            session = await Pipeline([first, PASS]).open()
            await session.write("1")
            with pytest.raises(Exception, match="no model"):
                await session.insert(ts("Broken"), after="a_0")
            with pytest.raises(LookupError, match="away"):
                await session.insert(FailingAway(), after="a_0")
            await session.write("2")
            session.end()
            assert await read(session) == ["1a1", "2a2", "[a2]"]

        run(main)
        assert first.calls == LIFE

    def test_an_interruption_reaches_all_that_waits(self) -> None:
        gate = AsyncGated()

        async def main() -> None:
            session = await Pipeline([gate, PASS]).open()
            await session.write("old")
            await gate.is_inside.wait()
            await session.insert(ts("Upper"), after="AsyncGated_0")
            await session.write("old too")
            session.interrupt()
            gate.may_go_on.set()
            await session.write("new")
            assert await anext(session) == "NEW"
            await session.cancel()

        run(main)

    def test_a_cancel_ends_what_waits_for_its_turn(self) -> None:
        gate, added = AsyncGated(), Letter("a")

        async def main() -> None:
            session = await Pipeline([gate, PASS]).open()
            await session.write("1")
            await gate.is_inside.wait()
            await session.insert(added, after="PassThrough_1")
            await session.insert(PASS, after="a_2")
            await session.write("2")
            await session.cancel(ValueError("enough"))
            with pytest.raises(ValueError, match="enough"):
                await session.wait()

        run(main)
        assert added.calls == ["initialize", "cleanup"]

    def test_a_failure_elsewhere_ends_the_session_with_all_that_waits(self) -> None:
        added = Letter("a")

        async def main() -> None:
            session = await Pipeline([ts("Failing")]).open()
            await session.insert(added, after="Failing_0")
            await session.write(1)
            await session.write(2)
            assert await anext(session) == "1a1"
            with pytest.raises(Exception, match="two is too much"):
                await anext(session)
            with pytest.raises(SessionEndedError):
                await session.remove("a_1")

        run(main)
        assert added.calls == ["initialize", "cleanup"]


class Odd(Node):
    """Lets odd numbers pass."""

    def process(self, text: str) -> str | None:
        return text if int(text) % 2 else None


class Joined(Node):
    def process(self, texts: list[str]) -> str:
        return "+".join(texts)


class FailingAway(Node):
    executor = "process"

    def initialize(self) -> None:
        raise LookupError("away")

    def process(self, data: Any) -> Any:
        return data
