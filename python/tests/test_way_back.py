"""What a consumer says to its producer when it takes no more."""

import socket

import pytest

from remotemedia.runner.way_back import WayBack
from remotemedia.wire.frames import CREDIT, STOP, FrameReader, decode_payload

WINDOW = (8, 1 << 20)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    back = WayBack(WINDOW)
    back.connect(ours)
    with theirs:
        yield back, FrameReader(theirs)
    ours.close()


def frames_of(reader):
    while (frame := reader.read()) is not None:
        yield frame[0], decode_payload(frame[1])


def test_all_that_has_come_is_given_back_before_a_stop_and_nothing_twice(ends):
    back, reader = ends
    back.received(3, 30, 1)
    back.received(2, 20, 1)
    # Half of the window: this is given back at once.
    back.count(0, 4)
    back.stop()
    # What is done later has been given back.
    back.count(0, 1)
    back.close()
    assert list(frames_of(reader)) == [(CREDIT, [4, 30]), (CREDIT, [1, 20]), (STOP, None)]


def test_a_target_that_is_behind_holds_back_credit_but_not_a_stop(ends):
    back, reader = ends
    back.received(4, 40, 2)
    back.count(0, 4)
    back.count(1, 2)
    back.stop()
    back.count(1, 2)
    back.close()
    assert list(frames_of(reader)) == [(CREDIT, [4, 40]), (STOP, None)]
