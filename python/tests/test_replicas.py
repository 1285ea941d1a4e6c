"""Nodes with copies in processes of their own, in Python programs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live import read, run
from remotemedia import (
    DeadLetter,
    FailurePolicy,
    Pipeline,
    RetryPolicy,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.core.exceptions import ConfigurationError, HostDiedError, InvalidNodeError
from replica_nodes import (
    AsyncRecipe,
    Clock,
    Dying,
    Journal,
    Recipe,
    Refusing,
    Seen,
    Streaming,
    Stubborn,
    Talk,
    Timed,
    outputs_of,
)

_NODES = Path(__file__).parents[2] / "test" / "replicas" / "nodes.cjs"


def away(node: Any, replicas: Any = 2, concurrency: int = 1) -> Any:
    """A node that asks for processes."""
    node.executor = "multiprocess"
    node.replicas = replicas
    node.concurrency = concurrency
    return node


def recipes(count: int) -> list[dict[str, Any]]:
    return [{"id": index, "outputs": index % 4, "turns": index % 3} for index in range(count)]


def flat(items: list[dict[str, Any]]) -> list[str]:
    return [output for item in items for output in outputs_of(item)]


items = st.lists(
    st.fixed_dictionaries({"outputs": st.sampled_from([0, 1, 1, 2, 5, 40]), "turns": st.integers(0, 4)}),
    max_size=40,
).map(lambda drawn: [{"id": index, **recipe} for index, recipe in enumerate(drawn)])


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=items, is_async=st.booleans(), concurrency=st.integers(1, 3))
def test_outputs_are_those_of_one_node_in_order(
    drawn: list[dict[str, Any]], is_async: bool, concurrency: int
) -> None:
    node = away(AsyncRecipe() if is_async else Recipe(), concurrency=concurrency)
    assert run(lambda: execute_pipeline_with_input([node], drawn)) == flat(drawn)


def test_each_process_has_its_own_life(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    node = away(Journal(file=str(file)), replicas=3)
    *pids, first, second, third = run(lambda: execute_pipeline_with_input([node], range(60)))
    # What the original noted, as it was cleaned up before it left, is not of the run.
    lines = [line.split() for line in file.read_text().splitlines()][1:]
    for event in ("initialize", "cleanup"):
        assert sorted(int(pid) for what, pid in lines if what == event) == sorted(set(pids))
    assert len(set(pids)) == 3
    assert dict([first, second, third]) == {pid: pids.count(pid) for pid in pids}


def test_entries_have_replicas_and_so_do_typescript_types() -> None:
    entry = {"node_type": "python:replica_nodes.Recipe", "executor": "multiprocess", "replicas": 2}
    passing = {"node_type": "typescript:PassThrough", "executor": "worker", "replicas": 2}
    given = recipes(20)
    assert run(lambda: execute_pipeline_with_input([passing, entry], given)) == flat(given)


def test_a_program_without_a_loop_has_them_as_well() -> None:
    given = recipes(12)
    assert execute_pipeline_with_input_sync([away(Recipe())], given) == flat(given)


def test_items_keep_the_types_of_python() -> None:
    (output,) = run(lambda: execute_pipeline_with_input([away(Journal(file="/dev/null"))], []))[:1]
    assert isinstance(output, tuple)


def test_a_failure_is_that_of_the_item_after_the_outputs_before() -> None:
    given = [{**recipe, "fails": recipe["id"] == 7} for recipe in recipes(20)]
    outputs: list[str] = []

    async def main() -> None:
        async with Pipeline([away(Recipe())]).open() as session:
            for item in given:
                await session.write(item)
            session.end()
            async for output in session:
                outputs.append(output)

    with pytest.raises(KeyError, match="item 7") as caught:
        run(main)
    assert any('node "Recipe_0", item 7' in note for note in caught.value.__notes__)
    assert outputs == flat(given[:7])


@pytest.mark.parametrize("is_typescript", [False, True])
def test_a_failure_policy_is_that_of_all_copies_together(tmp_path: Path, is_typescript: bool) -> None:
    file = tmp_path / "calls"
    node: Any = away(Stubborn(file=str(file)))
    node.failure_policy = FailurePolicy("skip", RetryPolicy(2, delay_ms=0))
    if is_typescript:
        node = {
            "node_type": f"{_NODES}#Stubborn",
            "params": {"file": str(file)},
            "executor": "worker",
            "replicas": 2,
            "failure_policy": {"on_error": "skip", "retry": {"attempts": 2, "delay_ms": 0}},
        }
    letters: list[DeadLetter] = []
    run(lambda: execute_pipeline_with_input([node], ["a"], on_dead_letter=letters.append))
    assert [letter.item for letter in letters] == ["a"]
    assert len(file.read_text().splitlines()) == 3


def test_presentation_times_go_to_the_copies_and_come_with_the_outputs_behind_them() -> None:
    async def main() -> list[Any]:
        async with Pipeline([Timed(), away(Clock()), Seen()]).open() as session:
            for time in (1000.0, 2000.0):
                await session.write(time)
            session.end()
            return await read(session)

    assert run(main) == [
        (f"{word} {time}", time)
        for start in (1000.0, 2000.0)
        for word, time in (("at", start), ("then", start + 5), ("last", start + 10))
    ]


def test_a_session_with_copies_can_be_changed() -> None:
    async def main() -> list[Any]:
        async with Pipeline([away(Recipe())]).open() as session:
            reading = asyncio.create_task(read(session))
            first, second = recipes(3)[1:]
            await session.write(first)
            id = await session.insert(away(Journal(file="/dev/null")), after="Recipe_0")
            await session.write(second)
            await session.remove(id)
            await session.write(first)
            session.end()
            return await reading

    outputs = run(main)
    first, second = recipes(3)[1:]
    journal = [output for output in outputs if not isinstance(output, str)]
    assert [output for output in outputs if isinstance(output, str)] == flat([first, first])
    assert [output for output in journal if isinstance(output, int)] == journal[: second["outputs"]]
    # Each copy says how many it had as it goes.
    assert sum(count for _, count in journal[second["outputs"] :]) == second["outputs"]
    assert len(journal) == second["outputs"] + 2


def test_an_interruption_ends_what_waits() -> None:
    async def main() -> None:
        async with Pipeline([away(Talk())]).open() as session:
            for index in range(10):
                for _ in range(5):
                    await session.write("wait")
                assert await anext(session) == "wait begins"
                session.interrupt()
                await session.write(f"round {index}")
                assert await anext(session) == f"round {index} begins"

    run(main)


def test_a_copy_may_interrupt_the_session() -> None:
    async def main() -> None:
        async with Pipeline([away(Talk())]).open() as session:
            await session.write("wait")
            assert await anext(session) == "wait begins"
            await session.write("barge in")
            assert await anext(session) == "barge in begins"

    run(main)


def test_a_cancel_ends_all() -> None:
    async def main() -> list[Any]:
        async with Pipeline([away(Talk())]).open() as session:
            await session.write("wait")
            assert await anext(session) == "wait begins"
            await session.cancel()
            return await read(session)

    assert run(main) == []


def test_a_process_that_dies_ends_the_run() -> None:
    with pytest.raises(HostDiedError, match="Dying_0#"):
        run(lambda: execute_pipeline_with_input([away(Dying())], ["a", "die", "b"]))


def test_an_initialize_that_fails_is_raised() -> None:
    with pytest.raises(ConnectionError, match="no model"):
        run(lambda: execute_pipeline_with_input([away(Refusing())], [1]))


def test_a_run_can_be_given_up_while_it_opens() -> None:
    async def main() -> None:
        task = asyncio.create_task(execute_pipeline_with_input([away(Recipe(), 3)], recipes(3)))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


@pytest.mark.parametrize("replicas", [0, -1, 1.5, "2", True])
def test_a_number_that_does_not_exist_is_refused(replicas: Any) -> None:
    with pytest.raises(ConfigurationError, match="replicas must be a whole number of at least 1"):
        run(lambda: execute_pipeline_with_input([away(Recipe(), replicas)], [1]))


def test_nodes_that_cannot_have_copies_are_refused() -> None:
    here = Recipe()
    here.replicas = 2  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="in hosts of their own"):
        run(lambda: execute_pipeline_with_input([here], [1]))
    with pytest.raises(ConfigurationError, match="this is a streaming node"):
        run(lambda: execute_pipeline_with_input([away(Streaming())], [1]))
    joining = away(Recipe())
    joining.fan_in = "zip"
    with pytest.raises(ConfigurationError, match=r"brings its inputs together \(zip\)"):
        run(lambda: execute_pipeline_with_input([joining], [1]))
    twice = away(Recipe())
    with pytest.raises(InvalidNodeError, match="only be at one place"):
        run(lambda: execute_pipeline_with_input([twice, twice], [1]))
    with pytest.raises(ConfigurationError, match="no single state"):
        run(lambda: execute_pipeline_with_input([away(Recipe())], [1], return_state=True))
