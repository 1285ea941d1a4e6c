"""Peers between two Python processes: an array there, and an int back.

Each does as our nodes do: what makes an array writes one number into it, and the answer is that number.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FAR_SIDE = str(Path(__file__).with_name("far_side.py"))
FLOATS_PER_MEBIBYTE = (1 << 20) // 8

# Each peer is made once, by its arguments, and kept: name → function of a number that gives its answer.
_kept: dict[tuple[Any, ...], Callable[[int], int]] = {}
_at_exit = contextlib.ExitStack()


def available() -> list[str]:
    """Gives the names of the peers whose packages are there."""
    packages = {"iceoryx2": "iceoryx2", "zeromq": "zmq", "ray": "ray"}
    there = [
        name
        for name, package in packages.items()
        if importlib.util.find_spec(package) is not None
    ]
    return ["pipe", "shared_memory", *there]


def round_trips(peer: str, mebibytes: int, items: int, **options: Any) -> float:
    """Arrays there and an int back, one after the other.

    Args:
        peer: a name of ``PEERS``.
        mebibytes: the size of each array.
        items: how many.
        **options: of the peer.

    Returns:
        The median duration in µs.
    """
    key = (peer, mebibytes, *sorted(options.items()))
    if key not in _kept:
        _kept[key] = PEERS[peer](mebibytes, **options)
    ask = _kept[key]
    durations: list[int] = []
    for number in range(items):
        start = time.perf_counter_ns()
        answer = ask(number)
        durations.append(time.perf_counter_ns() - start)
        if answer != number:
            raise RuntimeError(f"{peer}: {number} came back as {answer}")
    return statistics.median(durations) / 1e3


def end() -> None:
    """Ends all peers."""
    # What they made holds views of what is closed then.
    _kept.clear()
    _at_exit.close()


def _start_far_side(*args: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, FAR_SIDE, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    _at_exit.callback(process.wait)
    _at_exit.callback(process.kill)
    if process.stdout is None or process.stdout.readline() != b"ready\n":
        raise RuntimeError(f"far_side.py {' '.join(args)} did not start")
    return process


def _arrays(mebibytes: int) -> Iterator[Any]:
    return itertools.cycle(np.zeros((2, mebibytes * FLOATS_PER_MEBIBYTE)))


def _iceoryx2(mebibytes: int, is_copied: bool) -> Callable[[int], int]:
    from far_side import iceoryx2_services

    tag = f"remotemedia-bench-{os.getpid()}-{mebibytes}-{is_copied}"
    services = iceoryx2_services(tag)
    publisher = (
        services.arrays.publisher_builder()
        .initial_max_slice_len(mebibytes << 20)
        .create()
    )
    subscriber = services.answers.subscriber_builder().create()
    notifier = services.there.notifier_builder().create()
    listener = services.back.listener_builder().create()
    _start_far_side("iceoryx2", tag)
    arrays = _arrays(mebibytes)
    byte_count = mebibytes << 20

    def ask(number: int) -> int:
        sample = publisher.loan_slice_uninit(byte_count)
        payload = np.frombuffer(sample.payload().as_memory_view(), np.float64)
        if is_copied:
            array = next(arrays)
            array[0] = number
            payload[:] = array
        else:
            payload[0] = number
        sample.assume_init().send()
        notifier.notify()
        while True:
            listener.blocking_wait()
            answer = subscriber.receive()
            if answer is not None:
                break
        value = answer.payload().contents.value
        answer.delete()
        return value

    return ask


def _zeromq(mebibytes: int) -> Callable[[int], int]:
    import zmq

    folder = _at_exit.enter_context(tempfile.TemporaryDirectory())
    address = f"ipc://{folder}/zeromq"
    context = _at_exit.enter_context(zmq.Context())
    socket = _at_exit.enter_context(context.socket(zmq.PAIR))
    socket.bind(address)
    _start_far_side("zeromq", address)
    arrays = _arrays(mebibytes)

    def ask(number: int) -> int:
        array = next(arrays)
        array[0] = number
        socket.send(array, copy=False)
        return int(socket.recv())

    return ask


def _pipe(mebibytes: int) -> Callable[[int], int]:
    connection = _pipe_to("pipe")
    arrays = _arrays(mebibytes)

    def ask(number: int) -> int:
        array = next(arrays)
        array[0] = number
        connection.send(array)
        return connection.recv()

    return ask


def _shared_memory(mebibytes: int) -> Callable[[int], int]:
    from multiprocessing import shared_memory

    memory = shared_memory.SharedMemory(create=True, size=mebibytes << 20)
    _at_exit.callback(memory.unlink)
    connection = _pipe_to("shared_memory", memory.name)
    payload = np.frombuffer(memory.buf, np.float64)

    def ask(number: int) -> int:
        payload[0] = number
        connection.send(0)
        return connection.recv()

    return ask


def _pipe_to(peer: str, *args: str) -> Any:
    from multiprocessing.connection import Listener

    folder = _at_exit.enter_context(tempfile.TemporaryDirectory())
    # A pair of connected Unix sockets, which is what multiprocessing.Pipe() is.
    with Listener(f"{folder}/pipe") as listener:
        process = subprocess.Popen(
            [sys.executable, FAR_SIDE, peer, f"{folder}/pipe", *args],
            stdin=subprocess.PIPE,
        )
        _at_exit.callback(process.wait)
        _at_exit.callback(process.kill)
        return _at_exit.enter_context(listener.accept())


def _ray(mebibytes: int) -> Callable[[int], int]:
    import ray
    from ray.dag import InputNode

    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
    )
    _at_exit.callback(ray.shutdown)

    @ray.remote
    class First:
        def process(self, array: Any) -> int:
            return int(array[0])

    actor = First.remote()
    with InputNode() as source:
        graph = actor.process.bind(source)
    compiled = graph.experimental_compile(_buffer_size_bytes=(mebibytes << 20) + 65536)
    _at_exit.callback(compiled.teardown)
    arrays = _arrays(mebibytes)

    def ask(number: int) -> int:
        array = next(arrays)
        array[0] = number
        return ray.get(compiled.execute(array))

    return ask


PEERS: dict[str, Callable[..., Callable[[int], int]]] = {
    "iceoryx2": _iceoryx2,
    "zeromq": _zeromq,
    "pipe": _pipe,
    "shared_memory": _shared_memory,
    "ray": _ray,
}
CASES: dict[str, Callable[..., Any]] = {
    case.__name__: case for case in (available, round_trips, end)
}
