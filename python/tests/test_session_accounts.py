"""What became of each input of a session: over processes, and how a session ends."""

import asyncio
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia import Node, Pipeline
from remotemedia.core.exceptions import InvalidArgumentError


class Even(Node):
    """Nothing for odd numbers."""

    def process(self, number):
        return number if number % 2 == 0 else None


class Twice(Node):
    def process(self, number):
        yield number
        yield number


class Later(Node):
    async def process(self, number):
        await asyncio.sleep(0)
        return number


class Refuse(Node):
    def process(self, number):
        raise ValueError("refused")


def pipeline_of(executors):
    """Gives two outputs for even numbers."""
    kinds = (Even, Later, Twice, Later)
    return Pipeline(
        [
            kind(executor=executor, name=f"n{index}")
            for index, (kind, executor) in enumerate(zip(kinds, executors, strict=True))
        ]
    )


_steps = st.lists(
    st.sampled_from(["write"] * 6 + ["turn", "rest", "interrupt", "read"]), min_size=20, max_size=80
)


async def play(executors, steps, is_interrupted, ends_early):
    """Go through the steps; gives the account, how often each number was read, and whether all counted."""
    read = Counter()
    permits = asyncio.Semaphore(0)
    session = await pipeline_of(executors).open(accounting=True)

    async def read_all():
        while True:
            await permits.acquire()
            read[await anext(session)] += 1

    reading = asyncio.create_task(read_all())
    written = 0
    for step in steps:
        if step == "write":
            written += session.try_write(written)
        elif step == "read":
            permits.release()
        elif step == "interrupt" and is_interrupted:
            session.interrupt()
        else:
            await (asyncio.sleep(0) if step == "turn" else asyncio.to_thread(int))
    if ends_early:
        await session.cancel()
    else:
        session.end()
    for _ in range(1_000):
        permits.release()
    with pytest.raises(StopAsyncIteration):
        await reading
    account = session.account()
    assert account.inputs == written
    return account, read, not ends_early and not (is_interrupted and "interrupt" in steps)


@given(
    st.tuples(*[st.sampled_from([None, "multiprocess"])] * 4),
    _steps,
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_every_input_is_accounted_for_over_processes(executors, steps, is_interrupted, ends_early):
    account, read, is_calm = asyncio.run(play(executors, steps, is_interrupted, ends_early))
    assert account.pending == 0
    for number in range(account.inputs):
        told = account.of(number)
        assert told.outputs == read[number]
        if number % 2 == 1:
            assert told.fate != "answered"
        elif is_calm:
            assert (told.outputs, told.losses) == (2, ())
        elif told.outputs == 0 or (told.outputs == 1 and not ends_early):
            assert told.losses
        if is_calm:
            assert told.losses == ()


def test_a_failure_is_a_loss_of_its_item_and_of_what_was_under_way():
    async def main():
        session = await Pipeline([Later(), Refuse()]).open(accounting=True)
        for number in range(3):
            await session.write(number)
        session.end()
        with pytest.raises(ValueError, match="refused") as raised:
            await anext(session)
        return session.account(), raised.value

    account, error = asyncio.run(main())
    assert (account.inputs, account.lost) == (3, 3)
    assert {loss.reason for loss in account.losses} == {"failed"}
    assert all(loss.error is error for loss in account.losses)
    assert account.losses[0].node_id == "Refuse_1"


def test_outputs_that_nobody_reads_are_lost_when_the_session_is_left():
    async def main():
        async with Pipeline([Later()]).open(accounting=True) as session:
            await session.write(1)
            await session.write(2)
            assert await anext(session) == 1
        return session.account()

    account = asyncio.run(main())
    assert (account.answered, account.lost) == (1, 1)
    (loss,) = account.losses
    assert (loss.input_index, loss.node_id, loss.reason) == (1, "(output)", "dropped")


def test_a_session_without_accounting_has_no_account():
    async def main():
        async with Pipeline([Later()]).open() as session:
            with pytest.raises(InvalidArgumentError, match="accounting=True"):
                session.account()

    asyncio.run(main())


def test_an_input_that_was_not_written_has_no_account():
    async def main():
        async with Pipeline([Later()]).open(accounting=True) as session:
            await session.write(1)
            assert await anext(session) == 1
            assert session.account().of(0).fate == "answered"
            with pytest.raises(InvalidArgumentError, match="1 inputs, counted from 0; there is no input 1"):
                session.account().of(1)

    asyncio.run(main())


class Gated(Node):
    """Gives its first output at once, and the second one when it may; then it fails where it is asked to."""

    def __init__(self, fails=False):
        super().__init__()
        self.may_go_on = threading.Event()
        self.fails = fails

    def process(self, number):
        yield number
        self.may_go_on.wait()
        if self.fails:
            raise ValueError("nobody hears this")
        yield number


@pytest.mark.parametrize("fails", [False, True])
def test_a_generator_that_is_interrupted_in_the_middle_is_a_loss(fails):
    async def main():
        node = Gated(fails)
        async with Pipeline([node]).open(accounting=True) as session:
            await session.write(0)
            assert await anext(session) == 0
            session.interrupt()
            node.may_go_on.set()
            session.end()
            assert [output async for output in session] == []
        return session.account()

    account = asyncio.run(main())
    assert (account.answered, account.pending) == (1, 0)
    assert {loss.reason for loss in account.losses} == {"interrupted"}
    assert "Gated_0" in {loss.node_id for loss in account.losses}


def test_what_waits_behind_a_call_that_a_cancel_ends_is_a_loss():
    async def main():
        node = Gated()
        session = await Pipeline([node]).open(accounting=True)
        for number in range(3):
            await session.write(number)
        assert await anext(session) == 0
        cancelling = asyncio.create_task(session.cancel())
        await asyncio.sleep(0)
        node.may_go_on.set()
        await cancelling
        return session.account()

    account = asyncio.run(main())
    assert (account.answered, account.lost) == (1, 2)
    assert {loss.reason for loss in account.losses} == {"cancelled"}
    assert {loss.input_index for loss in account.losses} >= {1, 2}


class Many(Node):
    def process(self, number):
        for _ in range(300):
            yield number


class Same(Node):
    def process(self, number):
        return number


def test_a_thread_that_waits_goes_on_with_the_item_that_it_waited_with():
    async def main():
        outputs = []
        # What is behind the async node is served while the first one waits for room.
        async with Pipeline([Many(), Later(), Same()]).open(accounting=True) as session:
            for number in range(3):
                await session.write(number)
            session.end()
            outputs += [output async for output in session]
        return session.account(), outputs

    account, outputs = asyncio.run(main())
    assert len(outputs) == 900
    assert [account.of(number).outputs for number in range(3)] == [300, 300, 300]
