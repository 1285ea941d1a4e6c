"""Every code has its class, and every class the built-in that a caller expects."""

import pickle
import re
from pathlib import Path

import pytest

from remotemedia.core import exceptions
from remotemedia.core.exceptions import error_of_code, exception_class_of

CODES = re.findall(
    r"^### (RM_\w+)", (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE
)
CLASSES = [
    kind
    for kind in vars(exceptions).values()
    if isinstance(kind, type) and issubclass(kind, exceptions.RemoteMediaError)
]


@pytest.mark.parametrize("code", CODES)
def test_each_documented_code_makes_an_error_of_a_class_of_its_own(code):
    error = error_of_code(code, "what happened")
    assert type(error) is exception_class_of(code) is not exceptions.RemoteMediaError
    assert (error.code, str(error)) == (code, "what happened")


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind.code != "RM_ERROR"])
def test_each_class_has_a_documented_code(kind):
    assert kind.code in CODES


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("RM_INVALID_NODE", (exceptions.NodeError, exceptions.PipelineError, TypeError)),
        ("RM_EMPTY_PIPELINE", (exceptions.PipelineError, ValueError)),
        ("RM_INVALID_PIPELINE", (exceptions.PipelineError, TypeError, ValueError)),
        ("RM_INVALID_INPUT", (TypeError,)),
        ("RM_INVALID_ARGUMENT", (exceptions.ConfigurationError, TypeError, ValueError)),
        ("RM_INVALID_MANIFEST", (exceptions.PipelineError, ValueError)),
        ("RM_UNKNOWN_NODE_TYPE", (exceptions.PipelineError, ValueError)),
        ("RM_INVALID_GRAPH", (exceptions.PipelineError, ValueError)),
        ("RM_CANCEL_TIMEOUT", (TimeoutError,)),
        ("RM_VALUE_NOT_TRANSFERABLE", (exceptions.ValueTransferError, TypeError)),
        ("RM_HOST_DIED", (exceptions.HostDiedError, ConnectionError)),
        ("RM_ENGINE_DIED", (exceptions.HostDiedError, ConnectionError)),
        ("RM_NODE_NOT_FOUND", (RuntimeError,)),
        ("RM_MODULE", (ImportError,)),
    ],
)
def test_a_caller_may_catch_the_built_in(code, expected):
    error = error_of_code(code, "message")
    assert [kind for kind in expected if not isinstance(error, kind)] == []


def test_an_error_of_the_engine_keeps_its_place_also_when_it_is_pickled():
    error = error_of_code("RM_UNKNOWN_NODE_TYPE", "no", path="nodes[0].node_type", line=3, column=7)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert isinstance(each, exceptions.ManifestError)
        assert (each.path, each.line, each.column, each.code) == (
            "nodes[0].node_type",
            3,
            7,
            "RM_UNKNOWN_NODE_TYPE",
        )
    assert error_of_code("RM_TSX_NOT_FOUND", "no").code == "RM_TSX_NOT_FOUND"
    assert type(error_of_code("RM_OF_ANOTHER_VERSION", "no")) is exceptions.RemoteMediaError


def test_a_host_that_died_says_how():
    error = exceptions.HostDiedError("gone", exit_code=3, stderr=["last words"])
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.exit_code, copy.signal, copy.stderr) == (3, None, ("last words",))
