"""Whole programs, each in an interpreter of its own: forks, streams left open, threads that never end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interpreter import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and signals")


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
