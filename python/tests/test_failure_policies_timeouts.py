"""How long a failure policy lets a node take."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from driver_nodes import Echo
from live import run, turns
from remotemedia import (
    DeadLetter,
    FailurePolicy,
    Node,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.core.exceptions import NodeTimeoutError

FOREVER_MS = 1e9


class Timers:
    """The long timers of a loop, which a test lets pass."""

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []

    @contextlib.contextmanager
    def of_this_loop(self) -> Iterator[None]:
        loop: Any = asyncio.get_running_loop()
        call_later = loop.call_later

        def note(seconds: float, callback: Any, *args: Any, **options: Any) -> asyncio.TimerHandle:
            if seconds >= FOREVER_MS / 1_000:
                self.started.append(callback)
            return call_later(seconds, callback, *args, **options)

        loop.call_later = note
        try:
            yield
        finally:
            loop.call_later = call_later

    def pass_all(self) -> None:
        assert self.started
        for callback in self.started:
            callback()


@pytest.fixture
def timers() -> Timers:
    return Timers()


class TestTimeouts:
    LIMITED = FailurePolicy(timeout_ms=5)

    def test_what_takes_too_long_is_cancelled_and_named(self) -> None:
        is_cancelled = False

        class Slow(Node):
            failure_policy = self.LIMITED

            async def process(self, item: Any) -> Any:
                nonlocal is_cancelled
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    is_cancelled = True
                    raise

        with pytest.raises(NodeTimeoutError) as caught:
            execute_pipeline_with_input_sync([Slow()], [1])
        assert is_cancelled
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.code == "RM_TIMEOUT"
        assert str(caught.value) == (
            'Node "Slow_0" gave nothing for item 0 within 5 ms. '
            "Look at what it waits for, or raise timeout_ms."
        )

    def test_each_output_of_a_sync_node_with_async_ones_is_limited(self) -> None:
        class Stalling(Node):
            failure_policy = FailurePolicy("skip", timeout_ms=5)

            def process(self, item: Any) -> Any:
                async def outputs() -> Any:
                    yield item
                    await asyncio.Event().wait()

                return outputs()

        letters = list[DeadLetter]()
        assert execute_pipeline_with_input_sync(
            [Stalling(), Echo()], [1, 2], on_dead_letter=letters.append
        ) == [1, 2]
        assert [(letter.item, type(letter.error)) for letter in letters] == [
            (1, NodeTimeoutError),
            (2, NodeTimeoutError),
        ]

    def test_a_call_that_gives_its_result_all_the_same_has_not_failed(self) -> None:
        class Stubborn(Node):
            failure_policy = self.LIMITED

            async def process(self, item: Any) -> Any:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    # Nor may the cancel reach this.
                    await asyncio.sleep(0)
                return item

        assert execute_pipeline_with_input_sync([Stubborn()], [1, 2]) == [1, 2]

    def test_what_is_given_up_has_no_limit_any_more(self, timers: Timers) -> None:
        async def main() -> None:
            inside, may_end, has_ended = asyncio.Event(), asyncio.Event(), False

            class Tidy(Node):
                failure_policy = FailurePolicy(timeout_ms=FOREVER_MS)

                async def process(self, item: Any) -> Any:
                    nonlocal has_ended
                    inside.set()
                    try:
                        await asyncio.Event().wait()
                    finally:
                        await may_end.wait()
                        has_ended = True

            with timers.of_this_loop():
                running = asyncio.ensure_future(execute_pipeline_with_input([Tidy()], [1]))
                await inside.wait()
                running.cancel()
                await turns()
                timers.pass_all()
                await turns()
                may_end.set()
                with pytest.raises(asyncio.CancelledError):
                    await running
            assert has_ended

        run(main)

    def test_only_calls_of_process_are_limited(self, timers: Timers) -> None:
        class Flushing(Node):
            failure_policy = FailurePolicy("skip", timeout_ms=FOREVER_MS)

            async def process(self, item: Any) -> Any:
                await asyncio.sleep(0)

            async def flush(self) -> Any:
                await asyncio.sleep(0)
                return "rest"

        async def main() -> None:
            with timers.of_this_loop():
                assert await execute_pipeline_with_input([Flushing()], [1, 2]) == ["rest"]

        run(main)
        assert len(timers.started) == 2
