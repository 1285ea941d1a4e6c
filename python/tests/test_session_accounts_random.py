"""What became of each input, over random pipelines: every item that was there is accounted for."""

import asyncio
from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia import Node, Pipeline, QueueLimits
from remotemedia.core.exceptions import SessionEndedError


class Entry:
    """What the nodes did for one input."""

    def __init__(self):
        # Items that were there: the input, and what nodes gave, as often as something takes it.
        self.made = 1
        # Of these the ones that ``process`` was called for.
        self.taken = 0
        # Calls of ``process`` that have not ended by themselves.
        self.open = 0
        self.failed = 0


class Journal(dict):
    def __missing__(self, index):
        entry = self[index] = Entry()
        return entry


class Item:
    """What comes of one input."""

    def __init__(self, index):
        self.index = index


class Noting(Node):
    """Notes in a journal what it gets and gives."""

    def __init__(self, journal, name):
        super().__init__(name=name)
        self.journal = journal
        self.takers = 1

    def take(self, item):
        entry = self.journal[item.index]
        entry.taken += 1
        entry.open += 1

    def give(self, item):
        self.journal[item.index].made += self.takers
        return Item(item.index)

    def done(self, item):
        self.journal[item.index].open -= 1


class Keep(Noting):
    def process(self, item):
        self.take(item)
        self.done(item)
        return self.give(item)


class Drop(Noting):
    def process(self, item):
        self.take(item)
        self.done(item)
        return None if item.index % 3 == 0 else self.give(item)


class Twice(Noting):
    def process(self, item):
        self.take(item)
        yield self.give(item)
        yield self.give(item)
        self.done(item)


class TwiceLater(Noting):
    async def process(self, item):
        self.take(item)
        yield self.give(item)
        await asyncio.sleep(0)
        yield self.give(item)
        self.done(item)


class Later(Noting):
    async def process(self, item):
        self.take(item)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.done(item)
        return self.give(item)


class Refuse(Noting):
    failure_policy = "skip"

    def process(self, item):
        self.take(item)
        self.done(item)
        if item.index % 4 != 1:
            return self.give(item)
        self.journal[item.index].failed += 1
        raise ValueError("refused")


class RefuseLater(Refuse):
    async def process(self, item):
        await asyncio.sleep(0)
        return super().process(item)


class Break(Noting):
    """Ends the session by a failure at one input."""

    def process(self, item):
        self.take(item)
        if item.index == 4:
            raise ValueError("broken")
        self.done(item)
        return self.give(item)


_KINDS = [Keep, Drop, Twice, TwiceLater, Later, Refuse, RefuseLater, Break]
_STEPS = ["write"] * 8 + ["urgent", "survivor", "interrupt"] + ["turn", "rest"] * 4 + ["read"] * 3

_nodes = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(_KINDS),
            "concurrency": st.integers(1, 3),
            "when_full": st.sampled_from([None, "block", "drop-oldest", "drop-newest", "latest"]),
            "is_forked": st.booleans(),
        }
    ),
    min_size=1,
    max_size=4,
)


def pipeline_of(nodes, journal):
    """The nodes in a row; the outputs of one that is forked go to the one behind the next as well."""
    pipeline = Pipeline(name="random")
    made = []
    for index, node in enumerate(nodes):
        live = node["kind"](journal, f"n{index}")
        live.concurrency = node["concurrency"]
        if node["when_full"] is not None:
            live.input_queue = QueueLimits(max_items=2, when_full=node["when_full"])
        made.append(live)
    pipeline.nodes = [{"id": node.name, "instance": node} for node in made]
    edges = [(before.name, after.name) for before, after in pairwise(made)]
    for index, node in enumerate(nodes):
        if node["is_forked"] and index + 2 < len(made):
            edges.append((made[index].name, made[index + 2].name))
            made[index].takers = 2
    pipeline.connections = edges
    return pipeline


async def play(session, steps, ends_early, read):
    """Go through the steps; gives how many items were written, and what the session failed with."""
    permits = asyncio.Semaphore(0)
    written = 0

    async def read_all():
        while True:
            await permits.acquire()
            read[(await anext(session)).index] += 1

    reading = asyncio.create_task(read_all())
    for step in steps:
        if step == "turn":
            await asyncio.sleep(0)
        elif step == "rest":
            # Another thread has had a turn, and with it perhaps those of the session.
            await asyncio.to_thread(int)
        elif step == "read":
            permits.release()
        elif step == "interrupt":
            session.interrupt()
        else:
            try:
                marks = {"survives": step == "survivor", "urgent": step == "urgent"}
                written += session.try_write(Item(written), **marks)
            except SessionEndedError:
                continue
        now = session.account()
        assert now.inputs == written == now.answered + now.lost + now.silent + now.pending
    if ends_early:
        await session.cancel()
    else:
        session.end()
    for _ in range(1_000):
        permits.release()
    failures = await asyncio.gather(reading, return_exceptions=True)
    failed = not isinstance(failures[0], StopAsyncIteration)
    return written, failed or ends_early


@given(
    _nodes,
    st.lists(st.sampled_from(_STEPS), min_size=30, max_size=80),
    st.sampled_from(["block", "drop-oldest", "drop-newest"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_every_input_is_accounted_for(nodes, steps, when_full, ends_early):
    journal = Journal()
    read = Counter()
    letters = []

    async def main():
        session = await pipeline_of(nodes, journal).open(
            accounting=True,
            input_queue=QueueLimits(max_items=4, when_full=when_full),
            on_dead_letter=letters.append,
        )
        written, is_early = await play(session, steps, ends_early, read)
        return session.account(), written, is_early

    account, written, is_early = asyncio.run(main())
    assert account.pending == 0
    assert all(letter.input_index == letter.item.index for letter in letters)
    is_calm = not is_early and "interrupt" not in steps
    for index in range(written):
        told, entry = account.of(index), journal[index]
        missing = entry.made - entry.taken - told.outputs
        assert told.outputs == read[index]
        assert told.fate == ("answered" if told.outputs else "lost" if told.losses else "silent")
        if not told.losses:
            assert (missing, entry.open) == (0, 0)
        if is_calm:
            items = Counter()
            for loss in told.losses:
                items[loss.reason] += loss.items
            assert items == +Counter({"dropped": missing, "dead-letter": entry.failed}), told.losses
