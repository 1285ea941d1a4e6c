"""Serializing live nodes: functions, classes and values of every kind arrive as they were."""

import collections
import dataclasses
import enum
import functools
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from crossing import crosses, elsewhere
from remotemedia.core.node import Node
from remotemedia.core.node_serialization import (
    dump_instance,
    serialize_node_for_ipc,
)


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
