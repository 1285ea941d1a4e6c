"""The golden vectors of the wire, which the TypeScript tests read as well."""

import socket

import pytest

from remotemedia.core.exceptions import ProtocolError
from remotemedia.wire.failures import RemoteError, exception_of
from remotemedia.wire.frames import FrameReader, decode_payload, encode_frame
from remotemedia.wire.values import UndecodableError, decode, encode
from tagged import GOLDEN, assert_is


def named(section):
    return {"argvalues": GOLDEN[section], "ids": [entry["name"] for entry in GOLDEN[section]]}


@pytest.mark.parametrize("vector", **named("values"))
def test_a_value_decodes_to_what_is_expected(vector):
    assert_is(decode(bytes.fromhex(vector["hex"])), vector["value"])


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
        else:
            assert type(error).__name__ == failure["type"]
        failure = failure.get("cause")
        if failure is not None:
            assert error.__cause__ is not None
            error = error.__cause__
