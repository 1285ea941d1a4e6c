"""The failure codec: an exception crosses with its class, message, stack, causes and notes."""

import pytest

from remotemedia.core.exceptions import NodeBusyError
from remotemedia.wire.failures import RemoteError, RemoteTraceback, exception_of, failure_of
from remotemedia.wire.values import decode, encode


class ModelError(Exception):
    """A class that the other side does not have."""


def caught(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def fail_with_cause():
    try:
        open("/nowhere/weights.bin")  # noqa: PTH123, SIM115
    except OSError as error:
        problem = ModelError("no weights")
        problem.add_note("download them first")
        raise problem from error


def test_everything_of_an_exception_arrives():
    failure = failure_of(caught(fail_with_cause), node_id="asr", phase="process", item_index=3)
    failure = decode(encode(failure))
    assert (failure["nodeId"], failure["phase"], failure["itemIndex"]) == ("asr", "process", 3)
    assert (failure["type"], failure["module"]) == ("ModelError", __name__)
    assert "fail_with_cause" in failure["stack"]
    assert failure["notes"] == ["download them first"]
    assert (failure["cause"]["type"], failure["cause"]["module"]) == ("FileNotFoundError", "builtins")
    error = exception_of(failure)
    assert isinstance(error, RemoteError)
    assert str(error) == "ModelError: no weights"
    assert "fail_with_cause" in (error.remote_traceback or "")
    assert error.__notes__ == ["download them first"]
    assert isinstance(error.__cause__, (FileNotFoundError, RemoteError))


@pytest.mark.parametrize(
    "error", [ValueError("boom"), KeyError("key"), ZeroDivisionError("x"), TimeoutError("late")]
)
def test_a_built_in_exception_comes_back_as_itself(error):
    back = exception_of(failure_of(caught(lambda: (_ for _ in ()).throw(error))))
    assert type(back) is type(error)
    assert isinstance(back.__cause__, RemoteTraceback)
    assert "Traceback" in str(back.__cause__)


def test_an_error_of_the_package_has_its_code():
    assert failure_of(NodeBusyError("busy"))["code"] == "RM_NODE_BUSY"


def test_an_exception_that_cannot_be_printed_still_arrives():
    class BrokenError(Exception):
        def __str__(self):
            raise RuntimeError("no")

    assert "unavailable" in failure_of(BrokenError())["message"]


def test_a_chain_of_causes_that_goes_in_circles_ends():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    failure = failure_of(one)
    depth = 0
    while failure is not None:
        failure, depth = failure.get("cause"), depth + 1
    assert depth == 21


def test_text_that_is_no_utf8_is_escaped():
    assert failure_of(ValueError("\ud800"))["message"] == "\\ud800"
