"""The failure codec: an exception crosses with its class, message, stack, causes and notes."""

import json
from typing import Any

import pytest

import item_nodes
from remotemedia import execute_pipeline_with_input_sync
from remotemedia.core.exceptions import NodeBusyError
from remotemedia.wire.failures import RemoteError, RemoteTraceback, exception_of, failure_of
from remotemedia.wire.reading import decode
from remotemedia.wire.values import encode


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


class QuotaError(Exception):
    """Has what a user's exception may hold."""

    __slots__ = ("status",)

    def __init__(self, message, status):
        super().__init__(message, status)
        self.status = status
        self.hosts = ["a", "b"]
        self.at = 1 << 70
        self._secret = "not told"
        self.socket = object()
        self.itself = self
        self.large = "x" * 100_000


def test_arguments_and_attributes_that_can_cross_do():
    failure = decode(encode(failure_of(QuotaError("too many", 429))))
    assert failure["args"] == ["too many", 429]
    assert failure["attributes"] == {"status": 429, "hosts": ["a", "b"], "at": 1 << 70}
    error = exception_of(failure)
    assert isinstance(error, RemoteError)
    assert error.attributes == failure["attributes"]


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "not there"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no start"),
        KeyError("k", 2),
        StopIteration(7),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_built_in_exception_has_its_arguments(error):
    back = exception_of(decode(encode(failure_of(error))))
    assert type(back) is type(error)
    assert (back.args, str(back)) == (error.args, str(error))


def test_the_exceptions_of_a_group_cross():
    group = ExceptionGroup("several", [ValueError("one"), QuotaError("two", 2)])
    failure = decode(encode(failure_of(group)))
    assert [inner["type"] for inner in failure["errors"]] == ["ValueError", "QuotaError"]
    back = exception_of(failure)
    assert isinstance(back, ExceptionGroup)
    assert back.message == "several"
    one, two = back.exceptions
    assert isinstance(one, ValueError)
    assert isinstance(two, RemoteError)
    assert two.attributes["status"] == 2


def test_a_group_of_very_many_exceptions_is_cut():
    group = ExceptionGroup("many", [ValueError(str(index)) for index in range(1000)])
    assert len(failure_of(group)["errors"]) == 99


def test_an_attribute_that_cannot_be_read_is_left_out():
    class OddError(Exception):
        def __getattribute__(self, name):
            if name == "status":
                raise RuntimeError("no")
            return super().__getattribute__(name)

        __slots__ = ("status",)

    assert "attributes" not in failure_of(OddError())


def test_an_error_of_typescript_has_its_properties_and_errors():
    inner = {"type": "Error", "module": "", "message": "late", "stack": "", "language": "typescript"}
    failure = {**inner, "type": "AggregateError", "errors": [inner], "attributes": {"code": "E_ALL"}}
    error = exception_of(failure)
    assert isinstance(error, RemoteError)
    assert error.attributes == {"code": "E_ALL"}
    assert [str(each) for each in error.errors] == ["Error: late"]


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


def sent_home(error):
    """An exception as it comes from a process that the program started."""
    failure = failure_of(caught(lambda: (_ for _ in ()).throw(error)), is_pickled=True)
    return exception_of(decode(encode(failure)), is_trusted=True)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("k"),
        FileNotFoundError(2, "not there", "weights.bin"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no start"),
        json.JSONDecodeError("odd", "{", 1),
        ModelError("a", 2),
        item_nodes.TwoArgumentsError("odd", 3),
        NodeBusyError("busy"),
        ExceptionGroup("several", [ModelError("one"), KeyError("two")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_original_comes_back_from_a_process_of_the_program(error):
    back = sent_home(error)
    assert type(back) is type(error)
    assert (back.args, str(back)) == (error.args, str(error)) or isinstance(error, ExceptionGroup)
    assert {**vars(back), "__notes__": 0} == {**vars(error), "__notes__": 0}
    assert isinstance(back.__cause__, RemoteTraceback)
    if isinstance(error, FileNotFoundError):
        assert (back.errno, back.filename) == (2, "weights.bin")  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(error, ExceptionGroup):
        assert [type(inner) for inner in back.exceptions] == [ModelError, KeyError]  # pyright: ignore[reportAttributeAccessIssue]


def test_causes_are_originals_and_the_tracebacks_come_last():
    failure = failure_of(caught(fail_with_cause), is_pickled=True)
    error = exception_of(decode(encode(failure)), is_trusted=True)
    cause = error.__cause__
    assert type(error) is ModelError
    assert error.__notes__ == ["download them first"]
    assert isinstance(cause, FileNotFoundError)
    assert cause.filename == "/nowhere/weights.bin"
    text = str(cause.__cause__)
    assert text.index("FileNotFoundError") < text.index("direct cause") < text.index("no weights")


def test_a_class_that_no_module_has_is_caught():
    class LocalError(Exception):
        pass

    back = sent_home(LocalError("here"))
    assert type(back) is LocalError


@pytest.mark.parametrize(
    "error",
    [item_nodes.UnpicklableError("held"), ModelError("x" * (1 << 21)), KeyboardInterrupt("no")],
    ids=["unpicklable", "large", "ends the process"],
)
def test_what_cannot_come_home_is_told_of(error):
    assert "pickled" not in failure_of(error, is_pickled=True)
    assert isinstance(sent_home(error), RemoteError)


def test_nobody_elses_pickles_are_loaded():
    failure = failure_of(ModelError("x"), is_pickled=True)
    assert type(exception_of(failure)) is RemoteError


def test_a_pickle_that_does_not_load_here_is_told_of():
    failure = {**failure_of(ModelError("x")), "pickled": b"cno_such_module\nName\n."}
    assert type(exception_of(failure, is_trusted=True)) is RemoteError


def in_another_process(item):
    with pytest.raises(Exception) as raised:
        node = item_nodes.Raising(executor="multiprocess", name="r")
        execute_pipeline_with_input_sync([node], [item])
    assert raised.value.__notes__[-1] == 'RemoteMedia: in process() of node "r_0", item 0'
    error: Any = raised.value
    return error


def test_errors_of_a_node_in_another_process_are_the_originals():
    assert in_another_process("key").args == ("k",)
    assert type(in_another_process("json")) is json.JSONDecodeError
    assert in_another_process("two").position == 3
    model = in_another_process("model")
    assert (type(model), model.args) == (item_nodes.ModelError, ("no weights", 7))
    assert model.__notes__[0] == "download them"
    assert "raise_model" in str(model.__cause__)
    chained = in_another_process("chained")
    assert (type(chained), chained.__cause__.filename) == (item_nodes.ModelError, "/nowhere/at/all")
    assert isinstance(in_another_process("unpicklable"), RemoteError)


def test_an_initialize_that_fails_in_another_process():
    node = item_nodes.FailingToInitialize(executor="multiprocess", name="f")
    with pytest.raises(item_nodes.ModelError, match="no weights") as raised:
        execute_pipeline_with_input_sync([node], [1])
    assert raised.value.__notes__ == ['RemoteMedia: in initialize() of node "f_0"']
