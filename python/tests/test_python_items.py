"""Items between Python processes arrive as they left, whatever they are made of."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import os
import subprocess
import sys
import textwrap
import threading
import uuid
import zoneinfo
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from driver_nodes import Echo
from item_nodes import Colour, Flag, Point, Settings, Text, Unloadable, Word
from remotemedia import Pipeline, execute_pipeline_with_input_sync
from remotemedia.core.exceptions import ProtocolError, ValueTransferError
from remotemedia.data import AudioFrame, Binary, Control, Json, VideoFrame
from remotemedia.wire.items import ForeignItems, PythonItems
from remotemedia.wire.values import PICKLE, MapDict, encode


class OtherProcess:
    """A pipeline that stays open: each item goes to a process of its own and comes back."""

    def __init__(self, restart: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._inputs: asyncio.Queue[Any] = asyncio.Queue()
        node = Echo(executor="multiprocess", restart=restart)
        self._outputs = Pipeline([node]).process(self._items())
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _items(self) -> AsyncIterator[Any]:
        while True:
            yield await self._inputs.get()

    async def _send(self, item: Any) -> Any:
        await self._inputs.put(item)
        return await anext(self._outputs)

    def send(self, item: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(self._send(item), self._loop).result(30)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._outputs.aclose(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture(scope="module", params=[0, 1], ids=["direct", "by way of what starts it again"])
def other_process(request: pytest.FixtureRequest) -> Iterator[OtherProcess]:
    process = OtherProcess(request.param)
    yield process
    process.close()


def assert_same(left: Any, right: Any) -> None:
    """Equal, of the very same types all through; NaN is equal to itself."""
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
        assert left.flags.f_contiguous == right.flags.f_contiguous or not left.flags.c_contiguous
        # By bytes, as records with NaT in them are equal to nothing.
        assert left.tolist() == right.tolist() if left.dtype.hasobject else left.tobytes() == right.tobytes()
    elif isinstance(left, dict):
        assert len(left) == len(right)
        for (key, value), (other_key, other_value) in zip(left.items(), right.items(), strict=True):
            assert_same(key, other_key)
            assert_same(value, other_value)
    elif isinstance(left, (list, tuple, collections.deque)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    elif isinstance(left, (set, frozenset)):
        assert left == right
        assert sorted(map(_with_type, left)) == sorted(map(_with_type, right))
    elif dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    else:
        assert left == right or repr(left) == repr(right)


def _with_type(value: Any) -> tuple[str, str]:
    # Equal sets may have their members in different orders.
    members = sorted(map(_with_type, value)) if isinstance(value, (set, frozenset)) else value
    if isinstance(value, tuple):
        members = [_with_type(member) for member in value]
    return type(value).__qualname__, repr(members)


hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.sampled_from([Colour.RED, Flag.ONE | Flag.TWO, Text("t"), np.int8(3), np.str_("s")])
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC) | st.just(zoneinfo.ZoneInfo("Europe/Paris")))
)
hashable |= st.tuples(hashable, hashable) | st.frozensets(hashable, max_size=3)
dtypes = (
    # A pickle of such times has the byte order of the machine: numpy makes it so.
    hnp.scalar_dtypes().filter(lambda dtype: dtype.kind not in "mM" or dtype.isnative)
    | hnp.byte_string_dtypes()
    | hnp.unicode_string_dtypes()
    | hnp.array_dtypes(hnp.scalar_dtypes(), max_size=3)
)
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
arrays |= arrays.map(np.asfortranarray)
leaves = hashable | st.floats() | st.complex_numbers() | arrays
leaves |= st.binary().map(bytearray)
leaves |= st.builds(Word, st.text(), st.floats())
leaves |= st.sets(hashable, max_size=3)
items = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.builds(Point, st.integers(), inner)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3).map(Settings)
        | st.dictionaries(st.text(), inner, max_size=3).map(collections.OrderedDict)
        | st.lists(inner, max_size=3).map(collections.deque)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(item=items.filter(lambda item: item is not None))  # which would be no output
def test_mixtures_arrive_as_they_left(other_process: OtherProcess, item: Any) -> None:
    assert_same(other_process.send(item), item)


@pytest.mark.parametrize(
    "item",
    [
        AudioFrame(np.zeros(4, np.float32), 16_000),
        AudioFrame(np.zeros((2, 3), np.float32), 16_000, 5, {"a": {1: (2,)}}, "f32-planar"),
        AudioFrame(np.arange(6, dtype=np.int16).reshape(2, 3), 8_000, format="s16"),
        AudioFrame(np.zeros((1, 3)), 16_000),
        VideoFrame(b"\1\2\3\4", "RGBA", 1, 1, 0),
        VideoFrame(np.zeros(4, np.uint8), "RGBA", 1, 1),
        Json({"a": Word("b")}),
        Binary(b"a", "image/png"),
        Control("barge-in", {"by": {1, 2}}),
        MapDict({"a": 1}),
        {"__proto__": 1},
        fractions.Fraction(1, 3),
        Path("a/b"),
        range(3),
        np.dtype("int16"),
        np.ma.masked_array([1, 2], [True, False]).filled(0),
        np.array([{"a": 1}, None], dtype=object),
        [1, "\ud800", 2**70],
        2**64,
        (2**64, -(2**63) - 1),
        int,
        len,
    ],
    ids=repr,
)
def test_types_of_their_own(other_process: OtherProcess, item: Any) -> None:
    assert_same(other_process.send(item), item)


def test_an_item_that_holds_itself(other_process: OtherProcess) -> None:
    item: list[Any] = [1]
    item.append(item)
    back = other_process.send(item)
    assert back[1] is back
    assert back[0] == 1


def test_an_item_deeper_than_pickle_goes_is_refused() -> None:
    item: list[Any] = []
    for _ in range(100_000):
        item = [item]
    with pytest.raises(ValueTransferError, match="deeper than pickle goes"):
        PythonItems().lower(item)


def test_an_enum_member_is_the_very_one(other_process: OtherProcess) -> None:
    assert other_process.send({"a": Colour.RED})["a"] is Colour.RED


def test_classes_that_no_module_has(other_process: OtherProcess) -> None:
    class Local:
        def __init__(self) -> None:
            self.parts = [1, (2,)]

    class Shade(enum.Enum):
        DARK = 1

    space: dict[str, Any] = {}
    exec("class Made:\n    pass", space)
    assert type(other_process.send(space["Made"]())) is space["Made"]
    assert other_process.send(Shade.DARK) is Shade.DARK
    for _ in range(3):
        back = other_process.send(Local())
        assert type(back) is Local
        assert back.parts == [1, (2,)]


def test_a_class_that_comes_home_is_not_set_back(other_process: OtherProcess) -> None:
    made: list[str] = []

    class Base:
        def __init_subclass__(cls) -> None:
            made.append(cls.__name__)

    class Counting(Base):
        count = 0

    other_process.send(Counting())
    Counting.count = 5
    assert type(other_process.send(Counting())) is Counting
    assert Counting.count == 5
    assert made == ["Counting"]


def test_a_class_goes_by_value_once() -> None:
    class Large:
        text = "x" * 10_000

    sender, receiver = PythonItems(), PythonItems()
    sizes = []
    for _ in range(2):
        lowered, _ = sender.lower(Large())
        sizes.append(len(lowered.data))
        assert type(receiver.decode(encode([lowered]))[0]) is Large
    assert sizes[0] > 10_000 > 200 > sizes[1]


def test_what_failed_to_go_is_not_taken_for_sent() -> None:
    class Once:
        pass

    sender, receiver = PythonItems(), PythonItems()
    with pytest.raises(ValueTransferError):
        sender.lower([Once(), threading.Lock()])
    lowered, _ = sender.lower(Once())
    assert type(receiver.decode(encode([lowered]))[0]) is Once


@pytest.mark.parametrize(
    ("item", "path", "words"),
    [
        (threading.Lock(), "", "lock"),
        ({"a": [1, {"b c": threading.Lock()}]}, ".a[1]['b c']", "lock"),
        ([Word("a"), Word(number for number in ())], "[1].text", "generator"),  # pyright: ignore[reportArgumentType]
    ],
    ids=["itself", "nested", "attribute"],
)
def test_what_cannot_be_pickled_is_named(item: Any, path: str, words: str) -> None:
    with pytest.raises(ValueTransferError, match=words) as caught:
        execute_pipeline_with_input_sync([Echo(executor="multiprocess")], [1, item])
    assert caught.value.path == path
    assert caught.value.__notes__ == ["RemoteMedia: in the input of the pipeline, item 1"]


def test_an_output_that_cannot_be_pickled_names_its_node() -> None:
    class Locking(Echo):
        def process(self, data: Any) -> Any:
            return threading.Lock() if data == 2 else data

    with pytest.raises(ValueTransferError, match=r"lock.* Give what it is made from") as caught:
        execute_pipeline_with_input_sync([Locking(executor="multiprocess", name="locking")], [1, 2])
    assert caught.value.__notes__ == ['RemoteMedia: in process() of node "locking_0", item 1']


def test_an_item_that_cannot_be_made_there_names_the_node() -> None:
    with pytest.raises(ValueTransferError, match=r"ValueError: invalid literal.*no number") as caught:
        execute_pipeline_with_input_sync([Echo(executor="multiprocess")], [1, Unloadable()])
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__notes__ == ['RemoteMedia: in process() of node "Echo_0"']


def test_a_pickle_from_another_language_is_refused() -> None:
    lowered, _ = PythonItems().lower(uuid.UUID(int=1))
    assert lowered.code == PICKLE
    with pytest.raises(ProtocolError, match="extension type 89"):
        ForeignItems().decode(encode([lowered]))


def test_bytes_that_are_no_items_are_refused() -> None:
    with pytest.raises(ProtocolError):
        PythonItems().decode(b"\x91")


@pytest.mark.parametrize("item", [1, "a", [1, "b"], {"a": 1}])
def test_plain_items_are_not_copied(item: Any) -> None:
    assert PythonItems().lower(item)[0] is item


def test_to_typescript_such_items_are_refused() -> None:
    for item in (decimal.Decimal(1), Word("a"), Colour.RED):
        with pytest.raises(ValueTransferError):
            ForeignItems().lower(item)


def test_what_passes_through_typescript_goes_back_as_it_came() -> None:
    through = {"node_type": "typescript:PassThrough"}
    sent = [
        (1, 2.5),
        frozenset({1, (2,)}),
        {frozenset({"a"})},
        bytearray(b"ab"),
        {"a": [bytearray()]},
        {1: 2},
    ]
    outputs = execute_pipeline_with_input_sync([Echo(), through, Echo(executor="multiprocess")], sent)
    assert outputs == sent
    for output, item in zip(outputs[:-1], sent[:-1], strict=True):
        assert_same(output, item)


PROGRAM = """
    import dataclasses
    import enum
    from driver_nodes import Echo
    from remotemedia import Node, execute_pipeline_with_input_sync

    class Colour(enum.Enum):
        RED = 1

    @dataclasses.dataclass
    class Word:
        text: str
        colour: Colour = Colour.RED

    class WordError(Exception):
        def __init__(self, word, reason):
            super().__init__(reason)
            self.word = word

    class Marking(Node):
        def process(self, word):
            if word.text == "bad":
                raise WordError(word, "not this one")
            return Word(word.text + "!", word.colour)

    if __name__ == "__main__":
        words = [Word("a"), Word("b")]
        marking = Marking(executor="multiprocess")
        outputs = execute_pipeline_with_input_sync([Echo(executor="multiprocess"), marking], words)
        assert outputs == [Word("a!"), Word("b!")], outputs
        assert all(type(output) is Word and output.colour is Colour.RED for output in outputs)
        try:
            execute_pipeline_with_input_sync([marking], [Word("bad")])
        except WordError as error:
            assert type(error.word) is Word
            print("caught", error, error.word.text)
"""


def test_classes_of_a_program_cross_and_come_back_as_they_are(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert (done.stdout, done.stderr) == ("caught not this one bad\n", "")
