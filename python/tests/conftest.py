"""Makes the package and the helpers of the tests importable from a checkout; fixtures of several files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]


@pytest.fixture
def quick_switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Any]:
    """A Python host, and the engine that has started it."""
    from engine import Engine

    engine = Engine(tmp_path)
    yield engine
    if engine.process.returncode is None:
        engine.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the test, with a module of TypeScript nodes and one of Python nodes."""
    from typescript import MODULE

    (tmp_path / "nodes.mjs").write_text(MODULE)
    (tmp_path / "more.py").write_text(
        "class Twice:\n    def initialize(self): pass\n    def process(self, data): return data * 2\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def line() -> Any:
    """Both ends of a channel with shared memory."""
    from slabs import Line

    return Line()
