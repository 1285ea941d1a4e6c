"""How live sessions end: by failures, by themselves, by a cancel, and with their loop."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from live import fill, read, run, turns
from remotemedia import Pipeline
from remotemedia.core.exceptions import (
    CancelTimeoutError,
    InvalidArgumentError,
    PipelineError,
    SessionEndedError,
)
from remotemedia.driver.local import LocalRun
from session_nodes import (
    AsyncGated,
    AsyncRecording,
    AsyncTidy,
    FailingAt,
    Gated,
    Recording,
    StreamRecording,
)


class TestFailures:
    def test_refuse_a_write_that_waits(self) -> None:
        class Failing(Gated):
            def process(self, data: Any) -> Any:
                super().process(data)
                raise LookupError("gone")

        node = Failing()

        async def main() -> None:
            session = await Pipeline([node]).open(max_pending=1)
            await fill(session, node, 1)
            writes = [asyncio.create_task(session.write(number)) for number in (2, 3)]
            await turns()
            node.may_go_on.set()
            for write in writes:
                with pytest.raises(SessionEndedError, match="it ended: LookupError") as caught:
                    await write
                assert isinstance(caught.value.__cause__, LookupError)
            with pytest.raises(LookupError, match="gone"):
                await session.wait()

        run(main)

    def test_refuse_a_write_also_while_outputs_are_still_to_be_read(self) -> None:
        """The node behind the failing one is held up by a reader that is the writer itself."""

        class AsyncFailing(FailingAt):
            async def process(self, data: Any) -> Any:
                return super().process(data)

        class Many(Recording):
            def process(self, data: int) -> Any:
                return iter(range(data))

        async def main() -> None:
            session = await Pipeline([AsyncFailing(0), Many()]).open(max_pending=1)
            await session.write(2_000)
            with pytest.raises(SessionEndedError, match="no 0"):
                while True:
                    await session.write(0)
            outputs: list[int] = []
            with pytest.raises(LookupError):
                async for output in session:
                    outputs.append(output)
            assert outputs == list(range(2_000))

        run(main)

    def test_nobody_has_seen_are_raised_at_the_end_of_the_block(self) -> None:
        async def main() -> None:
            with pytest.raises(LookupError, match="no 1"):
                async with Pipeline([FailingAt(1)]).open() as session:
                    await session.write(1)

        run(main)

    def test_that_were_handled_are_not_raised_again(self) -> None:
        async def main() -> None:
            async with Pipeline([FailingAt(1)]).open() as session:
                await session.write(1)
                with pytest.raises(LookupError):
                    await anext(session)

        run(main)

    def test_in_cleanup_are_raised(self) -> None:
        class Untidy(Recording):
            def cleanup(self) -> None:
                raise OSError("still busy")

        async def main() -> None:
            with pytest.raises(OSError, match="still busy"):
                async with Pipeline([Untidy()]).open() as session:
                    session.end()
                    assert await read(session) == []

        run(main)

    def test_a_stop_iteration_ends_no_loop_silently(self) -> None:
        class Stopping(Recording):
            def process(self, data: Any) -> Any:
                raise StopAsyncIteration

        async def main() -> None:
            async with Pipeline([Stopping()]).open() as session:
                await session.write(1)
                with pytest.raises(RuntimeError, match="A node raised StopAsyncIteration"):
                    await read(session)

        run(main)

    def test_nodes_that_want_no_more_refuse_writes(self) -> None:
        class First(StreamRecording):
            async def process(self, data: Any) -> Any:
                async for item in data:
                    yield item
                    return

        async def main() -> None:
            async with Pipeline([First()]).open(max_pending=1) as session:
                with pytest.raises(SessionEndedError, match="its nodes want no more"):
                    while True:
                        await session.write(1)
                assert await read(session) == [1]

        run(main)


class TestEnding:
    def test_a_write_after_it_is_refused(self) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:
                session.end()
                for write in (lambda: session.write(1), lambda: asyncio.to_thread(session.try_write, 1)):
                    with pytest.raises(SessionEndedError, match=r"end\(\) was called") as caught:
                        await write()
                    assert isinstance(caught.value, (PipelineError, RuntimeError))
                    assert (caught.value.code, caught.value.__cause__) == ("RM_SESSION_ENDED", None)

        run(main)

    def test_another_task_reads_on_after_the_block(self) -> None:
        async def main() -> None:
            outputs: list[int] = []

            async def read_slowly() -> None:
                while (output := await asyncio.wait_for(anext(session, None), 30)) is not None:
                    outputs.append(output)
                    await turns(2)

            async with Pipeline([Recording()]).open() as session:
                reader = asyncio.create_task(read_slowly())
                for number in range(500):
                    await session.write(number)
            await reader
            assert outputs == list(range(500))

        run(main)

    def test_the_block_may_be_left_while_a_read_of_its_own_waits(self) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:
                waiting = asyncio.create_task(anext(session))
                await turns()
                for number in range(60):
                    await session.write(number)
            assert await waiting == 0
            with pytest.raises(StopAsyncIteration):
                await anext(session)

        run(main)

    def test_the_block_does_not_wait_for_a_reader_that_has_ended(self) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:

                async def read_one() -> int:
                    async for output in session:
                        return output
                    raise AssertionError

                await session.write(0)
                assert await asyncio.create_task(read_one()) == 0
                for number in range(60):
                    await session.write(number)

        run(main)

    def test_breaking_out_of_a_loop_leaves_the_session_open(self) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:
                for number in range(3):
                    await session.write(number)
                async for output in session:
                    assert output == 0
                    break
                assert await anext(session) == 1

        run(main)

    def test_wait_lasts_until_outputs_have_been_read(self) -> None:
        async def main() -> None:
            session = await Pipeline([Recording()]).open()
            await session.write(1)
            waiting = asyncio.create_task(session.wait())
            session.end()
            assert await anext(session) == 1
            assert not waiting.done()
            assert await read(session) == []
            await waiting
            assert "over" in repr(session)

        run(main)

    def test_two_tasks_cannot_read_at_once(self) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:
                reader = asyncio.create_task(read(session))
                await turns()
                with pytest.raises(RuntimeError, match="Another task waits for the next output"):
                    await anext(session)
                session.end()
                assert await reader == []

        run(main)


class TestCancel:
    def test_ends_readers_and_refuses_writers(self) -> None:
        async def main() -> None:
            node = AsyncGated()
            session = await Pipeline([node]).open(max_pending=1)
            await session.write(0)
            await node.is_inside.wait()
            await session.write(1)
            write = asyncio.create_task(session.write(2))
            reader = asyncio.create_task(read(session))
            await turns()
            await session.cancel()
            assert await reader == []
            for call in (write, session.write(3), session.wait()):
                with pytest.raises(SessionEndedError, match="it was cancelled"):
                    await call
            await session.cancel()
            assert node.calls == ["initialize", "cancelled", "cleanup"]

        run(main)

    def test_its_reason_is_what_wait_raises(self) -> None:
        async def main() -> None:
            reason = TimeoutError("nobody spoke")
            session = await Pipeline([Recording()]).open()
            await session.cancel(reason)
            with pytest.raises(TimeoutError) as caught:
                await session.wait()
            assert caught.value is reason
            with pytest.raises(SessionEndedError, match="it ended: TimeoutError: nobody spoke") as refused:
                await session.write(1)
            assert refused.value.__cause__ is reason

        run(main)

    @pytest.mark.parametrize("reason", ["hang up", TimeoutError])
    def test_its_reason_is_an_exception(self, reason: Any) -> None:
        async def main() -> None:
            async with Pipeline([Recording()]).open() as session:
                with pytest.raises(InvalidArgumentError, match="must be an exception") as caught:
                    await session.cancel(reason)
                assert repr(reason) in str(caught.value)
                await session.write(1)
                assert await anext(session) == 1

        run(main)

    def test_what_is_told_of_it_ends_with_one_period(self) -> None:
        async def main() -> None:
            session = await Pipeline([Recording()]).open()
            await session.cancel(TimeoutError("Nobody spoke."))
            with pytest.raises(SessionEndedError, match="TimeoutError: Nobody spoke\\. Open another one"):
                await session.write(1)

        run(main)

    def test_names_a_node_that_does_not_return(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalRun, "cancel_timeout", 0.05)
        node = Gated(name="stuck")

        async def main() -> None:
            session = await Pipeline([node]).open()
            await fill(session, node, 1)
            reader = asyncio.create_task(read(session))
            await turns()
            for call in (session.cancel, session.wait):
                with pytest.raises(CancelTimeoutError, match='node "stuck_0" did not return'):
                    await call()
            assert await reader == []
            node.may_go_on.set()
            await session.cancel()

        run(main)

    def test_by_cancelling_the_task_that_has_the_block(self) -> None:
        node = AsyncRecording()

        async def main() -> None:
            is_reading = asyncio.Event()

            async def talk() -> None:
                async with Pipeline([node]).open() as session:
                    is_reading.set()
                    await anext(session)

            talking = asyncio.create_task(talk())
            await is_reading.wait()
            talking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await talking

        run(main)
        assert node.calls == ["initialize", "cleanup"]

    def test_while_the_block_waits_for_the_end(self) -> None:
        node = AsyncGated()

        async def main() -> None:
            async def talk() -> None:
                async with Pipeline([node]).open() as session:
                    await session.write(1)

            talking = asyncio.create_task(talk())
            await node.is_inside.wait()
            talking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await talking

        run(main)
        assert node.calls == ["initialize", "cancelled", "cleanup"]


@pytest.mark.parametrize("is_entered", [True, False])
def test_ctrl_c_ends_a_session(is_entered: bool) -> None:
    node = AsyncTidy()

    async def main() -> None:
        if is_entered:
            async with Pipeline([node]).open() as session:
                signal.raise_signal(signal.SIGINT)
                await anext(session)
        else:
            session = await Pipeline([node]).open()
            signal.raise_signal(signal.SIGINT)
            await anext(session)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert node.calls == ["initialize", "cleanup"]
