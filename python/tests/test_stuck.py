"""What holds a session up is reported with its stack; nothing is ended because of it."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live import read, run
from remotemedia import Node, Pipeline, StuckReport
from remotemedia.core.exceptions import InvalidArgumentError

LIMIT_MS = 200
LIMIT_BYTES = 200 << 20
FIXTURE = Path(__file__).parents[2] / "test" / "fixtures" / "stuck_nodes.py"
KINDS = {
    "Spins": "in process",
    "Sleeps": "in until_there",
    "SleepsInGenerator": "in until_there",
    "SleepsInStream": "in until_there",
    "BlocksLoop": "in until_there",
    "Awaits": "in until_there_later",
    "GivesAwaitable": "in until_there_later",
    "AwaitsInGenerator": "in until_there_later",
    "AwaitsInStream": "in until_there_later",
}


def fixture_nodes() -> Any:
    """The module of the nodes, which other processes find as well."""
    if "stuck_nodes" not in sys.modules:
        spec = importlib.util.spec_from_file_location("stuck_nodes", FIXTURE)
        assert spec is not None and spec.loader is not None
        module = sys.modules["stuck_nodes"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["stuck_nodes"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """The thread that watches ends after the last session."""
    yield
    for thread in threading.enumerate():
        if thread.name == "remotemedia-watch":
            thread.join(10)
            assert not thread.is_alive()


class Reports:
    """Lets a node go on when what was expected is reported."""

    def __init__(self, file: Path, kind: str = "node", not_of: str | None = None) -> None:
        self.file = file
        self.kind = kind
        self.not_of = not_of
        self.all: list[StuckReport] = []

    def take(self, report: StuckReport) -> None:
        # On a machine with much to do an event loop may be late by itself.
        if report.kind == self.kind and report.host != self.not_of:
            self.all.append(report)
            self.file.touch()


def report_of(node: Any, reports: Reports, **options: Any) -> None:
    """Run a session whose node is stuck with its second item."""

    async def main() -> list[Any]:
        pipeline = Pipeline([node])
        async with pipeline.open(stuck_after_ms=LIMIT_MS, on_stuck=reports.take, **options) as session:
            await session.write("fine")
            await session.write("stuck")
            session.end()
            return await read(session)

    assert run(main) == ["fine", "stuck"]


@pytest.mark.parametrize("name", KINDS)
def test_a_node_that_does_not_return_is_reported_with_its_stack(name: str, tmp_path: Path) -> None:
    reports = Reports(tmp_path / "go")
    report_of(getattr(fixture_nodes(), name)(reports.file), reports)
    assert [(report.node_id, report.host) for report in reports.all] == [(f"{name}_0", "driver")]
    assert reports.all[0].for_ms >= LIMIT_MS
    assert KINDS[name] in reports.all[0].stack
    assert "remotemedia/runner" not in reports.all[0].stack


@pytest.mark.parametrize("name", ["Spins", "Awaits"])
def test_a_node_in_another_process_is_reported_as_well(name: str, tmp_path: Path) -> None:
    reports = Reports(tmp_path / "go")
    node = getattr(fixture_nodes(), name)(reports.file)
    node.executor = "process"
    report_of(node, reports)
    assert [report.node_id for report in reports.all] == [f"{name}_0"]
    assert reports.all[0].host != "driver"
    assert KINDS[name] in reports.all[0].stack


def test_a_process_over_its_memory_limit_is_reported_once(tmp_path: Path) -> None:
    # The tests themselves may use more.
    reports = Reports(tmp_path / "go", "memory", not_of="driver")
    node = fixture_nodes().Fills(reports.file)
    node.executor = "process"
    report_of(node, reports, memory_limit_bytes=LIMIT_BYTES)
    assert [report.node_id for report in reports.all] == ["Fills_0"]
    assert (reports.all[0].memory_bytes or 0) > LIMIT_BYTES
    assert "in process" in reports.all[0].stack


def test_a_blocked_event_loop_is_reported_while_it_is_blocked() -> None:
    reports: list[StuckReport] = []
    told = threading.Event()

    def take(report: StuckReport) -> None:
        reports.append(report)
        told.set()

    async def main() -> None:
        async with Pipeline([Same()]).open(stuck_after_ms=LIMIT_MS, on_stuck=take) as session:
            await session.write(1)
            block(told)
            assert await anext(session) == 1

    run(main)
    assert [(report.kind, report.node_id, report.host) for report in reports] == [("loop", None, "driver")]
    assert "in block" in reports[0].stack


def test_without_on_stuck_reports_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "go"

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            file.touch()

    logger, told = logging.getLogger("remotemedia"), Told()
    logger.addHandler(told)

    async def main() -> None:
        async with Pipeline([fixture_nodes().Sleeps(file)]).open(stuck_after_ms=LIMIT_MS) as session:
            await session.write("stuck")
            assert await anext(session) == "stuck"

    try:
        with caplog.at_level(logging.WARNING, "remotemedia"):
            run(main)
    finally:
        logger.removeHandler(told)
    assert 'Node "Sleeps_0" (driver) has not returned for 0.' in caplog.text
    assert "in until_there" in caplog.text


def test_of_a_session_that_is_well_nothing_is_reported_while_another_one_is_stuck(tmp_path: Path) -> None:
    nodes = fixture_nodes()
    well: list[StuckReport] = []
    sick = Reports(tmp_path / "go")

    async def main() -> None:
        options: dict[str, Any] = {"stuck_after_ms": 1_000, "on_stuck": well.append}
        idle = Pipeline([nodes.AwaitsInStream(sick.file), Same(), nodes.SleepsInStream(sick.file)])
        held = Pipeline([nodes.AwaitsInGenerator(sick.file), nodes.Awaits(sick.file)])
        async with idle.open(**options), held.open(**options) as unread:
            await unread.write("fine")
            async with Pipeline([nodes.Sleeps(sick.file)]).open(
                stuck_after_ms=1_500, on_stuck=sick.take
            ) as session:
                await session.write("stuck")
                assert await anext(session) == "stuck"

    run(main)
    assert len(sick.all) == 1
    assert well == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stuck_after_ms": -1}, "stuck_after_ms must be a number from 0, got -1. Set it to 0"),
        ({"memory_limit_bytes": -1}, "memory_limit_bytes must be a number from 0, got -1. Leave it out"),
        ({"memory_limit_bytes": float("nan")}, "memory_limit_bytes must be a number from 0, got nan."),
        ({"on_stuck": "x"}, "on_stuck must be a function that takes one argument, got 'x'."),
    ],
)
def test_an_option_of_watching_that_is_none_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        Pipeline([Same()]).open(**options)


class Same(Node):
    """Gives what it is given."""

    def process(self, item: Any) -> Any:
        return item


def block(until: threading.Event) -> None:
    """Hold up the calling thread."""
    until.wait(30)


@pytest.mark.parametrize(("name", "stack"), [("Spins", "in process"), ("Awaits", "in until_there_later")])
def test_a_stuck_copy_of_a_node_with_replicas_is_reported_as_that_copy(
    name: str, stack: str, tmp_path: Path
) -> None:
    reports = Reports(tmp_path / "go")
    node = getattr(fixture_nodes(), name)(reports.file)
    node.executor, node.replicas = "process", 2
    report_of(node, reports)
    assert [report.node_id for report in reports.all] == [f"{name}_0"]
    assert reports.all[0].replica in (0, 1)
    assert reports.all[0].host != "driver"
    assert stack in reports.all[0].stack
    assert str(reports.all[0]).startswith(f'Node "{name}_0#{reports.all[0].replica}" (')


def test_a_stuck_copy_of_a_typescript_node_is_reported_as_that_copy(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "go")
    file = FIXTURE.parent / "stuck-nodes.mjs"
    entry = {
        "id": "culprit",
        "node_type": f"{file}#Spins",
        "params": {"file": str(reports.file)},
        "executor": "worker",
        "replicas": 2,
    }
    report_of(entry, reports)
    assert [report.node_id for report in reports.all] == ["culprit"]
    assert reports.all[0].replica in (0, 1)
    assert "stuck-nodes.mjs" in reports.all[0].stack
