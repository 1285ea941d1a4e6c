"""The golden vectors of the wire, which the TypeScript tests read as well."""

import os
import socket

import msgspec
import numpy
import pytest

from remotemedia.core.exceptions import ProtocolError
from remotemedia.slabs.folder import open_unnamed
from remotemedia.slabs.table import Returns, SlabTable
from remotemedia.wire.failures import RemoteError, exception_of
from remotemedia.wire.frames import FrameReader, decode_payload, encode_frame
from remotemedia.wire.items import ForeignItems, PythonItems, SealedItems
from remotemedia.wire.reading import UndecodableError, decode
from remotemedia.wire.slices import SliceReader
from remotemedia.wire.values import encode
from tagged import GOLDEN, assert_is


def named(section):
    return {"argvalues": GOLDEN[section], "ids": [entry["name"] for entry in GOLDEN[section]]}


@pytest.mark.parametrize("vector", **named("values"))
def test_a_value_decodes_to_what_is_expected(vector):
    value = decode(bytes.fromhex(vector["hex"]))
    assert_is(value, vector["value"])
    assert not isinstance(value, numpy.ndarray) or value.flags.writeable


@pytest.mark.parametrize("vector", [entry for entry in GOLDEN["values"] if entry.get("canonical")])
def test_a_canonical_value_encodes_to_the_same_bytes(vector):
    assert encode(decode(bytes.fromhex(vector["hex"]))).hex() == vector["hex"]


@pytest.mark.parametrize("vector", **named("refused"))
def test_what_is_no_value_is_refused(vector):
    with pytest.raises(UndecodableError):
        decode(bytes.fromhex(vector["hex"]))


def read_frame(data):
    near, far = socket.socketpair()
    with near, far:
        near.sendall(data)
        near.shutdown(socket.SHUT_WR)
        frame = FrameReader(far).read()
        assert frame is not None
        return frame[0], decode_payload(frame[1])


@pytest.mark.parametrize("vector", **named("frames"))
def test_a_frame_is_read_and_written(vector):
    kind, payload = read_frame(bytes.fromhex(vector["hex"]))
    assert kind == vector["kind"]
    assert_is(payload, vector["payload"])
    assert encode_frame(kind, payload).hex() == vector["hex"]


@pytest.mark.parametrize("vector", **named("refusedFrames"))
def test_a_bad_frame_is_refused(vector):
    with pytest.raises(ProtocolError):
        read_frame(bytes.fromhex(vector["hex"]))


class Shared:
    """A slab as the vectors have it: 256 bytes, byte i being i."""

    def __init__(self):
        self.fd = open_unnamed("/dev/shm")
        os.write(self.fd, bytes(range(256)))
        self.returned = []
        self.returns = Returns(self.give_back, 0)
        self.table = SlabTable(self.returns)
        self.table.announce({"slab": 1, "pid": os.getpid(), "fd": self.fd, "bytes": 256})
        os.close(self.fd)

    def give_back(self):
        pairs = self.returns.take()
        self.returned += [pairs[at : at + 2] for at in range(0, len(pairs), 2)]

    def read(self, data, make):
        items = make()
        items.read_slices(SliceReader(self.table))
        (value,) = items.decode(b"\x91" + data)
        return value


@pytest.mark.parametrize("make", [PythonItems, ForeignItems])
@pytest.mark.parametrize("vector", **named("slices"))
def test_an_item_with_slices_is_what_is_expected_and_each_goes_back(vector, make):
    shared, data = Shared(), bytes.fromhex(vector["hex"])
    if vector.get("only") == "python" and make is ForeignItems:
        with pytest.raises(UndecodableError):
            shared.read(data, make)
        return
    value = shared.read(data, make)
    assert_is(value, vector["value"])
    if vector.get("readOnly"):
        assert memoryview(value).readonly or "PICKLE" in vector["name"]
    elif isinstance(value, numpy.ndarray):
        assert value.flags.writeable
    del value
    assert sorted(shared.returned) == sorted(vector["slices"])


@pytest.mark.parametrize("make", [PythonItems, ForeignItems])
@pytest.mark.parametrize("vector", **named("refusedSlices"))
def test_a_slice_that_lies_is_refused(vector, make):
    with pytest.raises(UndecodableError):
        Shared().read(bytes.fromhex(vector["hex"]), make)


@pytest.mark.parametrize("vector", [*GOLDEN["slices"], *GOLDEN["refusedSlices"]])
def test_slices_are_refused_where_no_slab_was_announced(vector):
    for make in (PythonItems, ForeignItems):
        if "bin" not in vector["name"]:
            with pytest.raises(UndecodableError):
                make().decode(b"\x91" + bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", **named("failures"))
def test_a_failure_becomes_an_exception_with_its_causes_and_notes(vector):
    failure = decode(bytes.fromhex(vector["hex"]))
    assert failure == vector["failure"]
    error = exception_of(failure)
    while failure is not None:
        assert failure["message"] in str(error)
        assert getattr(error, "__notes__", []) == failure.get("notes", [])
        if isinstance(error, RemoteError):
            assert (error.type_name, error.module) == (failure["type"], failure["module"])
            assert error.remote_traceback == failure["stack"]
            assert error.attributes == failure.get("attributes", {})
            assert [str(inner) for inner in error.errors] == [
                f"{inner['type']}: {inner['message']}" for inner in failure.get("errors", [])
            ]
        else:
            assert type(error).__name__ == failure["type"]
        failure = failure.get("cause")
        if failure is not None:
            assert error.__cause__ is not None
            error = error.__cause__


@pytest.mark.parametrize("vector", **named("sealed"))
def test_a_sealed_item_is_read_and_written(vector):
    (item,) = SealedItems().decode(bytes.fromhex("91" + vector["hex"]))
    assert_is(item, vector["value"])
    lowered, _ = SealedItems().lower(item)
    assert msgspec.msgpack.encode(lowered).hex() == vector["hex"]


@pytest.mark.parametrize("vector", **named("sealed"))
def test_a_sealed_item_is_refused_where_none_belongs(vector):
    for codec in (ForeignItems(), PythonItems()):
        with pytest.raises(UndecodableError):
            codec.decode(bytes.fromhex("91" + vector["hex"]))
