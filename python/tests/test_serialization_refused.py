"""What no node is made of is refused by name: bytes, versions, missing modules and sizes over the limit."""

import dataclasses
import pickle
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from crossing import Counting, Holder
from remotemedia.core import exceptions, node_serialization
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    DeserializationError,
    SerializationError,
    SerializedSizeError,
    dump_instance,
    load_instance,
    serialize_node_for_ipc,
)
from remotemedia.core.pickling import payload


def test_a_module_that_is_not_there_is_named_with_the_path(tmp_path, monkeypatch):
    (tmp_path / "gone.py").write_text(
        "class N:\n    def initialize(self): ...\n    def process(self, d): ...\n"
    )
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        import gone  # pyright: ignore[reportMissingImports]

        data = dump_instance(gone.N())
        del sys.modules["gone"]
    with pytest.raises(DeserializationError, match=r"class gone\.N needs the module 'gone'") as caught:
        load_instance(data)
    assert sys.path[0] in caught.value.reason
    assert "PYTHONPATH" in (caught.value.suggestion or "")


def test_a_class_that_is_gone_from_its_module_is_named(tmp_path, monkeypatch):
    (tmp_path / "changed.py").write_text(
        "class N:\n    def initialize(self): ...\n    def process(self, d): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import changed  # pyright: ignore[reportMissingImports]

    data = dump_instance(changed.N())
    del changed.N
    with pytest.raises(DeserializationError, match=r"class changed\.N needs what is not here: .*'N'"):
        load_instance(data)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (
            payload.Writer("3.99", "cpython", "{package}"),
            "serialized by cpython 3.99, and this is {implementation} {python}",
        ),
        (payload.Writer("{python}", "pypy", "{package}"), "serialized by pypy {python}, and this is"),
        (
            payload.Writer("{python}", "{implementation}", "0.0.7"),
            "remotemedia 0.0.7, and this is remotemedia {package}",
        ),
    ],
)
def test_another_version_is_refused_with_both_named(monkeypatch, own, words):
    actual = dataclasses.asdict(payload.own_writer())
    other = payload.Writer(**{key: value.format(**actual) for key, value in dataclasses.asdict(own).items()})
    with monkeypatch.context() as patched:
        patched.setattr(payload, "own_writer", lambda: other)
        payload._own_prefix.cache_clear()
        data = dump_instance(Holder(name="old"))
    payload._own_prefix.cache_clear()
    with pytest.raises(DeserializationError) as caught:
        load_instance(data)
    assert words.format(**actual) in str(caught.value)
    assert caught.value.node_name == "old"


class Marking:
    """Says when it is unpickled."""

    made = 0

    def initialize(self): ...

    def process(self, data): ...

    def __setstate__(self, state):
        Marking.made += 1


def test_cut_off_and_foreign_bytes_are_refused_before_anything_is_unpickled():
    node: Any = Marking()
    node.field = 1
    data = dump_instance(node)
    Marking.made = 0
    for size in range(len(data)):
        with pytest.raises(DeserializationError):
            load_instance(data[:size])
    for foreign in (data + b"x", b"x" + data, pickle.dumps(node), b"\x00" * 100):
        with pytest.raises(DeserializationError):
            load_instance(foreign)
    assert Marking.made == 0
    load_instance(memoryview(data))
    assert Marking.made == 1


def test_a_failing_setstate_is_named():
    class Picky(Node):
        def __setstate__(self, state):
            raise ValueError("old layout")

        def process(self, data): ...

    with pytest.raises(DeserializationError, match="ValueError: old layout"):
        load_instance(dump_instance(Picky()))


def test_over_the_limit_both_sizes_and_the_largest_attribute_are_named(monkeypatch):
    node: Any = Holder(name="big")
    node.small = bytes(1_000)
    node.model = {"layers": [np.zeros(10), np.zeros((1 << 20) // 2, np.float64)]}
    monkeypatch.setattr(node_serialization, "MAX_SERIALIZED_SIZE_BYTES", 2 << 20)
    with pytest.raises(SerializedSizeError) as caught:
        serialize_node_for_ipc(node)
    error = caught.value
    assert "'big': its serialized size, 4.0 MB, is over the limit of 2.0 MB" in str(error)
    assert "the largest attribute is 'model['layers'][1]' with 4.0 MB" in str(error)
    assert error.attribute == "model['layers'][1]"
    assert error.limit_bytes == 2 << 20
    assert 4 << 20 < error.size_bytes < (4 << 20) + 10_000
    monkeypatch.setattr(node_serialization, "MAX_SERIALIZED_SIZE_BYTES", 5 << 20)
    assert len(serialize_node_for_ipc(node)) <= 5 << 20


def test_many_small_objects_and_sessions_count_as_well(monkeypatch):
    monkeypatch.setattr(node_serialization, "MAX_SERIALIZED_SIZE_BYTES", 100_000)
    node: Any = Holder()
    node.rows = [(number, str(number)) for number in range(20_000)]
    with pytest.raises(SerializedSizeError, match="largest attribute is 'rows'"):
        serialize_node_for_ipc(node)
    node: Any = Counting()
    node.get_session_state("a").set("text", "x" * 200_000)
    with pytest.raises(SerializedSizeError, match="largest attribute is 'state'"):
        serialize_node_for_ipc(node)


def test_the_environment_sets_the_limit():
    code = "from remotemedia.core import node_serialization as n; print(n.MAX_SERIALIZED_SIZE_BYTES)"
    for text, expected in (("12345", "12345"), ("", str(100 * 1024 * 1024))):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"],
            env={"REMOTEMEDIA_MAX_SERIALIZED_BYTES": text},
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert done.stdout.strip() == expected


def test_what_cannot_cross_is_named_also_where_it_is_too_large(monkeypatch):
    monkeypatch.setattr(node_serialization, "MAX_SERIALIZED_SIZE_BYTES", 1_000)
    node: Any = Holder()
    node.weights = bytes(10_000)
    node.lock = threading.Lock()
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.attribute == "lock"


def test_the_error_has_its_parts_is_a_package_error_and_crosses_processes():
    error = SerializationError("bad", "It is an open file.", "Close it.", "file_handle")
    assert str(error) == (
        "Cannot serialize Node 'bad': attribute 'file_handle' is not serializable. It is an open file.  "
        "Suggestion: Close it."
    )
    assert isinstance(error, exceptions.SerializationError)
    for original in (error, SerializedSizeError("n", "too large", None, "a"), DeserializationError("n", "r")):
        copy = pickle.loads(pickle.dumps(original))
        assert type(copy) is type(original)
        assert str(copy) == str(original)
        assert vars(copy) == vars(original)
    assert str(SerializationError("n", "why")) == "Cannot serialize Node 'n': why"
