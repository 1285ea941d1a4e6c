"""The Python fixtures of the table of cases (``test/conformance/README.md``).

Every class takes ``id`` (what it is called in the journal), ``journal`` (the name of the case's journal) and
its parameters. ``Journal(name)`` reads one: ``entries()``; ``clear()`` empties it. The module has no
dependencies, so that a host can load it as a file.
"""

import asyncio
import weakref

_journals: dict[str, list[str]] = {}
_turn = asyncio.sleep


class Journal:
    """Gives access to a journal of this process."""

    def __init__(self, name: str):
        self.name = name

    def process(self, item):
        return item

    def entries(self) -> list[str]:
        return list(_journals.get(self.name, ()))

    def clear(self) -> None:
        _journals.pop(self.name, None)


class Fixture:
    """Notes its life cycle."""

    def __init__(self, id: str = "node", journal: str = "default", **params):
        self.id = id
        self.entries = _journals.setdefault(journal, [])
        self.params = params

    def note(self, what: str) -> None:
        self.entries.append(f"{self.id}.{what}")

    def initialize(self):
        self.note("initialize")

    def cleanup(self):
        self.note("cleanup")


class Identity(Fixture):
    def process(self, item):
        return item


class Double(Fixture):
    def process(self, item):
        return item * 2


class AddAsync(Fixture):
    async def process(self, item):
        await _turn(0)
        return item + self.params["amount"]


class DropOdd(Fixture):
    def process(self, item):
        return None if item % 2 else item


class Repeat(Fixture):
    def process(self, item):
        for _ in range(self.params["times"]):
            yield item


class RepeatAsync(Fixture):
    async def process(self, item):
        for _ in range(self.params["times"]):
            await _turn(0)
            yield item


class Pair(Fixture):
    def process(self, item):
        return [item, item]


class Null(Fixture):
    def process(self, item):
        return {"value": None}


class Text(Fixture):
    def process(self, item):
        return str(item)


class _Repeated:
    def __init__(self, item, times):
        self.item = item
        self.left = times

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return self.item


class Iterator(Fixture):
    def process(self, item):
        return _Repeated(item, self.params["times"])


class Batch(Fixture):
    def initialize(self):
        super().initialize()
        self.items = []

    def process(self, item):
        self.items.append(item)
        if len(self.items) == self.params["size"]:
            full, self.items = self.items, []
            return full
        return None

    def flush(self):
        self.note("flush")
        return self.items or None


class BatchAsync(Batch):
    async def process(self, item):
        await _turn(0)
        return super().process(item)

    async def flush(self):
        rest = super().flush()
        await _turn(0)
        return rest


class FlushMany(Fixture):
    def process(self, item):
        return None

    def flush(self):
        self.note("flush")
        return iter(range(self.params["count"]))


class Sum(Fixture):
    is_streaming = True

    async def process(self, stream):
        total = 0
        async for item in stream:
            total += item
            yield total


class Take(Fixture):
    is_streaming = True

    async def process(self, stream):
        left = self.params["count"]
        async for item in stream:
            left -= 1
            yield item
            if left == 0:
                return


class Count(Fixture):
    is_source = True

    def process(self):
        yield from range(self.params["to"])


class CountAsync(Fixture):
    is_source = True

    async def process(self):
        for number in range(self.params["to"]):
            await _turn(0)
            yield number


class Endless(Fixture):
    is_source = True

    def process(self):
        number = 0
        while True:
            yield number
            number += 1


class Overlap(Fixture):
    def initialize(self):
        super().initialize()
        self.entered = {}

    def event(self, item):
        return self.entered.setdefault(item, asyncio.Event())

    async def process(self, item):
        self.event(item).set()
        if item % 2 == 0:
            await self.event(item + 1).wait()
        return item


class Hang(Fixture):
    async def process(self, item):
        yield item
        if item % 2:
            await asyncio.Event().wait()


class Linger(Fixture):
    async def process(self, item):
        if item % 2:
            await asyncio.Event().wait()
        return item


class BargeIn(Fixture):
    def process(self, item, ctx):
        if item == 0:
            ctx.interrupt()
        return item


class Filled(Fixture):
    def process(self, item):
        import numpy

        array = numpy.full(self.params["size"], item, numpy.float64)
        _made[id(array)] = array
        return array


_made = weakref.WeakValueDictionary()
"""Arrays that were made in this process: within it every node gets the very same one."""


class Scale(Fixture):
    def process(self, item):
        is_own = item.flags.writeable and _made.get(id(item)) is not item
        array = item if is_own else item.copy()
        array *= self.params["factor"]
        return int(array[0])


class KeepAll(Fixture):
    def initialize(self):
        super().initialize()
        self.arrays = []

    def process(self, item):
        self.arrays.append(item)

    def flush(self):
        self.note("flush")
        arrays, self.arrays = self.arrays, []
        return sum(int(array.sum()) for array in arrays)


class Refuse(Fixture):
    """Fails for odd numbers; made by ``__new__`` so that ``process`` is of the right kind."""

    def __new__(cls, id="node", journal="default", *, where="process"):
        return object.__new__(_REFUSING.get(where, cls))

    def refuse(self, item):
        if item % 2:
            raise ValueError("boom")
        return item

    def process(self, item):
        return self.refuse(item)


class _RefuseAsync(Refuse):
    async def process(self, item):
        await _turn(0)
        return self.refuse(item)


class _RefuseGenerator(Refuse):
    def process(self, item):
        yield self.refuse(item)


class _RefuseAsyncGenerator(Refuse):
    async def process(self, item):
        await _turn(0)
        yield self.refuse(item)


_REFUSING = {
    "async": _RefuseAsync,
    "generator": _RefuseGenerator,
    "asyncGenerator": _RefuseAsyncGenerator,
}


class Explode(Fixture):
    """Fails where its parameter says; made by ``__new__`` so that ``process`` is of the right kind."""

    def __new__(cls, id="node", journal="default", *, where="process", at=0):
        return object.__new__(_EXPLODING.get(where, cls))

    def __init__(self, id="node", journal="default", *, where="process", at=0):
        super().__init__(id, journal)
        self.where = where
        self.at = at
        self.seen = 0

    def is_due(self):
        self.seen += 1
        return self.seen == self.at + 1

    def boom(self):
        raise ValueError("boom")

    def initialize(self):
        super().initialize()
        if self.where == "initialize":
            self.boom()

    def cleanup(self):
        super().cleanup()
        if self.where == "cleanup":
            self.boom()

    def process(self, item):
        if self.where == "process" and self.is_due():
            self.boom()
        return item


class _ExplodeAsync(Explode):
    async def process(self, item):
        await _turn(0)
        if self.is_due():
            self.boom()
        return item


class _ExplodeGenerator(Explode):
    def process(self, item):
        yield item
        if self.is_due():
            self.boom()


class _ExplodeAsyncGenerator(Explode):
    async def process(self, item):
        yield item
        if self.is_due():
            self.boom()


class _ExplodeStream(Explode):
    is_streaming = True

    async def process(self, stream):
        async for item in stream:
            if self.is_due():
                self.boom()
            yield item


class _ExplodeSource(Explode):
    is_source = True

    def process(self):
        yield from range(self.at)
        self.boom()


class _ExplodeFlush(Explode):
    def flush(self):
        self.note("flush")
        self.boom()


_EXPLODING = {
    "async": _ExplodeAsync,
    "generator": _ExplodeGenerator,
    "asyncGenerator": _ExplodeAsyncGenerator,
    "stream": _ExplodeStream,
    "source": _ExplodeSource,
    "flush": _ExplodeFlush,
}
