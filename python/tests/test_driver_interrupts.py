"""Ctrl-C in programs that run pipelines, here and with the engine."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path

import pytest

from interpreter import ENGINE, start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and signals")

SLOW = """
class Slow(Node):
    def initialize(self):
        say("initialize")
    def process(self, data):
        if data == 0:
            say("busy")
        return data
    def flush(self):
        say("flush")
    def cleanup(self):
        say("cleanup")

def endless():
    number = 0
    while True:
        yield number
        number += 1
"""


@pytest.mark.parametrize(
    "call",
    [
        "execute_pipeline_with_input_sync([Slow(), Echo()], endless())",
        "execute_pipeline_with_input_sync([Slow(), AsyncEcho()], endless())",
        "asyncio.run(execute_pipeline_with_input([Slow(), Echo()], endless()))",
    ],
    ids=["blocking", "blocking-async-node", "asyncio"],
)
def test_ctrl_c_ends_a_run_in_good_order(tmp_path: Path, call: str) -> None:
    # What it collects would fill the memory; so nothing comes out of it.
    quiet = textwrap.dedent(SLOW).replace("return data", "return None")
    program = quiet + textwrap.dedent(f"""
    try:
        {call}
    except KeyboardInterrupt:
        say("interrupted")
    """)
    process = start(program, tmp_path)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["initialize\n", "busy\n"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=50)
    assert (out, err, process.returncode) == ("cleanup\ninterrupted\n", "", 0)


def test_a_second_ctrl_c_does_not_wait_for_the_node(tmp_path: Path) -> None:
    program = """
    class Stuck(Node):
        def process(self, data):
            try:
                say("stuck")
                threading.Event().wait()
            except KeyboardInterrupt:
                say("second")
                raise

    signal.signal(signal.SIGUSR1, lambda *_: say("first was seen"))
    try:
        execute_pipeline_with_input_sync([Stuck()], [1])
    except KeyboardInterrupt:
        say("interrupted")
    """
    process = start(program, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    process.send_signal(signal.SIGINT)
    # Python runs the handlers in this order, so that the first Ctrl-C has been taken by then.
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "first was seen\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=50)
    assert (out, err, process.returncode) == ("second\ninterrupted\n", "", 0)


def test_after_a_ctrl_c_a_busy_node_in_the_main_thread_is_interrupted_and_named(tmp_path: Path) -> None:
    program = """
    from remotemedia.driver.local import LocalRun
    LocalRun.cancel_timeout = 0.05

    class Stuck(Node):
        def process(self, data):
            say("stuck")
            while True:
                pass

    try:
        execute_pipeline_with_input_sync([Stuck(name="stuck")], [1])
    except TimeoutError as error:
        say(type(error).__name__, error)
    """
    process = start(program, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=50)
    assert (err, process.returncode) == ("", 0)
    words = 'After the cancel, node "stuck_0" did not return within 0.05 s. It was interrupted.'
    assert out == f"CancelTimeoutError {words}\n"


@pytest.mark.parametrize("executor", ["", "multiprocess"])
def test_ctrl_c_in_a_run_of_the_engine(tmp_path: Path, executor: str) -> None:
    program = f"""{ENGINE}
import itertools

class Busy(Node):
    def process(self, data):
        if data == 0:
            say("busy")
    def cleanup(self):
        say("cleanup")

try:
    execute_pipeline_with_input_sync([typescript, Busy(executor={executor!r} or None)], itertools.count())
except KeyboardInterrupt:
    say("interrupted")
"""
    process = start(program, tmp_path)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any(line.endswith("busy\n") for line in lines)
    # As a terminal does it: to all processes of the group.
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    assert out.splitlines()[-2:] == ["[Busy_1] cleanup" if executor else "cleanup", "interrupted"]
