"""The value codec: what goes round unchanged, and what is refused where."""

import gc
import pickle
from collections import OrderedDict, defaultdict, namedtuple
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum

import msgspec
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from remotemedia.core.exceptions import ValueTransferError
from remotemedia.data import AudioFrame, Text
from remotemedia.wire.reading import UndecodableError, decode
from remotemedia.wire.tensors import is_bare, remember_bare
from remotemedia.wire.values import TENSOR, MapDict, encode, lower

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
)
scalars |= st.datetimes(
    timezones=st.just(UTC), min_value=datetime(1971, 1, 1), max_value=datetime(2500, 1, 1)
)
keys = st.integers() | st.text() | st.booleans() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=20,
)


def same(left, right):
    """Equality that tells types apart and takes NaN as equal to itself."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and list(map(repr, left)) == list(map(repr, right))
            and all(same(one, other) for one, other in zip(left.values(), right.values(), strict=True))
        )
    if isinstance(left, (list, tuple)):
        return (
            type(left) is type(right)
            and len(left) == len(right)
            and all(same(one, other) for one, other in zip(left, right, strict=True))
        )
    return type(left) is type(right) and (left == right or repr(left) == repr(right))


@given(values)
def test_values_come_back_as_they_were(value):
    assert same(decode(encode(value)), value)


numeric = hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64))
numeric |= hnp.complex_number_dtypes(sizes=(64, 128)) | hnp.boolean_dtypes()


@given(hnp.arrays(numeric, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
def test_arrays_keep_dtype_shape_and_elements(array):
    back = decode(encode(array))
    assert back.dtype == array.dtype.newbyteorder("<")
    assert back.shape == array.shape
    numpy.testing.assert_array_equal(back, array)


RECORDS = [
    [("x", "<f4"), ("y", "<i2")],
    numpy.dtype([("x", "u1"), ("y", "<f8")], align=True),
    [("p", [("a", "<i4"), ("b", "S3")], (2, 3)), ("é", "<M8[s]"), ("text", "<U4")],
    {"names": ["a", "b"], "formats": ["<i4", "<i2"], "offsets": [0, 2], "itemsize": 8},
    [(("its title", "n"), "<f4"), ("m", "?")],
]


@pytest.mark.parametrize("record", RECORDS)
def test_arrays_of_records_keep_dtype_shape_and_elements(record):
    dtype = numpy.dtype(record)
    array = (numpy.arange(6 * dtype.itemsize) % 2).astype("u1").view(dtype).reshape(2, 3)
    back = decode(encode({"a": array}))["a"]
    assert back.dtype == dtype
    assert back.dtype.itemsize == dtype.itemsize
    assert back.shape == (2, 3)
    assert (back == array).all()
    assert not numpy.shares_memory(back, array)


def test_an_array_of_records_of_another_byte_order_arrives_with_equal_elements():
    array = numpy.array([(1.5, 2)], dtype=[("x", ">f4"), ("y", ">i2")])
    back = decode(encode(array))
    assert back.dtype == array.dtype.newbyteorder("<")
    assert back.tolist() == array.tolist()


@pytest.mark.parametrize(
    "dtype",
    [
        "{",
        "{}",
        '{"names":["a"],"formats":["O"]}',
        '{"names":["a"],"formats":[3]}',
        '{"names":["a"],"formats":["<f4"],"offsets":[-1]}',
        '{"names":["a"],"formats":["<f4"],"itemsize":99999999999999999999}',
        '{"names":["a"],"formats":["<f8"]}',
    ],
)
def test_what_describes_no_record_of_these_bytes_is_no_value(dtype):
    with pytest.raises(UndecodableError):
        decode(encode(msgspec.msgpack.Ext(TENSOR, msgspec.msgpack.encode([dtype, [1], b"1234", False]))))


@pytest.mark.parametrize("value", [1, "a", [1, 2], {"a": 1, "b": "c"}, []])
def test_plain_values_are_not_copied(value):
    assert lower(value) is value


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("given_value", "arrives"),
    [
        (numpy.float32(1.5), 1.5),
        (numpy.int64(7), 7),
        (numpy.bool_(True), True),
        (numpy.complex64(1 + 2j), 1 + 2j),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(int, {1: 2}), MapDict({1: 2})),
        (Point(1, 2), (1, 2)),
        (frozenset({1, (2,), frozenset({3})}), frozenset({1, (2,), frozenset({3})})),
        ({frozenset({1})}, {frozenset({1})}),
        (bytearray(b"ab"), bytearray(b"ab")),
        (memoryview(b"ab"), b"ab"),
        (datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 1, 1, tzinfo=UTC)),
    ],
)
def test_relatives_of_plain_types_go_as_what_they_hold(given_value, arrives):
    back = decode(encode([given_value]))[0]
    assert back == arrives
    assert type(back) is type(arrives)


class Colour(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        (object(), "", "instance of object"),
        ({"user": {"sockets": [1, object()]}}, ".user.sockets[1]", "instance of object"),
        ({"a key": print}, "['a key']", "callable"),
        ([(1, {2: lambda: 1})], "[0][1][2]", "callable"),
        ({"at": datetime(2024, 1, 1)}, ".at", "time zone"),
        (["ok", "\ud800"], "[1]", "surrogate"),
        ([Colour.RED], "[0]", ".value"),
        ([Level.LOW], "[0]", ".value"),
        ({"a": numpy.array([None])}, ".a", "dtype object"),
        ({"a": numpy.zeros(2, [("x", "i4"), ("y", "O")])}, ".a", "Python objects"),
        ({"a": numpy.zeros(2, [((("a", 1), "x"), "i4")])}, ".a", "Python objects"),
        ([AudioFrame(numpy.zeros((1, 1, 1), "f4"), 8000)], "[0]", "channels"),
        ([Text("a", metadata={"x": object()})], "[0].metadata.x", "instance of object"),
    ],
)
def test_what_cannot_cross_is_refused_with_its_path(value, path, words):
    with pytest.raises(ValueTransferError, match=words.replace(".", r"\.")) as raised:
        encode(value)
    assert raised.value.path == path


def test_cyclic_values_are_refused():
    value = []
    value.append({"again": value})
    with pytest.raises(ValueTransferError, match="cyclic"):
        encode(value)


def test_values_may_be_500_levels_deep():
    value = 1
    for _ in range(499):
        value = [value]
    assert decode(encode(value)) == value


def test_a_typed_array_goes_back_as_one_until_it_is_changed_into_another_array():
    array = numpy.arange(3, dtype="float32")
    remember_bare(array)
    back = decode(encode({"a": array}))["a"]
    assert is_bare(back)
    assert is_bare(decode(encode(back)))
    assert not is_bare(decode(encode(back * 2)))
    key = id(back)
    del back, array
    gc.collect()
    assert key != 0


def test_a_map_of_typescript_goes_back_as_one_and_can_be_pickled():
    value = decode(encode(MapDict(a=1)))
    assert type(value) is MapDict
    assert type(pickle.loads(pickle.dumps(value))) is MapDict
    assert decode(encode({"a": 1})) == {"a": 1}


def test_an_array_that_arrives_can_be_written_to_and_shares_nothing():
    data = bytearray(encode([numpy.arange(3)]))
    array = decode(data)[0]
    data[:] = bytes(len(data))
    array[0] = 9
    assert array.tolist() == [9, 1, 2]
