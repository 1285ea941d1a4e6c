"""The engine's process: it ends with its program, and nothing is left of either, also when one is killed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from interpreter import ENGINE, await_end, is_running, run, start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and signals")


def test_an_engine_ends_with_its_program(tmp_path: Path) -> None:
    program = f"""{ENGINE}
say(execute_pipeline_with_input_sync([typescript], [1]))
say(engine().pid)
"""
    out = run(program, tmp_path).splitlines()
    assert out[0] == "[1]"
    assert not is_running(int(out[1]))


def test_a_forked_child_starts_an_engine_of_its_own(tmp_path: Path) -> None:
    program = f"""{ENGINE}
say(execute_pipeline_with_input_sync([Echo(), typescript], [1]))
mine = engine().pid
pid = os.fork()
if pid == 0:
    say(execute_pipeline_with_input_sync([Echo(), typescript], [2]), engine().pid != mine)
    sys.exit(0)
say(os.waitpid(pid, 0)[1])
say(execute_pipeline_with_input_sync([Echo(), typescript], [3]), engine().pid == mine)
"""
    assert run(program, tmp_path) == "[1]\n[2] True\n0\n[3] True\n"


def test_nothing_is_left_of_a_program_that_was_killed(tmp_path: Path) -> None:
    program = f"""{ENGINE}
import multiprocessing

class Busy(Node):
    def process(self, data):
        print("busy", os.getpid(), flush=True)
        threading.Event().wait()

say(engine().pid)
execute_pipeline_with_input_sync([Echo(), typescript, Busy(executor="multiprocess")], [1])
"""
    process = start(program, tmp_path)
    assert process.stdout is not None
    engine_pid = int(process.stdout.readline())
    host_pid = int(process.stdout.readline().split()[-1])
    process.kill()
    process.communicate(timeout=50)
    for pid in (engine_pid, host_pid):
        await_end(pid)
    left = [
        path
        for pid in (process.pid, engine_pid)
        for path in Path(tempfile.gettempdir()).glob(f"remotemedia-{pid}-*")
    ]
    assert left == []


def test_nothing_is_left_of_an_engine_that_was_killed(tmp_path: Path) -> None:
    program = f"""{ENGINE}
class Busy(Node):
    def process(self, data):
        os.kill(os.getppid(), signal.SIGKILL)
        threading.Event().wait()

pid = engine().pid
try:
    execute_pipeline_with_input_sync([Busy(executor="multiprocess")], [1])
except ConnectionError as error:
    say(str(error).split(".")[0].replace(str(pid), "PID"))
say(left(pid))
"""
    assert run(program, tmp_path) == "The engine (process PID) ended with SIGKILL\n[]\n"


def test_no_nodejs_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    program = f"""{ENGINE}
os.environ["REMOTEMEDIA_NODE"] = "/nowhere/node"
say(execute_pipeline_with_input_sync([Echo()], [1]))
try:
    execute_pipeline_with_input_sync([typescript], [1])
except RuntimeError as error:
    say(type(error).__name__, error)
"""
    out = run(program, tmp_path)
    assert out.startswith('[1]\nEngineNotFoundError REMOTEMEDIA_NODE is "/nowhere/node", which is no program')
