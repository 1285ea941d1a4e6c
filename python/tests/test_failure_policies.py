"""What the table of cases cannot say of failure policies: objects, waits, and who is told."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from live import run, turns
from remotemedia import (
    DeadLetter,
    FailurePolicy,
    Node,
    Pipeline,
    RetryPolicy,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)

FOREVER_MS = 1e9
FOREVER = FailurePolicy(retry=RetryPolicy(attempts=1, delay_ms=FOREVER_MS, max_delay_ms=FOREVER_MS))
SKIP = FailurePolicy(on_error="skip")


class BadItem(Exception):  # noqa: N818 - as a program may name its own
    """What the nodes of these tests raise."""


class Failing(Node):
    """Fails for the item ``"bad"``, and tells that it has."""

    def __init__(self, policy: FailurePolicy) -> None:
        super().__init__()
        self.failure_policy = policy
        self.calls = 0
        self.has_failed = threading.Event()

    def look(self, item: Any) -> Any:
        self.calls += 1
        if item == "bad":
            self.has_failed.set()
            raise BadItem(f"call {self.calls}")
        return item

    def process(self, item: Any) -> Any:
        return self.look(item)


class FailingAsync(Failing):
    async def process(self, item: Any) -> Any:
        await asyncio.sleep(0)
        return self.look(item)


class FailingGenerator(Failing):
    def process(self, item: Any) -> Any:
        yield self.look(item)


class FailingAsyncGenerator(Failing):
    async def process(self, item: Any) -> Any:
        yield self.look(item)


class FailingLater(Failing):
    """A sync ``process`` that gives an awaitable back."""

    def process(self, item: Any) -> Any:
        return self.wait(item)

    async def wait(self, item: Any) -> Any:
        return self.look(item)


class FailingForCaller(Failing):
    run_on = "caller"


KINDS = [Failing, FailingAsync, FailingGenerator, FailingAsyncGenerator, FailingLater, FailingForCaller]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])


async def has_failed(node: Failing) -> None:
    assert await asyncio.to_thread(node.has_failed.wait, 30)


@every_kind
def test_a_dead_letter_has_the_very_item_and_the_very_exception(kind: type[Failing]) -> None:
    class Item:
        def __eq__(self, other: object) -> bool:
            return other == "bad"

    item, letters = Item(), list[DeadLetter]()
    node = kind(SKIP)
    outputs = execute_pipeline_with_input_sync([node], ["a", item, "b"], on_dead_letter=letters.append)
    assert outputs == ["a", "b"]
    (letter,) = letters
    assert letter.item is item
    assert (letter.node_id, letter.item_index) == (f"{kind.__name__}_0", 1)
    assert type(letter.error) is BadItem
    assert not hasattr(letter.error, "__notes__")


@every_kind
def test_the_error_of_the_last_try_is_raised_itself(kind: type[Failing]) -> None:
    node = kind(FailurePolicy(retry=RetryPolicy(attempts=2, delay_ms=0)))
    with pytest.raises(BadItem, match="call 4") as caught:
        execute_pipeline_with_input_sync([node], ["a", "bad"])
    assert caught.value.__notes__ == [f'RemoteMedia: in process() of node "{kind.__name__}_0", item 1']


# Not those that asyncio runs for a thread: its own frames refer to what they raise.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not FailingLater])
def test_tries_leave_nothing_behind(kind: type[Failing]) -> None:
    """Neither the errors of other tries, nor the item in a cycle that only the garbage collector ends."""

    class Item:
        def __eq__(self, other: object) -> bool:
            return other == "bad"

    def go() -> tuple[weakref.ref[Item], list[BaseException | None]]:
        item, contexts = Item(), list[BaseException | None]()
        node = kind(FailurePolicy("skip", RetryPolicy(attempts=2, delay_ms=0)))
        execute_pipeline_with_input_sync(
            [node], [item], on_dead_letter=lambda letter: contexts.append(letter.error.__context__)
        )
        return weakref.ref(item), contexts

    gc.disable()
    try:
        gone, contexts = go()
        assert contexts == [None]
        assert gone() is None
    finally:
        gc.enable()


@every_kind
def test_a_cancel_ends_the_wait_for_the_next_try(kind: type[Failing]) -> None:
    async def main() -> None:
        node = kind(FOREVER)
        running = asyncio.ensure_future(execute_pipeline_with_input([node], ["bad"]))
        await has_failed(node)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert node.calls == 1

    run(main)


@every_kind
def test_an_interruption_ends_the_wait_for_the_next_try(kind: type[Failing]) -> None:
    async def main() -> None:
        node = kind(FOREVER)
        async with Pipeline([node]).open() as session:
            await session.write("bad")
            await has_failed(node)
            session.interrupt()
            await session.write("good")
            assert await anext(session) == "good"
        assert node.calls == 2

    run(main)


def test_a_failure_further_down_ends_the_wait_for_the_next_try() -> None:
    async def main() -> None:
        class Breaking(Node):
            async def process(self, item: Any) -> Any:
                await has_failed(node)
                raise ZeroDivisionError

        node = Failing(FOREVER)
        with pytest.raises(ZeroDivisionError):
            await execute_pipeline_with_input([node, Breaking()], ["good", "bad"])
        assert node.calls == 2

    run(main)


@every_kind
def test_a_run_that_waits_holds_up_no_other_one_that_shares_its_node(kind: type[Failing]) -> None:
    async def main() -> None:
        node = kind(FOREVER)
        waiting = asyncio.ensure_future(execute_pipeline_with_input([node], ["bad"]))
        await has_failed(node)
        assert await execute_pipeline_with_input([node], ["good"]) == ["good"]
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(main)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_asks_for_an_end_is_no_failure(error: BaseException) -> None:
    class Leaving(Node):
        failure_policy = FailurePolicy("skip", RetryPolicy(attempts=5, delay_ms=0))
        calls = 0

        def process(self, item: Any) -> Any:
            self.calls += 1
            raise error

    node = Leaving()
    with pytest.raises(type(error)):
        execute_pipeline_with_input_sync([node], [1])
    assert node.calls == 1


def test_counts_of_a_node_that_skips_and_tries_again() -> None:
    class Third(Node):
        failure_policy = FailurePolicy("skip", RetryPolicy(attempts=1, delay_ms=0))
        calls = 0

        def process(self, item: Any) -> Any:
            self.calls += 1
            if self.calls in (1, 3, 4):
                raise BadItem
            return item

    result = execute_pipeline_with_input_sync([Third(), Echo()], [1, 2, 3], True)
    third, echo = result["metrics"]["node_metrics"]
    assert result["outputs"] == [1, 3]
    assert (third["items_in"], third["items_out"], third["errors"]) == (3, 2, 1)
    assert (echo["items_in"], echo["items_out"], echo["errors"]) == (2, 2, 0)


class Echo(Node):
    def process(self, item: Any) -> Any:
        return item


class TestWhoIsTold:
    def test_without_a_taker_each_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "remotemedia"):
            assert execute_pipeline_with_input_sync([Failing(SKIP)], ["a", "bad"]) == ["a"]
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("remotemedia", "WARNING")
        assert record.getMessage() == (
            'Node "Failing_0" failed in process of item 1: BadItem: call 2; the item was skipped'
        )

    @pytest.mark.parametrize("kind", [Failing, FailingAsync])
    def test_what_a_taker_raises_fails_the_run(self, kind: type[Failing]) -> None:
        def take(letter: DeadLetter) -> None:
            raise ZeroDivisionError from letter.error

        with pytest.raises(ZeroDivisionError) as caught:
            execute_pipeline_with_input_sync([kind(SKIP)], ["bad", "a"], on_dead_letter=take)
        assert caught.value.__notes__ == [f'RemoteMedia: because of node "{kind.__name__}_0"']

    def test_each_way_to_run_takes_a_taker(self) -> None:
        letters = list[DeadLetter]()
        nodes = [Failing(SKIP)]

        async def items() -> AsyncIterator[str]:
            yield "bad"

        async def main() -> None:
            pipeline = Pipeline(nodes)
            await pipeline.run(["bad"], on_dead_letter=letters.append)
            async for _ in pipeline.process(items(), on_dead_letter=letters.append):
                raise AssertionError("an output")
            await execute_pipeline_with_input(nodes, ["bad"], on_dead_letter=letters.append)
            async with pipeline.open(on_dead_letter=letters.append) as session:
                await session.write("bad")

        run(main)
        Pipeline(nodes).run_sync(["bad"], on_dead_letter=letters.append)
        assert [letter.item for letter in letters] == ["bad"] * 5

    def test_a_session_has_its_dead_letters_until_it_is_over(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with Pipeline([Failing(SKIP)]).open() as session:
                reading = asyncio.ensure_future(anext(session.dead_letters))
                await turns()
                await session.write("bad")
                assert (await reading).item_index == 0
                await session.write("good")
                assert await anext(session) == "good"
                await session.write("bad")
                session.end()
                assert [letter.item_index async for letter in session.dead_letters] == [2]

        run(main)
        # Somebody has asked for them.
        assert caplog.records == []

    def test_the_latest_are_kept_for_a_late_reader(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with Pipeline([Failing(SKIP)]).open() as session:
                for _ in range(1_005):
                    await session.write("bad")
                session.end()
                await session.wait()
                indices = [letter.item_index async for letter in session.dead_letters]
                assert indices == list(range(5, 1_005))

        run(main)
        assert len(caplog.records) == 1_005
