"""What consumers keep: who is named for it, what counts for the limit, and what goes inline without room."""

from __future__ import annotations

import errno
from itertools import chain

import numpy as np
import pytest

from remotemedia.core.exceptions import MemoryKeptError, ProtocolError
from remotemedia.runner.context import NodeContext
from remotemedia.slabs.arena import Arena
from remotemedia.wire.frames import WHO_KEEPS, encode_frame
from slabs import MIB, Line


def asked(line):
    """Whether the consumer is asked, as the frames to it say."""
    return encode_frame(WHO_KEEPS, None) in line.sender.notices()


def say(line, *passed, several=False, inside=0):
    """The consumer answers: what it holds for others as ``[node, several, places]``."""
    line.credit()
    line.sender.said({"several": several, "inside": inside, "passed": list(passed)})


def fill(arena, **lines):
    """Lines of one run by the ids of their nodes, and so many arrays that were sent over each."""
    made = {name: Line(arena, node_id=name) for name in lines}
    kept = {}
    for name, line in made.items():
        line.sender.run = arena
        kept[name] = [line.send(np.zeros(MIB, np.uint8)) for _ in range(lines[name])]
        line.credit()
    return made, kept


def overflow(line):
    """Send what finds no room; it goes inline."""
    assert line.send(np.ones(MIB, np.uint8)).all()
    assert line.inline > MIB


def test_consumers_are_asked_and_the_one_that_keeps_the_most_is_named_with_what_it_keeps():
    lines, kept = fill(Arena(limit=8 * MIB), modest=1, greedy=7)
    modest, greedy = lines.values()
    overflow(greedy)
    assert asked(modest)
    assert asked(greedy)
    overflow(greedy)
    assert not asked(greedy)
    say(modest)
    say(greedy)
    with pytest.raises(
        MemoryKeptError, match=rf'^Node "greedy" keeps 7 arrays or buffers \({7 * MIB} bytes\)'
    ) as raised:
        greedy.send(np.zeros(MIB, np.uint8))
    assert raised.value.node_id == "greedy"
    assert isinstance(raised.value, MemoryError)
    greedy.sender.writer.take()
    del kept["greedy"][4:]
    assert modest.send(np.ones(MIB, np.uint8)).all()
    assert modest.inline < 1000


def test_nobody_is_named_while_no_consumer_has_said_who_keeps_what():
    lines, _kept = fill(Arena(limit=8 * MIB), silent=8)
    for _ in range(20):
        overflow(lines["silent"])


def test_what_a_consumer_holds_for_others_is_charged_to_those_that_keep_it():
    lines, kept = fill(Arena(limit=8 * MIB), middle=8)
    line = lines["middle"]
    places = [list(array.base.place_in(line.returns)) for array in kept["middle"]]
    overflow(line)
    assert asked(line)
    say(line, [None, False, [*chain(*places)]])
    overflow(line)
    line.sender.ask()
    say(line, [None, False, [*chain(*places[:2])]], ["last", True, [*chain(*places[2:])]])
    with pytest.raises(MemoryKeptError, match=r'^Node "last", or a node after it in the same host, keeps 6 '):
        line.send(np.zeros(MIB, np.uint8))


def test_what_may_be_between_the_nodes_of_a_host_is_not_charged():
    lines, _kept = fill(Arena(limit=8 * MIB), first=8)
    line = lines["first"]
    overflow(line)
    say(line, inside=5, several=True)
    overflow(line)
    line.sender.ask()
    say(line, inside=4, several=True)
    with pytest.raises(MemoryKeptError, match=r'^Node "first", or a node after it in .*, keeps 4 '):
        line.send(np.zeros(MIB, np.uint8))


def test_what_another_run_keeps_is_no_failure_of_this_one():
    arena = Arena(limit=8 * MIB)
    lines, _kept = fill(arena, greedy=8)
    other = Line(arena, node_id="other")
    overflow(other)
    assert not asked(lines["greedy"])
    lines["greedy"].sender.ask()
    say(lines["greedy"])
    overflow(other)


def test_a_part_of_a_block_is_charged_as_all_of_it():
    line = Line(Arena(limit=8 * MIB))
    arrays = [NodeContext("n", line.sender.arena).allocate("u1", MIB) for _ in range(8)]
    _kept = [line.send(array[: MIB // 8]) for array in arrays]
    del arrays
    line.credit()
    overflow(line)
    assert asked(line)
    say(line)
    with pytest.raises(MemoryKeptError, match=rf"keeps 8 arrays or buffers \({8 * MIB} bytes\)"):
        line.send(np.zeros(MIB, np.uint8))


def test_what_would_not_fit_into_a_frame_takes_more_than_the_limit(monkeypatch):
    monkeypatch.setattr("remotemedia.wire.slices._MOST_INLINE", MIB)
    arena = Arena(limit=3 * MIB)
    line = Line(arena)
    _kept = line.send(np.zeros(2 * MIB, np.uint8))
    assert line.send(np.ones(2 * MIB, np.uint8)).all()
    assert line.inline < 1000
    assert arena.reserved_bytes == 4 * MIB
    assert line.send(np.ones(4 * MIB, np.uint8)).all()
    assert line.inline > 4 * MIB


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"several": 1, "inside": 0, "passed": []},
        {"several": True, "inside": -1, "passed": []},
        {"several": True, "inside": 0, "passed": [[5, False, []]]},
        {"several": True, "inside": 0, "passed": [["a", False, [1]]]},
        {"several": True, "inside": 0, "passed": [["a", False, [1, "b"]]]},
    ],
)
def test_a_consumer_that_says_nonsense_is_refused(payload):
    line = Line()
    line.send(np.zeros(MIB, np.uint8))
    with pytest.raises(ProtocolError):
        line.sender.said(payload)


def test_without_room_for_open_files_bytes_go_inline(monkeypatch):
    line = Line()
    _kept = line.send(np.zeros(8 * MIB, np.uint8))
    monkeypatch.setattr(line.sender.arena, "_most_slabs", 1)
    overflow(line)

    def open_none(_folder):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(line.sender.arena, "_most_slabs", 9)
    monkeypatch.setattr("remotemedia.slabs.arena.open_unnamed", open_none)
    overflow(line)


def test_what_is_on_its_way_is_not_kept_and_goes_inline_when_there_is_no_room():
    line = Line(Arena(limit=4 * MIB))
    waiting = [line.lower(np.full(MIB, number, np.uint8)) for number in range(6)]
    arrived = line.deliver(*waiting)
    assert [int(array[9]) for array in arrived] == [0, 1, 2, 3, 4, 5]
    assert line.inline > 2 * MIB
    assert len(line.sender.writer.take()) == 0


def test_what_a_closed_consumer_has_not_returned_is_not_used_again():
    arena = Arena()
    line = Line(arena)
    kept = line.send(np.full(MIB, 9, np.uint8))
    line.close()
    for _ in range(3):
        Line(arena).send(np.zeros(MIB, np.uint8))
    assert kept.all()
    assert arena.reserved_bytes == MIB


def test_what_is_open_elsewhere_of_ended_channels_counts_for_the_limit_until_it_has_gone():
    arena = Arena(limit=8 * MIB)
    line = Line(arena)
    kept = [line.send(np.full(5 * MIB, 9, np.uint8))]
    line.close()
    line.table.close()
    del line
    later = Line(arena)
    assert later.send(np.ones(5 * MIB, np.uint8)).all()
    assert later.inline > 5 * MIB
    assert kept[0].all()
    kept.clear()
    assert later.send(np.ones(5 * MIB, np.uint8)).all()
    assert later.inline < 1000


def test_a_consumer_that_has_gone_leaves_what_passed_through_with_its_producer():
    first, second = Line(), Line()
    arrived = first.send(np.full(MIB, 9, np.uint8))
    far = second.send(arrived)
    del arrived
    second.close()
    assert first.returned == []
    first.send(np.zeros(MIB, np.uint8))
    assert far.all()
