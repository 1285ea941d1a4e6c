"""Serializing live nodes: life cycle, session state, what crosses, limits, and bytes that are refused."""

import asyncio
import collections
import dataclasses
import enum
import functools
import importlib.util
import json
import logging
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remotemedia.core import exceptions, node_serialization
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    DeserializationError,
    InitializationError,
    SerializationError,
    SerializedSizeError,
    cleanup_failed,
    deserialize_node_from_ipc,
    dump_instance,
    dump_state,
    load_instance,
    load_state,
    serialize_node_for_ipc,
    take_state,
    validate_node_serializable,
)
from remotemedia.core.pickling import payload

READ = """
import json, sys
from remotemedia.core.node_serialization import deserialize_node_from_ipc
node = deserialize_node_from_ipc(sys.stdin.buffer.read())
print(json.dumps([node.process(item) for item in json.loads(sys.argv[1])]))
"""


def elsewhere(data, items, cwd=None):
    """What a node of these bytes gives in a fresh interpreter with this one's path."""
    code = f"import sys; sys.path[:] = {sys.path!r}\n{READ}"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(items)], input=data, capture_output=True, cwd=cwd, timeout=50
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def crosses(node, items):
    """Whether a node gives the same here and in another process."""
    data = serialize_node_for_ipc(node)
    node.initialize()
    here = json.loads(json.dumps([node.process(item) for item in items]))
    return elsewhere(data, items) == here


class Steps(Node):
    """Notes the calls of its life cycle."""

    def __init__(self, **config):
        super().__init__(**config)
        self.calls = []

    def initialize(self):
        super().initialize()
        self.calls.append("initialize")

    def cleanup(self):
        self.calls.append("cleanup")
        super().cleanup()

    def process(self, data):
        return [*self.calls, data]


class Plain:
    """No Node, but a node."""

    def __init__(self, name="plain"):
        self.name = name
        self.table = {"a": 1}

    def initialize(self):
        self.is_ready = True

    def process(self, data):
        return self.table.get(data, self.is_ready)


class AsyncSteps(Steps):
    async def initialize(self):
        await asyncio.sleep(0)
        self.calls.append("initialize")

    async def cleanup(self):
        await asyncio.sleep(0)
        self.calls.append("cleanup")


class FailingCleanup(Steps):
    def cleanup(self):
        raise OSError("the device is gone")


class Limited(Node):
    def process(self, data):
        return data


# Life cycle


def test_cleanup_runs_before_and_initialize_after_also_on_a_node_never_initialized():
    node: Any = Steps()
    data = serialize_node_for_ipc(node)
    assert node.calls == ["cleanup"]
    copy = deserialize_node_from_ipc(data)
    assert copy.calls == ["cleanup", "initialize"]
    assert copy.is_initialized
    assert not node.is_initialized


def test_an_initialized_node_is_cleaned_up_with_a_warning_and_may_run_again(caplog):
    node: Any = Steps(name="warm")
    node.initialize()
    with caplog.at_level(logging.WARNING, "remotemedia"):
        serialize_node_for_ipc(node)
    assert "'warm' was initialized" in caplog.text
    assert not node.is_initialized
    node.initialize()
    assert node.process(1) == ["initialize", "cleanup", "initialize", 1]


def test_load_instance_does_not_initialize():
    copy = load_instance(dump_instance(Steps()))
    assert copy.calls == []
    assert not copy.is_initialized


def test_an_object_that_is_no_node_subclass_crosses():
    data = serialize_node_for_ipc(Plain())
    assert elsewhere(data, ["a", "b"]) == [1, True]


def test_a_class_and_an_object_without_process_are_type_errors():
    with pytest.raises(TypeError, match="Steps is a class"):
        serialize_node_for_ipc(Steps)
    with pytest.raises(TypeError, match="list has no process and no initialize"):
        serialize_node_for_ipc([])


def test_async_cleanup_and_initialize_are_run_to_their_end():
    node = AsyncSteps()
    data = serialize_node_for_ipc(node)
    assert node.calls == ["cleanup"]
    assert deserialize_node_from_ipc(data).calls == ["cleanup", "initialize"]


def test_on_a_running_loop_async_cleanup_is_refused_with_the_steps_to_take():
    async def main():
        with pytest.raises(RuntimeError, match=r"take_state\(node\), await node.cleanup\(\), dump_instance"):
            serialize_node_for_ipc(AsyncSteps())
        node = AsyncSteps()
        taken = take_state(node)
        await node.cleanup()
        copy = load_instance(dump_instance(node, taken))
        await copy.initialize()
        return copy.calls

    assert asyncio.run(main()) == ["cleanup", "initialize"]


def test_a_failing_cleanup_is_an_error_only_of_an_initialized_node(caplog):
    node = FailingCleanup(name="camera")
    with caplog.at_level(logging.DEBUG, "remotemedia"):
        assert deserialize_node_from_ipc(serialize_node_for_ipc(node)).calls == ["initialize"]
    records = [record for record in caplog.records if "the device is gone" in record.getMessage()]
    assert [record.levelno for record in records] == [logging.DEBUG]

    node.initialize()
    with pytest.raises(SerializationError, match=r"'camera': its cleanup\(\) failed: OSError") as caught:
        serialize_node_for_ipc(node)
    assert isinstance(caught.value.__cause__, OSError)


def test_the_runtime_judges_a_failed_cleanup_by_what_it_took():
    node = FailingCleanup()
    cleanup_failed(node, take_state(node), OSError("x"))
    node.initialize()
    with pytest.raises(SerializationError, match="OSError: x"):
        cleanup_failed(node, take_state(node), OSError("x"))


def test_a_failing_initialize_is_named_after_the_node_arrived():
    class Broken(Node):
        def initialize(self):
            raise KeyError("model")

        def process(self, data):
            return data

    data = serialize_node_for_ipc(Broken(name="asr"))
    with pytest.raises(
        RuntimeError, match=r"Node 'asr' arrived, but its initialize\(\) failed: KeyError"
    ) as caught:
        deserialize_node_from_ipc(data)
    assert isinstance(caught.value, InitializationError)
    assert isinstance(caught.value.__cause__, KeyError)


# Session state


class Counting(Node):
    """Counts for each session; its cleanup empties the sessions themselves."""

    def process(self, data):
        session: Any = self.get_session_state(data)
        session.set("count", session.get("count", 0) + 1)
        return session.get("count")

    def cleanup(self):
        for session in self.state.get_all_sessions().values():
            session.clear()
        super().cleanup()


def test_session_state_is_taken_before_cleanup_and_arrives():
    node: Any = Counting()
    assert [node.process("alice") for _ in range(3)] == [1, 2, 3]
    data = serialize_node_for_ipc(node)
    assert node.state.get_all_sessions() == {}
    assert elsewhere(data, ["alice", "alice", "bob"]) == [4, 5, 1]


def test_a_session_that_cannot_cross_is_named_as_a_user_reaches_it():
    node: Any = Counting(name="chat")
    node.get_session_state("alice").set("db", [threading.Lock()])
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.attribute == "state.get_session('alice').data['db'][0]"


def test_a_state_field_of_ones_own_is_an_ordinary_field():
    node: Any = Limited()
    node.state = {"mode": "idle"}
    assert deserialize_node_from_ipc(serialize_node_for_ipc(node)).state == {"mode": "idle"}


# What crosses


class Colour(enum.Enum):
    RED = 1
    BLUE = 2

    def other(self):
        return Colour.BLUE if self is Colour.RED else Colour.RED


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def test_closures_lambdas_partials_and_bound_methods_behave_as_here():
    factor = 3

    class Local(Node):
        class Inner:
            offset = 7

        def __init__(self, function):
            super().__init__()
            self.function = function
            self.scale = lambda value: value * factor
            self.partial = functools.partial(max, 5)
            self.bound = self.scale_twice
            self.inner = self.Inner()

        def scale_twice(self, value):
            return self.scale(self.scale(value))

        def process(self, data):
            return [self.function(data), self.partial(data), self.bound(data), self.inner.offset]

    assert crosses(Local(lambda value: value + factor), [1, 9])


def test_enums_dataclasses_slots_arrays_and_containers_arrive():
    class Mixed(Node):
        def __init__(self):
            super().__init__()
            self.colour = Colour.RED
            self.point = Point(1)
            self.slotted = Slotted([1, 2])
            self.weights = np.arange(6, dtype=np.int16).reshape(2, 3)
            self.counts = collections.Counter("abracadabra")
            self.queue = collections.deque([1, 2], maxlen=2)

        def process(self, data):
            self.queue.append(data)
            return [
                self.colour.other().name,
                dataclasses.astuple(self.point),
                self.slotted.value,
                self.weights.T.tolist(),
                self.counts.most_common(1),
                list(self.queue),
            ]

    assert crosses(Mixed(), [3, 4])


def test_circular_and_shared_references_stay_what_they_are():
    class Ring(Node):
        def __init__(self):
            super().__init__()
            self.me = self
            self.items: list[Any] = [self]
            self.items.append(self.items)
            self.first = self.second = [1]

        def process(self, data):
            self.first.append(data)
            return [self.me is self, self.items[0] is self, self.items[1] is self.items, self.second]

    assert crosses(Ring(), [2])


def test_a_class_of_main_and_of_exec_cross_to_another_program(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = {sys.path!r}
            from dataclasses import dataclass
            from remotemedia.core.node import Node
            from remotemedia.core.node_serialization import serialize_node_for_ipc

            OFFSET = 10

            @dataclass
            class Settings:
                factor: int

            def shifted(value):
                return value + OFFSET

            class Base(Node):
                def process(self, data):
                    return shifted(data)

            class OfMain(Base):
                def __init__(self):
                    super().__init__()
                    self.settings = Settings(2)

                def process(self, data):
                    return super().process(data) * self.settings.factor

            scope = {{}}
            exec('''
            from remotemedia.core.node import Node
            LIMIT = 5
            class OfExec(Node):
                def process(self, data):
                    return min(data, LIMIT)
            '''.replace("            ", ""), scope)
            node = {{"main": OfMain, "exec": scope["OfExec"]}}[sys.argv[1]]()
            sys.stdout.buffer.write(serialize_node_for_ipc(node))
            """
        )
    )
    for which, expected in (("main", [22, 40]), ("exec", [1, 5])):
        done = subprocess.run([sys.executable, script, which], capture_output=True, timeout=50, check=True)
        assert elsewhere(done.stdout, [1, 10]) == expected


def test_a_module_that_only_the_path_finds_crosses_where_the_path_is_the_same(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text(
        "from remotemedia.core.node import Node\n"
        "class Doubling(Node):\n    def process(self, data):\n        return data * 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import only_here  # pyright: ignore[reportMissingImports]

    try:
        assert elsewhere(serialize_node_for_ipc(only_here.Doubling()), [4]) == [8]
    finally:
        del sys.modules["only_here"]


# Bytes that are refused


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


def test_a_module_executed_under_a_name_of_its_own_travels_by_value(tmp_path):
    file = tmp_path / "plugin.py"
    file.write_text(
        "SCALE = 3\nclass N:\n    def initialize(self): ...\n    def process(self, d): return d * SCALE\n"
    )
    spec: Any = importlib.util.spec_from_file_location("some_plugin_1", file)
    module = sys.modules["some_plugin_1"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        assert elsewhere(dump_instance(module.N()), [2]) == [6]
    finally:
        del sys.modules["some_plugin_1"]


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
        data = dump_instance(Limited(name="old"))
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


# Size


def test_over_the_limit_both_sizes_and_the_largest_attribute_are_named(monkeypatch):
    node: Any = Limited(name="big")
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
    node: Any = Limited()
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
    node: Any = Limited()
    node.weights = bytes(10_000)
    node.lock = threading.Lock()
    with pytest.raises(SerializationError) as caught:
        serialize_node_for_ipc(node)
    assert caught.value.attribute == "lock"


# State that comes home


class Learning(Node):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.me = self
        self.draft = "x"

    def process(self, data):
        self.seen.append(data)
        self.__dict__.pop("draft", None)
        session: Any = self.get_session_state("s")
        session.set("last", data)


def test_state_comes_home_into_the_original():
    node: Any = Learning()
    copy = load_instance(dump_instance(node))
    copy.process(5)
    taken = take_state(copy)
    copy.cleanup()
    load_state(node, dump_state(copy, taken))
    assert node.seen == [5]
    assert node.me is node
    assert not hasattr(node, "draft")
    assert node.state.get_session("s").get("last") == 5


def test_state_of_slots_and_of_a_getstate_comes_home():
    class Tight:
        __slots__ = ("count", "lock")

        def __init__(self):
            self.count = 0
            self.lock = threading.Lock()

        def __getstate__(self):
            return None, {"count": self.count}

        def initialize(self): ...

        def process(self, data):
            self.count += data

    node: Any = Tight()
    lock = node.lock
    copy = load_instance(dump_instance(node))
    copy.process(3)
    load_state(node, dump_state(copy))
    assert node.count == 3
    assert node.lock is lock


def test_state_behind_a_reduce_of_its_own_is_refused():
    class Made(Limited):
        def __reduce__(self):
            return (Limited, ())

    with pytest.raises(SerializationError, match=r"Made.__reduce__\(\) makes a new object"):
        dump_state(Made())


# The error itself


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


def test_validate_says_what_is_wrong_and_changes_nothing(caplog):
    node: Any = Steps(name="v")
    assert validate_node_serializable(node) is True
    node.lock = threading.Lock()
    with caplog.at_level(logging.WARNING, "remotemedia"):
        assert validate_node_serializable(node) is False
    assert "attribute 'lock'" in caplog.text
    del node.lock
    node.initialize()
    assert validate_node_serializable(node) is False
    assert node.calls == ["initialize"]
    assert node.is_initialized


def test_importing_it_imports_neither_cloudpickle_nor_numpy():
    code = "import remotemedia.core.node_serialization; print({'cloudpickle', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        timeout=50,
    )
    assert done.stdout.strip() == "set()"
