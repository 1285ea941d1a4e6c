"""The other process of each peer: it answers arrays with a number, and ends with its standard input."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Services:
    """What both sides of iceoryx2 open: arrays there and answers back, with an event for each to wait on."""

    node: Any
    arrays: Any
    answers: Any
    there: Any
    back: Any


def iceoryx2_services(tag: str) -> Services:
    """Opens the services that a tag names."""
    import ctypes

    import iceoryx2 as ice

    ice.set_log_level(ice.LogLevel.Error)
    node = ice.NodeBuilder.new().create(ice.ServiceType.Ipc)

    def builder(name: str) -> Any:
        return node.service_builder(ice.ServiceName.new(f"{tag}/{name}"))

    return Services(
        node,
        arrays=builder("arrays")
        .publish_subscribe(ice.Slice[ctypes.c_uint8])
        .payload_alignment(ice.Alignment.new(64))
        .open_or_create(),
        answers=builder("answers").publish_subscribe(ctypes.c_int64).open_or_create(),
        there=builder("there").event().open_or_create(),
        back=builder("back").event().open_or_create(),
    )


def iceoryx2(tag: str) -> None:
    """Samples in place, blocking waits."""
    import ctypes

    services = iceoryx2_services(tag)
    subscriber = services.arrays.subscriber_builder().create()
    publisher = services.answers.publisher_builder().create()
    listener = services.there.listener_builder().create()
    notifier = services.back.notifier_builder().create()
    _say_ready()
    while True:
        listener.blocking_wait()
        sample = subscriber.receive()
        if sample is None:
            continue
        number = int(np.frombuffer(sample.payload().as_memory_view(), np.float64)[0])
        sample.delete()
        publisher.send_copy(ctypes.c_int64(number))
        notifier.notify()


def zeromq(address: str, dtype: str = "float64") -> None:
    """Messages over ipc: an array there, a number back."""
    socket = _zeromq_socket(address)
    while True:
        frame = socket.recv(copy=False)
        socket.send(b"%d" % int(np.frombuffer(frame, dtype)[0]))


def zeromq_arrays(address: str) -> None:
    """The other way round: a number there, an array back."""
    socket = _zeromq_socket(address)
    arrays = itertools.cycle(np.zeros((2, (1 << 20) // 8)))
    while True:
        number = int(socket.recv())
        array = next(arrays)
        array[0] = number
        socket.send(array, copy=False)


def _zeromq_socket(address: str) -> Any:
    import zmq

    socket = zmq.Context().socket(zmq.PAIR)
    socket.connect(address)
    _say_ready()
    return socket


def pipe(address: str) -> None:
    """Pickled arrays through a connection of multiprocessing."""
    from multiprocessing.connection import Client

    with Client(address) as connection:
        while True:
            connection.send(int(connection.recv()[0]))


def shared_memory(address: str, name: str) -> None:
    """One array in shared memory, and a token through a connection of multiprocessing: the floor."""
    from multiprocessing import resource_tracker, shared_memory
    from multiprocessing.connection import Client

    memory = shared_memory.SharedMemory(name)
    # Its maker unlinks it; else the tracker of this process would complain.
    resource_tracker.unregister(memory._name, "shared_memory")
    array = np.frombuffer(memory.buf, np.float64)
    with Client(address) as connection:
        while True:
            connection.recv()
            connection.send(int(array[0]))


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


SIDES: dict[str, Callable[..., None]] = {
    side.__name__: side
    for side in (iceoryx2, zeromq, zeromq_arrays, pipe, shared_memory)
}

if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        SIDES[sys.argv[1]](*sys.argv[2:])
    except EOFError:
        # The near side has ended. Views of shared memory are still there, which a usual exit complains of.
        os._exit(0)
