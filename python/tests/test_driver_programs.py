"""Whole programs, each in an interpreter of its own: fork, Ctrl-C, threads that never end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
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
        [sys.executable, "-W", "ignore::DeprecationWarning", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
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


def test_streams_left_open_are_closed_quietly_with_the_loop(tmp_path: Path) -> None:
    program = """
    async def numbers():
        number = 0
        while True:
            yield number
            number += 1
            await asyncio.sleep(0)

    async def main():
        for nodes in [Echo()], [AsyncEcho(), {"node_type": "PassThrough"}]:
            async for output in Pipeline(nodes).process(numbers()):
                if output == 3:
                    break

    asyncio.run(main())
    say("closed")
    """
    assert run(program, tmp_path) == "closed\n"


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


def test_a_program_ends_although_a_node_does_not_return(tmp_path: Path) -> None:
    program = """
    from remotemedia.driver.local import LocalRun
    LocalRun.cancel_timeout = 0.05

    entered = threading.Event()

    class Stuck(Node):
        def process(self, data):
            entered.set()
            threading.Event().wait()

    async def main():
        task = asyncio.create_task(execute_pipeline_with_input([Stuck(name="stuck")], [1]))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await task

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


ENGINE = """
import signal, tempfile, pathlib
from remotemedia.driver.engine import engine
typescript = {"node_type": "typescript:PassThrough"}

def left(pid):
    return [path.name for path in pathlib.Path(tempfile.gettempdir()).glob(f"remotemedia-{pid}-*")]
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def await_end(pid: int) -> None:
    """Wait for the end of a process that is no child."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            assert poll.poll(30_000), "it goes on"
        finally:
            os.close(descriptor)


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
