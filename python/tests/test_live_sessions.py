"""Live sessions of pipelines whose nodes are all in this program."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import Any

import pytest

from live import KINDS, fill, read, run, turns
from remotemedia import LiveSession, Node, Pipeline
from remotemedia.core.exceptions import (
    EmptyPipelineError,
    InvalidArgumentError,
)
from session_nodes import (
    AsyncGated,
    AsyncRecording,
    Broken,
    Gated,
    Recording,
    Summing,
)


class TestItems:
    @pytest.mark.parametrize("kind", KINDS)
    def test_none_may_be_written_and_is_no_output(self, kind: type[Recording]) -> None:
        async def main() -> None:
            async with Pipeline([kind()]).open() as session:
                await session.write(None)
                await session.write("two")
                assert await anext(session) == "two"
                session.end()
                assert await read(session) == []

        run(main)

    def test_awaited_instead_of_entered(self) -> None:
        async def main() -> None:
            session = await Pipeline([Recording()]).open()
            assert isinstance(session, LiveSession)
            await session.write(1)
            session.end()
            assert await read(session) == [1]
            await session.wait()

        run(main)

    def test_in_a_graph(self) -> None:
        async def main() -> None:
            pipeline = Pipeline([Recording(name="a"), Recording(name="b"), AsyncRecording(name="c")])
            pipeline.connections = [("a_0", "b_1"), ("a_0", "c_2")]
            async with pipeline.open() as session:
                await session.write(1)
                assert [await anext(session), await anext(session)] == [1, 1]
                session.end()
                assert await read(session) == []

        run(main)

    def test_what_a_flush_gives_comes_out(self) -> None:
        async def main() -> None:
            async with Pipeline([Summing()]).open() as session:
                await session.write(1)
                await session.write(2)
                session.end()
                session.end()
                assert await read(session) == [3]
                assert await read(session) == []

        run(main)

    def test_nodes_see_the_callers_context(self) -> None:
        variable = contextvars.ContextVar("variable", default="none")

        class Seeing(Node):
            async def process(self, data: Any) -> str:
                return variable.get()

        async def main() -> None:
            variable.set("caller's")
            async with Pipeline([Seeing()]).open() as session:
                await session.write(1)
                assert await anext(session) == "caller's"

        run(main)


class TestRoom:
    def test_an_async_node_counts_as_well(self) -> None:
        async def main() -> None:
            node = AsyncGated()
            async with Pipeline([node]).open(max_pending=2) as session:
                await session.write(0)
                await node.is_inside.wait()
                assert [session.try_write(number) for number in (1, 2, 3)] == [True, True, False]
                await turns()
                assert not session.try_write(3)
                node.may_go_on.set()
                session.end()
                assert await read(session) == [0, 1, 2]

        run(main)

    def test_a_cancelled_write_has_not_written(self) -> None:
        node = Gated()

        async def main() -> None:
            async with Pipeline([node]).open(max_pending=1) as session:
                await fill(session, node, 1)
                lost, kept = (asyncio.create_task(session.write(item)) for item in ("lost", "kept"))
                await turns()
                lost.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await lost
                node.may_go_on.set()
                await kept
                session.end()
                assert await read(session) == [0, 1, "kept"]

        run(main)

    def test_a_write_that_is_cancelled_as_it_is_let_in_makes_room_for_the_next(self) -> None:
        node = Gated()

        async def main() -> None:
            async with Pipeline([node]).open(max_pending=1) as session:
                await fill(session, node, 1)
                writes: list[asyncio.Task[None]] = []

                async def cancel_the_other() -> None:
                    await session.write("first")
                    writes[1].cancel()

                writes += [
                    asyncio.create_task(cancel_the_other()),
                    asyncio.create_task(session.write("cancelled")),
                    asyncio.create_task(session.write("last")),
                ]
                await turns()
                node.may_go_on.set()
                results = await asyncio.gather(*writes, return_exceptions=True)
                session.end()
                outputs = await read(session)
                is_written = results[1] is None
                assert outputs == [0, 1, "first", *["cancelled"] * is_written, "last"]

        run(main)

    def test_a_reader_that_gives_up_loses_nothing(self) -> None:
        async def main() -> None:
            async with Pipeline([AsyncRecording()]).open() as session:
                waiting = asyncio.create_task(anext(session))
                await turns()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await session.write(1)
                assert await anext(session) == 1

        run(main)

    @pytest.mark.parametrize("given", [0, -1, 1.5, "1", None, True])
    def test_max_pending_is_a_whole_number_from_1(self, given: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="max_pending must be a whole number from 1, got"):
            Pipeline([Recording()]).open(max_pending=given)

    @pytest.mark.parametrize("given", [float("nan"), float("-inf"), 10**400, "12", True])
    def test_a_time_is_a_finite_number(self, given: Any) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:
                for write in (session.write, session.try_write):
                    with pytest.raises(InvalidArgumentError, match="timestamp_us must be") as caught:
                        await write(1, timestamp_us=given)  # type: ignore[misc]
                    assert f"got {given!r}." in str(caught.value)
                await session.write(2, timestamp_us=0.5)
                assert session.try_write(3, timestamp_us=-1)
                session.end()
                assert await read(session) == [2, 3]

        run(main)


class TestOpening:
    def test_a_failing_initialize_is_raised_and_everything_is_cleaned_up(self) -> None:
        first, last = Recording(), Recording()

        async def main() -> None:
            with pytest.raises(OSError, match="no model") as caught:
                await Pipeline([first, Broken(name="broken"), last]).open()
            assert caught.value.__notes__ == ['RemoteMedia: in initialize() of node "broken_1"']
            with pytest.raises(OSError, match="no model"):
                async with Pipeline([Broken()]).open():
                    raise AssertionError

        run(main)
        assert (first.calls, last.calls) == (["initialize", "cleanup"], [])

    def test_a_wrong_pipeline_is_refused(self) -> None:
        async def main() -> None:
            with pytest.raises(EmptyPipelineError):
                await Pipeline([]).open()

        run(main)

    def test_it_waits_for_async_models(self) -> None:
        class Loading(Recording):
            async def initialize(self) -> None:  # type: ignore[override]
                await asyncio.to_thread(self.calls.append, "loaded")

        async def main() -> None:
            node = Loading()
            async with Pipeline([node]).open():
                assert node.calls == ["loaded"]

        run(main)


def test_metrics_are_those_so_far_and_kept_at_the_end() -> None:
    async def main() -> None:
        pipeline = Pipeline([Recording(name="node"), AsyncRecording()])
        async with pipeline.open() as session:
            assert session.metrics() is None
        async with pipeline.open(enable_metrics=True) as session:
            await session.write(1)
            await anext(session)
            metrics = session.metrics()
            assert metrics is not None
            assert [node["items_in"] for node in metrics["node_metrics"]] == [1, 1]
            assert metrics["total_duration_us"] > 0
            await session.write(2)
            await anext(session)
        assert pipeline.last_metrics is not None
        assert [node["items_out"] for node in pipeline.last_metrics["node_metrics"]] == [2, 2]

    run(main)


def test_an_opening_that_is_not_awaited_is_warned_of() -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        Pipeline([Recording()]).open()
        gc.collect()


def test_one_that_is_taken_for_the_session_says_what_is_missing() -> None:
    async def main() -> None:
        opening = Pipeline([Recording()]).open()
        with pytest.raises(
            AttributeError, match=r"has no write.*async with pipeline\.open.*= await pipeline\.open"
        ):
            await opening.write(1)  # type: ignore[attr-defined]
        async with opening as session:
            await session.write(1)
            with pytest.raises(AttributeError, match="has no end"):
                opening.end()  # type: ignore[attr-defined]
            assert await anext(session) == 1
        with pytest.raises(AttributeError, match="has no write"):
            Pipeline([Recording()]).open().write(1)  # type: ignore[attr-defined]

    # No warning comes of it: warnings are errors in these tests.
    run(main)
    gc.collect()


def test_a_taker_of_dead_letters_can_be_called() -> None:
    with pytest.raises(InvalidArgumentError, match=r"on_dead_letter must be a function .*, got 'x'"):
        Pipeline([Recording()]).open(on_dead_letter="x")  # type: ignore[arg-type]
