"""Random changes of running sessions, against a plain loop that is changed at the same places."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from changing_nodes import LIFE, AsyncLetter, Letter, ManyLetters
from live import read, run
from remotemedia import Pipeline

KINDS = {"sync": Letter, "async": AsyncLetter, "many": ManyLetters}


class Model:
    """What a plain loop does."""

    def __init__(self) -> None:
        self.outputs: list[str] = []
        self.nodes: list[tuple[str, str, list[int]]] = []

    def push(self, text: str, start: int = 0) -> None:
        if start == len(self.nodes):
            self.outputs.append(text)
            return
        letter, kind, count = self.nodes[start]
        for _ in range(2 if kind == "many" else 1):
            count[0] += 1
            self.push(f"{text}{letter}{count[0]}", start + 1)

    def flush(self, index: int) -> None:
        letter, _, count = self.nodes[index]
        self.push(f"[{letter}{count[0]}]", index + 1)


PLACE = st.integers(0, 20)
KIND = st.sampled_from(sorted(KINDS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4), st.just("")),
        st.tuples(st.sampled_from(["before", "after", "replace"]), PLACE, KIND),
        st.tuples(st.just("remove"), PLACE, st.just("")),
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(KIND, min_size=1, max_size=3), STEPS)
def test_random_changes_give_what_a_plain_loop_gives_that_is_changed_there(
    kinds: list[str], steps: list[tuple[str, int, str]]
) -> None:
    made: list[Letter] = []
    model = Model()

    def add(kind: str, index: int) -> Letter:
        letter = chr(97 + len(made))
        made.append(KINDS[kind](letter))
        model.nodes.insert(index, (letter, kind, [0]))
        return made[-1]

    async def main() -> list[Any]:
        nodes = [add(kind, index) for index, kind in enumerate(kinds)]
        ids = [f"{node.letter}_{index}" for index, node in enumerate(nodes)]
        session = await Pipeline(nodes).open()
        reading = asyncio.create_task(read(session))
        item = 0
        for step, number, kind in steps:
            index = number % len(ids)
            if step == "write":
                for _ in range(number):
                    item += 1
                    await session.write(f"{item}:")
                    model.push(f"{item}:")
            elif step == "remove" and len(ids) > 1:
                await session.remove(ids.pop(index))
                model.flush(index)
                del model.nodes[index]
            elif step == "replace":
                model.flush(index)
                del model.nodes[index]
                await session.replace(ids[index], add(kind, index))
            elif step in ("before", "after"):
                place = index + (step == "after")
                ids.insert(place, await session.insert(add(kind, place), **{step: ids[index]}))
        session.end()
        return await reading

    outputs = run(main)
    for index in range(len(model.nodes)):
        model.flush(index)
    assert outputs == model.outputs
    assert [node.calls for node in made] == [LIFE] * len(made)
