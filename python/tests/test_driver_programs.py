"""Whole programs, each in an interpreter of its own: fork, Ctrl-C, threads that never end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and signals")

HEAD = """
import asyncio, os, signal, sys, threading, time
from remotemedia import Node, Pipeline, execute_pipeline_with_input, execute_pipeline_with_input_sync

class Echo(Node):
    def process(self, data):
        return data

class AsyncEcho(Node):
    async def process(self, data):
        await asyncio.sleep(0)
        return data

def say(*words):
    print(*words, flush=True)
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    file = folder / "program.py"
    file.write_text(HEAD + textwrap.dedent(program))
    return subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )


def run(program: str, folder: Path) -> str:
    process = start(program, folder)
    out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    assert err == ""
    return out


def test_a_forked_child_runs_pipelines_of_its_own(tmp_path: Path) -> None:
    program = """
    nodes = [Echo(), AsyncEcho()]
    say(execute_pipeline_with_input_sync(nodes, [1]), asyncio.run(execute_pipeline_with_input(nodes, [2])))
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            mine = execute_pipeline_with_input_sync(nodes, [3])
            say(mine, asyncio.run(execute_pipeline_with_input(nodes, [4])))
            os._exit(0)
        say(os.waitpid(pid, 0)[1])
    say(asyncio.run(execute_pipeline_with_input(nodes, [5])))
    """
    assert run(program, tmp_path) == "[1] [2]\n" + "[3] [4]\n0\n" * 3 + "[5]\n"


def test_a_child_forked_in_the_middle_of_a_run_is_not_held_up_by_it(tmp_path: Path) -> None:
    program = """
    entered, leave = threading.Event(), threading.Event()

    class Blocking(Echo):
        def process(self, data):
            entered.set()
            leave.wait()
            return data

    shared = Blocking()
    thread = threading.Thread(target=execute_pipeline_with_input_sync, args=([shared], [1]))
    thread.start()
    entered.wait()
    pid = os.fork()
    if pid == 0:
        leave.set()
        say(execute_pipeline_with_input_sync([Echo(), shared, AsyncEcho()], [2]))
        os._exit(0)
    say(os.waitpid(pid, 0)[1])
    leave.set()
    thread.join()
    """
    assert run(program, tmp_path) == "[2]\n0\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    program = f"""
    import multiprocessing

    def work(number):
        return execute_pipeline_with_input_sync([Echo(), AsyncEcho()], [number])

    if __name__ == "__main__":
        say(work(0))
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            say(pool.map(work, [1, 2, 3]))
    """
    assert run(program, tmp_path) == "[0]\n[[1], [2], [3]]\n"


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
                while True:
                    time.sleep(60)
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


def test_a_program_ends_although_a_node_does_not_return(tmp_path: Path) -> None:
    program = """
    from remotemedia.driver.local import LocalRun
    LocalRun.cancel_timeout = 0.05

    class Stuck(Node):
        def process(self, data):
            threading.Event().wait()

    async def main():
        await asyncio.wait_for(execute_pipeline_with_input([Stuck(name="stuck")], [1]), 0.05)

    try:
        asyncio.run(main())
    except Exception as error:
        say(type(error).__name__, error)
    """
    out = run(program, tmp_path)
    assert out.startswith('CancelTimeoutError After the cancel, node "stuck_0" did not return within 0.05 s.')


def test_importing_loads_neither_asyncio_nor_numpy_nor_anything_of_the_engine(tmp_path: Path) -> None:
    program = (
        "import remotemedia, sys; print([n for n in ('asyncio', 'numpy', 'subprocess') if n in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    assert out == "[]\n"


def test_running_objects_of_ones_own_imports_nothing_that_only_an_engine_needs(tmp_path: Path) -> None:
    program = """
    execute_pipeline_with_input_sync([Echo()], [1])
    say([n for n in ("numpy", "cloudpickle", "msgspec", "remotemedia.driver.engine") if n in sys.modules])
    """
    out = run(program, tmp_path)
    assert out == "[]\n"
