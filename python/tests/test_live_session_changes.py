"""Live sessions whose pipeline is changed while they go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from changing_nodes import LIFE, AsyncLetter, AsyncNumbers, BrokenLetter, Letter, Numbers, Pairs
from live import read, run, turns, wait_inside
from remotemedia import Pipeline, per_session
from remotemedia.core.exceptions import (
    EmptyPipelineError,
    GraphError,
    InvalidArgumentError,
    InvalidNodeError,
    ManifestError,
    NodeBusyError,
    SessionEndedError,
)
from session_nodes import AsyncGated, FailingAt, Gated


class TestChanges:
    def test_insert_between_two_items(self) -> None:
        first, last, added = Letter("a"), Letter("c"), Letter("b")

        async def main() -> list[Any]:
            async with Pipeline([first, last]).open() as session:
                await session.write("1")
                assert await session.insert(added, after="a_0") == "b_2"
                await session.write("2")
                session.end()
                return await read(session)

        assert run(main) == ["1a1c1", "2a2b1c2", "[a2]b2c3", "[b2]c4", "[c4]"]
        assert [node.calls for node in (first, added, last)] == [LIFE, LIFE, LIFE]

    def test_remove_flushes_into_what_was_behind(self) -> None:
        first, middle, last = Letter("a"), Letter("b"), Letter("c")

        async def main() -> None:
            async with Pipeline([first, middle, last]).open() as session:
                await session.write("1")
                await session.remove("b_1")
                await session.write("2")
                outputs = [await anext(session) for _ in range(3)]
                assert outputs == ["1a1b1c1", "[b1]c2", "2a2c3"]
                assert middle.calls == LIFE
                assert first.calls == last.calls == ["initialize"]
                session.end()
                assert await read(session) == ["[a2]c4", "[c4]"]

        run(main)

    def test_replace_keeps_the_id_and_counts_go_on(self) -> None:
        async def main() -> None:
            session = await Pipeline([Letter("a")]).open(enable_metrics=True)
            await session.write("1")
            await session.replace("a_0", per_session(lambda: Letter("b")))
            await session.write("2")
            session.end()
            assert await read(session) == ["1a1", "[a1]", "2b1", "[b1]"]
            metrics = session.metrics()
            assert metrics is not None
            (node,) = metrics["node_metrics"]
            assert (node["node_id"], node["items_in"], node["items_out"]) == ("a_0", 2, 4)

        run(main)

    def test_all_calls_of_a_node_are_made_in_one_thread(self) -> None:
        nodes = [Letter(letter) for letter in "abcd"]

        async def main() -> None:
            session = await Pipeline(nodes[:2]).open()
            await session.write("1")
            await session.insert(nodes[2], before="a_0")
            await session.write("2")
            await session.replace("b_1", nodes[3])
            await session.write("3")
            session.end()
            await read(session)

        run(main)
        assert [len(node.threads) for node in nodes] == [1, 1, 1, 1]

    def test_several_at_once_are_made_in_turn(self) -> None:
        gate = Gated()

        async def main() -> None:
            session = await Pipeline([gate]).open()
            await session.write("1")
            await wait_inside(gate)
            changes = [
                asyncio.create_task(session.insert(Letter(letter), after="Gated_0")) for letter in "abc"
            ]
            await turns()
            gate.may_go_on.set()
            assert await asyncio.gather(*changes) == ["a_1", "b_2", "c_3"]
            await session.write("2")
            assert [await anext(session), await anext(session)] == ["1", "2c1b1a1"]
            await session.cancel()

        run(main)

    def test_one_that_nobody_waits_for_is_made(self) -> None:
        gate = Gated()

        async def main() -> None:
            session = await Pipeline([gate]).open()
            await session.write("1")
            await wait_inside(gate)
            change = asyncio.create_task(session.insert(Letter("a"), after="Gated_0"))
            await turns()
            change.cancel()
            gate.may_go_on.set()
            # Those that were asked for before are made before.
            await session.insert(Letter("b"), after="Gated_0")
            await session.write("2")
            session.end()
            assert await read(session) == ["1", "2b1a1", "[b1]a2", "[a2]"]

        run(main)

    def test_nothing_changes_where_a_new_node_fails(self) -> None:
        first = Letter("a")

        async def main() -> None:
            session = await Pipeline([first]).open()
            await session.write("1")
            with pytest.raises(LookupError, match="no model"):
                await session.replace("a_0", BrokenLetter("b"))
            await session.write("2")
            session.end()
            assert await read(session) == ["1a1", "2a2", "[a2]"]

        run(main)
        assert first.calls == LIFE

    def test_refusals(self) -> None:
        unused = Letter("u")

        async def main() -> None:
            session = await Pipeline([Letter("a"), Letter("b")]).open()
            with pytest.raises(InvalidArgumentError, match='has no node "c"'):
                await session.insert(unused, after="c")
            with pytest.raises(InvalidArgumentError, match='has a node "b_1" already'):
                await session.insert(unused, after="a_0", id="b_1")
            with pytest.raises(InvalidArgumentError, match="either before= or after="):
                await session.insert(unused)
            with pytest.raises(InvalidNodeError):
                await session.insert(object(), after="a_0")
            with pytest.raises(ManifestError, match="Nothing"):
                await session.insert({"node_type": "typescript:Nothing"}, after="a_0")
            await session.remove("a_0")
            with pytest.raises(EmptyPipelineError, match="is the only one"):
                await session.remove("b_1")
            session.end()
            with pytest.raises(SessionEndedError):
                await session.remove("b_1")
            await read(session)

        run(main)
        assert unused.calls == []

    def test_a_streaming_node_must_go(self) -> None:
        async def main() -> None:
            session = await Pipeline([Letter("a"), Pairs()]).open()
            with pytest.raises(NodeBusyError, match='"Pairs_1" is a streaming node'):
                await session.insert(Letter("b"), after="a_0")
            for text in "123":
                await session.write(text)
            await session.replace("Pairs_1", Letter("p"))
            await session.write("4")
            session.end()
            assert await read(session) == ["1a1+2a2", "3a3", "4a4p1", "[a4]p2", "[p2]"]

        run(main)

    def test_a_streaming_node_whose_successor_fails_goes_on(self) -> None:
        async def main() -> None:
            session = await Pipeline([Pairs()]).open()
            await session.write("1")
            with pytest.raises(LookupError, match="no model"):
                await session.replace("Pairs_0", BrokenLetter("b"))
            await session.write("2")
            session.end()
            assert await read(session) == ["1+2"]

        run(main)

    @pytest.mark.parametrize("is_async", [False, True])
    def test_sources_that_stay_go_on_and_those_that_go_are_closed(self, is_async: bool) -> None:
        kind = AsyncNumbers if is_async else Numbers
        first, second = kind(0), kind(100)

        async def main() -> list[str]:
            session = await Pipeline([first]).open()
            outputs: list[str] = []

            async def read_to(is_last: Callable[[str], bool]) -> None:
                while True:
                    first.give()
                    second.give()
                    outputs.append(await anext(session))
                    if is_last(outputs[-1]):
                        return

            await read_to(lambda text: text == "2")
            await session.insert(Letter("a"), after="numbers_0")
            await read_to(lambda text: text.endswith("a3"))
            await session.replace("numbers_0", second)
            await read_to(lambda text: text.startswith("102"))
            await session.cancel()
            return outputs

        outputs = run(main)
        numbers = [int(text.partition("a")[0]) for text in outputs]
        change = numbers.index(100)
        assert numbers == [*range(change), 100, 101, 102]
        are_through = ["a" in text for text in outputs]
        first_through = are_through.index(True)
        assert are_through == [index >= first_through for index in range(len(outputs))]
        assert (first.calls, second.calls) == (["process", "closed"], ["process", "closed"])

    def test_the_input_is_kept(self) -> None:
        async def main() -> None:
            session = await Pipeline([Letter("a")]).open()
            with pytest.raises(GraphError, match="nothing would take what is written"):
                await session.replace("a_0", Numbers(0))
            await session.cancel()

        run(main)


class TestWhatHappensMeanwhile:
    def test_an_interruption(self) -> None:
        gate = AsyncGated()

        async def main() -> None:
            session = await Pipeline([gate]).open()
            await session.write("old")
            await gate.is_inside.wait()
            # What is still under way does not hold it up.
            await session.insert(Letter("a"), after="AsyncGated_0")
            await session.write("old too")
            session.interrupt()
            gate.may_go_on.set()
            await session.write("new")
            assert await anext(session) == "newa1"
            await session.cancel()

        run(main)

    def test_an_interruption_drops_outputs_that_came_before_the_change(self) -> None:
        async def main() -> None:
            session = await Pipeline([AsyncLetter("a")]).open()
            await session.write("old")
            # Its output waits, and nobody has read it.
            await turns()
            await session.insert(Letter("b"), after="a_0")
            session.interrupt()
            await session.write("new")
            assert await anext(session) == "newa2b1"
            await session.cancel()

        run(main)

    def test_the_end(self) -> None:
        gate, added = Gated(), Letter("a")

        async def main() -> None:
            session = await Pipeline([gate]).open()
            await session.write("1")
            await wait_inside(gate)
            change = asyncio.create_task(session.insert(added, after="Gated_0"))
            await turns()
            session.end()
            gate.may_go_on.set()
            with pytest.raises(SessionEndedError, match=r"end\(\) was called"):
                await change
            assert await read(session) == ["1"]

        run(main)
        assert (gate.calls, added.calls) == (LIFE, ["initialize", "cleanup"])

    def test_a_cancel(self) -> None:
        gate, added = AsyncGated(), Letter("a")

        async def main() -> None:
            session = await Pipeline([gate]).open()
            await session.write("1")
            await gate.is_inside.wait()
            await session.insert(added, after="AsyncGated_0")
            await session.write("2")
            await session.cancel(ValueError("enough"))
            with pytest.raises(SessionEndedError, match="enough"):
                await session.remove("a_1")
            with pytest.raises(ValueError, match="enough"):
                await session.wait()

        run(main)
        assert gate.calls == ["initialize", "cancelled", "cleanup"]
        assert added.calls == ["initialize", "cleanup"]

    def test_a_cancel_while_a_new_node_is_initialized(self) -> None:
        class Slow(Letter):
            async def initialize(self) -> None:  # type: ignore[override]
                self.note("initialize")
                begun.set()
                await asyncio.sleep(3600)

            async def process(self, text: str) -> Any:
                return text

        first, slow, begun = Letter("a"), Slow("s"), asyncio.Event()

        async def main() -> None:
            session = await Pipeline([first]).open()
            change = asyncio.create_task(session.insert(slow, after="a_0"))
            await begun.wait()
            await session.cancel()
            with pytest.raises(SessionEndedError):
                await change

        run(main)
        assert first.calls == ["initialize", "cleanup"]

    def test_a_failure_in_what_was_written_before(self) -> None:
        gate, failing, added = Gated(), FailingAt("bad"), Letter("a")

        async def main() -> None:
            session = await Pipeline([gate, failing]).open()
            await session.write("good")
            await wait_inside(gate)
            await session.write("bad")
            change = asyncio.create_task(session.insert(added, after="FailingAt_1"))
            await turns()
            gate.may_go_on.set()
            assert await anext(session) == "good"
            with pytest.raises(LookupError, match="no bad"):
                await anext(session)
            # Made before the node has failed, or refused: nothing goes through it in either case.
            with contextlib.suppress(SessionEndedError):
                await change

        run(main)
        assert added.calls in ([], ["initialize", "cleanup"])

    def test_a_failing_flush_and_cleanup_of_what_goes(self) -> None:
        class Stubborn(Letter):
            def cleanup(self) -> None:
                raise LookupError("cannot go")

        first = Letter("a")

        async def main() -> None:
            session = await Pipeline([first, Stubborn("s")]).open()
            await session.write("1")
            await session.remove("s_1")
            assert [await anext(session), await anext(session)] == ["1a1s1", "[s1]"]
            with pytest.raises(LookupError, match="cannot go"):
                await anext(session)

        run(main)
        assert first.calls == ["initialize", "cleanup"]
