"""Hosts of Python programs that die, and are started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from driver_nodes import Echo
from interpreter import run as run_program
from live import read, run
from remotemedia import DeadLetter, LiveSession, Node, Pipeline, RestartPolicy, execute_pipeline_with_input
from remotemedia.core.exceptions import ConfigurationError, HostDiedError, ValueTransferError
from remotemedia.driver.engine import engine
from restart_nodes import Counting, Even, Failing, Later, One, Seen, Two, TwoLater, Unlucky, Unpicklable
from session_nodes import Counting as Source
from session_nodes import StreamRecording

NODES = Path(__file__).parents[2] / "test" / "restarts"
ITEMS, KILLS = 400, 2
ALL = list(range(ITEMS))
HALVES = [half for number in ALL for half in (number, number + 0.5)]

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def nothing_left() -> Any:
    """No process that the engine has started outlives a test."""
    yield
    assert children_of(engine().pid) == []


class Local:
    """A value whose class only this module has."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return type(other) is Local and other.number == self.number

    def __hash__(self) -> int:
        return self.number


def children_of(pid: int) -> list[str]:
    """The programs of the processes that another one has started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [f"/proc/{child}/exe" for task in tasks for child in task.read_text().split()]


def entry(node_type: str, **settings: Any) -> dict[str, Any]:
    settings = {"executor": "process", "restart": 100, **settings}
    return {"node_type": f"{NODES}/{node_type}", "params": {}, **settings}


def live(kind: Callable[..., Node], *args: Any, **settings: Any) -> Node:
    return kind(*args, **{"executor": "multiprocess", "restart": 100, **settings})


def facts_of(output: Any) -> Seen:
    """What a node of either language says of an item."""
    if isinstance(output, dict):
        return Seen(output["n"], output["pid"], output["isInitialized"])
    return Seen(*output)


async def gone(pid: int) -> None:
    """Wait for the end of a process; the test's own time limit is what fails it."""
    while True:
        try:
            Path(f"/proc/{pid}/exe").readlink()
        except OSError:
            return
        await asyncio.sleep(0)


def kill(pid: int) -> None:
    # It may be dead already, where what it has given comes later.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def with_kills(
    nodes: list[Any],
    seed: int,
    letters: list[DeadLetter] | None = None,
    wrap: Callable[[int], Any] = int,
) -> list[Any]:
    """What comes of numbers while the host that has given an output is killed now and then."""
    random_of = random.Random(seed)
    session = await Pipeline(nodes).open(on_dead_letter=None if letters is None else letters.append)

    async def write() -> None:
        for number in ALL:
            await session.write(wrap(number))
        session.end()

    writing = asyncio.create_task(write())
    outputs = list[Any]()
    pids = list[int]()
    kill_at = random_of.randrange(ITEMS // (KILLS + 2))
    async for output in session:
        seen = facts_of(output)
        assert seen.is_initialized
        outputs.append(seen.item)
        if seen.pid not in pids:
            pids.append(seen.pid)
        # What a host had given before it died still comes.
        if len(pids) <= KILLS and len(outputs) > kill_at and seen.pid == pids[-1]:
            kill_at = len(outputs) + 1 + random_of.randrange(ITEMS // (KILLS + 2))
            kill(seen.pid)
    await writing
    await session.wait()
    assert len(pids) > 1
    for pid in pids:
        await gone(pid)
    return outputs


PASS = {"node_type": "typescript:PassThrough"}

CASES = [
    pytest.param(lambda: [live(One)], ALL, id="a sync node"),
    pytest.param(lambda: [live(Later)], ALL, id="an async node"),
    pytest.param(lambda: [unordered(live(Later))], ALL, id="an async node without an order"),
    pytest.param(lambda: [live(Two)], HALVES, id="a node that gives two"),
    pytest.param(lambda: [live(TwoLater)], HALVES, id="an async node that gives two"),
    pytest.param(lambda: [live(Even)], ALL[::2], id="a node that filters"),
    pytest.param(lambda: [entry("nodes.py#One")], ALL, id="a Python entry"),
    pytest.param(lambda: [entry("nodes.mjs#One")], ALL, id="a TypeScript entry"),
    pytest.param(lambda: [entry("nodes.mjs#Two")], HALVES, id="a TypeScript entry that gives two"),
    pytest.param(lambda: [Echo(), live(One), Echo()], ALL, id="behind and before nodes of this program"),
    pytest.param(lambda: [other(), live(One), other()], ALL, id="between nodes of other processes"),
    pytest.param(lambda: [PASS, live(One), PASS], ALL, id="between nodes of the engine"),
    pytest.param(lambda: [again(), live(One), again()], ALL, id="between others that may be started again"),
]


def unordered(node: Node) -> Node:
    node.unordered = True
    return node


def other() -> Node:
    return Echo(executor="multiprocess")


def again() -> Node:
    return Echo(executor="multiprocess", restart=1)


class TestAHostThatIsKilledInTheMiddle:
    @pytest.mark.parametrize(("nodes", "expected"), CASES)
    def test_is_started_again_and_all_items_come(
        self, nodes: Callable[[], list[Any]], expected: list[Any]
    ) -> None:
        outputs = run(lambda: with_kills(nodes(), 1))
        assert sorted(set(outputs)) == expected

    def test_gives_each_item_once_and_in_order_where_a_node_gives_one_output(self) -> None:
        assert run(lambda: with_kills([live(One)], 2)) == ALL

    @pytest.mark.parametrize("place", ["live", "nodes.py#One", "nodes.mjs#One"])
    def test_reports_what_was_in_it_where_that_is_asked_for(self, place: str) -> None:
        def item_of(number: int) -> Any:
            # Where others are killed there may be nothing in them.
            return "die" if number == ITEMS // 2 else number

        letters = list[DeadLetter]()
        restart = {"limit": 100, "items": "report"}
        node = live(One, restart=restart) if place == "live" else entry(place, restart=restart)
        outputs = run(lambda: with_kills([node], 3, letters, item_of))
        assert "die" in [letter.item for letter in letters]
        for letter in letters:
            assert letter.item == item_of(letter.item_index)
            assert isinstance(letter.error, HostDiedError)
            assert letter.error.signal == "SIGKILL"
        assert sorted([*outputs, *(letter.item_index for letter in letters)]) == ALL

    def test_keeps_the_dead_letters_of_the_node_apart(self) -> None:
        letters = list[DeadLetter]()
        outputs = run(lambda: with_kills([live(Failing)], 4, letters))
        assert sorted({letter.item for letter in letters}) == ALL[3::10]
        assert {type(letter.error) for letter in letters} == {LookupError}
        assert sorted(set(outputs)) == [number for number in ALL if number % 10 != 3]

    @pytest.mark.parametrize("items", ["redeliver", "report"])
    def test_any_object_that_can_be_pickled_crosses(self, items: str) -> None:
        letters = list[DeadLetter]()
        node = live(Failing, restart=RestartPolicy(100, items))  # type: ignore[arg-type]
        outputs = run(lambda: with_kills([node], 5, letters, Local))
        given = [*outputs, *(letter.item for letter in letters)]
        assert {type(item) for item in given} == {Local}
        assert sorted({item.number for item in given}) == ALL
        assert len(outputs) == len(set(outputs))


def opened(nodes: list[Any], body: Callable[[LiveSession], Any], **options: Any) -> Any:
    async def main() -> Any:
        return await body(await Pipeline(nodes).open(**options))

    return run(main)


class Restarts(logging.Handler):
    """Calls something on the loop when a host is about to be started again."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(logging.WARNING)
        self._act = act
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if "is started again" in record.getMessage():
            self._loop.call_soon_threadsafe(self._act)

    def __enter__(self) -> None:
        logging.getLogger("remotemedia.engine").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("remotemedia.engine").removeHandler(self)


PLACES = [pytest.param(lambda **s: live(One, **s), id="live")] + [
    pytest.param(lambda name=name, **s: entry(name, **s), id=name)
    for name in ("nodes.py#One", "nodes.mjs#One")
]


@pytest.mark.parametrize("node", PLACES)
class TestAnywhere:
    def test_past_the_limit_the_session_fails_with_the_death(
        self, node: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def body(session: LiveSession) -> None:
            await session.write("die")
            with pytest.raises(HostDiedError):
                await anext(session)
            with pytest.raises(HostDiedError) as caught:
                await session.wait()
            assert caught.value.code == "RM_HOST_DIED"

        opened([node(restart=2)], body)
        told = [record.getMessage() for record in caplog.records if record.name == "remotemedia.engine"]
        counts = [message[-9:] for message in told if "It is started again for node" in message]
        assert counts == ["(1 of 2).", "(2 of 2)."]

    def test_a_run_goes_on_as_well(self, node: Any) -> None:
        async def main() -> list[Any]:
            outputs = list[Any]()
            async for output in Pipeline([node()]).process(aiter_of([1, 2, 3])):
                outputs.append(facts_of(output).item)
                if len(outputs) == 1:
                    kill(facts_of(output).pid)
            return outputs

        assert run(main) == [1, 2, 3]

    def test_an_interruption_meanwhile_makes_stale_what_was_in_the_host(self, node: Any) -> None:
        async def body(session: LiveSession) -> None:
            interrupted = asyncio.Event()

            def interrupt() -> None:
                session.interrupt()
                interrupted.set()

            with Restarts(interrupt):
                await session.write("die")
                await interrupted.wait()
            await session.write(7)
            assert facts_of(await anext(session)).item == 7
            session.end()
            assert await read(session) == []

        opened([node(restart=2)], body)

    def test_the_end_may_come_meanwhile(self, node: Any) -> None:
        letters = list[DeadLetter]()

        async def body(session: LiveSession) -> None:
            with Restarts(session.end):
                await session.write("die")
                assert await read(session) == []
            await session.wait()

            (loss,) = session.account().losses
            assert (loss.input_index, loss.reason, loss.error) == (0, "lost", letters[0].error)

        restart = {"limit": 1, "items": "report"}
        opened([node(restart=restart)], body, on_dead_letter=letters.append, accounting=True)
        assert [letter.item for letter in letters] == ["die"]

    def test_a_cancel_may_come_meanwhile(self, node: Any) -> None:
        async def body(session: LiveSession) -> None:
            is_restarted = asyncio.Event()
            with Restarts(is_restarted.set):
                await session.write("die")
                await is_restarted.wait()
                await session.cancel(ValueError("enough"))
            assert await read(session) == []

        opened([node()], body)


async def aiter_of(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def test_a_live_object_is_made_again_as_it_was_when_it_left(tmp_path: Path) -> None:
    node = live(Counting, tmp_path / "mark")
    outputs = asyncio.run(execute_pipeline_with_input([node], [1, 2, 3, 4]))
    assert [item for item, _ in outputs] == [1, 2, 3, 4]
    # Counted from 10 once more.
    assert outputs[3][1] == outputs[2][1] + 1
    assert outputs[2][1] <= 13
    assert node.count == 10  # type: ignore[attr-defined]


def test_a_node_that_does_not_come_up_again_uses_up_the_limit(tmp_path: Path) -> None:
    async def body(session: LiveSession) -> None:
        await session.write("die")
        with pytest.raises(HostDiedError):
            await session.wait()

    opened([live(Unlucky, tmp_path / "mark", restart=3)], body)


def test_an_output_that_cannot_leave_its_process_fails_the_run() -> None:
    class Bad(Node):
        def process(self, item: Any) -> Any:
            return Unpicklable()

    with pytest.raises(ValueTransferError, match="stays here"):
        asyncio.run(execute_pipeline_with_input([live(Bad)], [1]))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (lambda: [One(restart=1)], r'^Node "One_0" has a restart policy and runs in a host that holds more'),
        (lambda: [entry("nodes.mjs#One", executor="in-process")], "runs in a host that holds more"),
        (lambda: [live(StreamRecording)], "is a streaming node, of which nobody knows"),
        (lambda: [live(Source)], "is a source node, of which nobody knows"),
        (lambda: [entry("nodes.mjs#Later", input_queue="latest")], "drops items, which would come back"),
        (lambda: [dropping(live(Later))], "an input_queue that drops items, which would come back"),
        (lambda: [zipping(live(Later))], r"brings its inputs together \(zip\)"),
        (lambda: [replicated(live(Later))], "whose hosts are not started again, and this one has a restart"),
        (lambda: [One(restart=-1)], "restart must be a whole number from 0"),
    ],
)
def test_what_cannot_be_started_again_is_refused(nodes: Callable[[], list[Any]], message: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigurationError, match=message) as caught:
            await Pipeline(nodes()).open()
        assert caught.value.code == "RM_INVALID_ARGUMENT"

    run(main)


def dropping(node: Node) -> Node:
    node.input_queue = {"when_full": "drop-oldest"}
    return node


def zipping(node: Node) -> Node:
    node.fan_in = "zip"
    return node


def replicated(node: Node) -> Node:
    node.replicas = 2  # type: ignore[attr-defined]
    return node


def test_a_state_that_is_to_come_home_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="its state is to come home: that of a host that has died"):
        asyncio.run(execute_pipeline_with_input([live(One)], [1], return_state=True))


def test_a_program_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    program = """
    from remotemedia.driver.engine import engine

    class Dying(Echo):
        def process(self, data):
            if not os.path.exists("mark"):
                open("mark", "w").close()
                os._exit(3)
            return data

    node = Dying(executor="multiprocess", restart=1)
    say(execute_pipeline_with_input_sync([node, Echo()], [1, 2]))
    say(os.getpid(), engine().pid)
    """
    outputs, pids = run_program(program, tmp_path).splitlines()
    assert outputs == "[1, 2]"
    for pid in pids.split():
        assert list(Path(tempfile.gettempdir()).glob(f"remotemedia-{pid}-*")) == []
