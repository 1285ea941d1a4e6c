"""Programs for tests, each in an interpreter of its own."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import textwrap
from pathlib import Path

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
