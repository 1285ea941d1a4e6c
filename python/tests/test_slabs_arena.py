"""Blocks: their sizes, their use again, their limit, and what is said where there is no room."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia.core.exceptions import (
    ConfigurationError,
    MemoryKeptError,
    ProtocolError,
    SharedMemoryFullError,
)
from remotemedia.runner.context import NodeContext
from remotemedia.slabs.arena import Arena, own_arena
from remotemedia.slabs.folder import slab_folder, slab_limit
from remotemedia.slabs.slab import Block
from remotemedia.wire.frames import WHO_KEEPS, encode_frame
from slabs import MIB, Line

KIB = 1 << 10


def allocate(arena, size) -> Block:
    block = arena.allocate(size)
    assert block is not None
    return block


def test_sizes_are_multiples_of_a_page_and_four_to_a_doubling():
    arena = Arena(limit=1 << 40)
    sizes = [
        allocate(arena, size).slab.block_bytes // KIB for size in range(32 * KIB, 256 * KIB + 1, 4 * KIB)
    ]
    assert sorted(set(sizes)) == [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 64 * MIB))
def test_a_block_is_large_enough_and_wastes_little(size):
    arena = Arena()
    block = allocate(arena, size)
    assert block is not None
    assert block.start % 4096 == 0
    assert size <= block.slab.block_bytes <= max(size * 5 // 4 + 4096, 32 * KIB)
    assert block.start + block.slab.block_bytes <= block.slab.bytes


def test_only_blocks_that_were_used_take_memory():
    arena = Arena()
    block = allocate(arena, MIB)
    assert os.fstat(block.slab.fd).st_size == 8 * MIB
    assert os.fstat(block.slab.fd).st_blocks * 512 == arena.reserved_bytes == MIB
    assert os.fstat(block.slab.fd).st_mode & 0o777 == 0o600
    assert os.fstat(block.slab.fd).st_nlink == 0


def test_blocks_in_use_never_overlap_and_the_last_one_freed_is_used_first():
    arena = Arena()
    blocks = [allocate(arena, MIB) for _ in range(20)]
    assert len({(block.slab.number, block.start) for block in blocks}) == 20
    last = blocks[3].slab.number, blocks[3].start
    del blocks[7], blocks[3]
    again = allocate(arena, MIB)
    assert (again.slab.number, again.start) == last


def test_many_threads_get_blocks_of_their_own():
    arena = Arena()
    start = threading.Barrier(4)

    def work(number):
        start.wait()
        for turn in range(2000):
            block = allocate(arena, 40 * KIB + (turn % 3) * 64 * KIB)
            mark = bytes([number, turn % 256])
            block.slab.mapping[block.start : block.start + 2] = mark
            other = allocate(arena, 40 * KIB)
            other.slab.mapping[other.start : other.start + 2] = b"zz"
            assert block.slab.mapping[block.start : block.start + 2] == mark
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [0, 1, 2, 3]
    # Two at a time of each thread, of three sizes.
    assert arena.reserved_bytes <= 8 * 3 * 200 * KIB


def test_memory_of_idle_slabs_is_used_for_other_sizes_and_given_back():
    arena = Arena(limit=16 * MIB)
    for size in (8 * MIB, 10 * MIB, 3 * MIB, 16 * MIB, 40 * KIB):
        blocks = []
        while (block := arena.allocate(size)) is not None:
            blocks.append(block)
        assert len(blocks) == 16 * MIB // blocks[0].slab.block_bytes
        assert arena.reserved_bytes <= 16 * MIB
        del block, blocks


def test_few_idle_slabs_are_kept_after_a_run():
    arena = Arena(limit=512 * MIB)
    blocks = [allocate(arena, 32 * MIB) for _ in range(8)]
    del blocks
    arena.trim()
    assert arena.reserved_bytes == 64 * MIB


def test_a_slab_that_is_let_go_of_is_forgotten_where_it_was_announced():
    line = Line(Arena(limit=16 * MIB))
    line.send(np.zeros(8 * MIB, np.uint8))
    (first,) = line.table._slabs
    line.send(np.zeros(12 * MIB, np.uint8))
    assert line.send(np.full(32 * KIB, 3, np.uint8))[5] == 3
    line.take_frames(line.sender.forget_frame())
    assert first not in line.table._slabs
    assert [slab.bytes for slab in line.table._slabs.values()] == [12 * MIB, 8 * MIB]


def test_an_item_that_waits_in_a_slab_that_is_forgotten_meanwhile_arrives():
    first, second = Line(), Line()
    arrived, other = (first.send(np.full(MIB, 5, np.uint8)) for _ in range(2))
    second.send(arrived)
    waiting = second.lower(other)
    del arrived, other
    first.table.close()
    second.take_frames(second.sender.forget_frame())
    assert second.table._slabs == {}
    (again,) = second.deliver(waiting)
    assert again.all()
    second.take_frames(second.sender.forget_frame())
    assert second.table._slabs == {}


# What consumers keep


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


def test_a_limit_of_nothing_is_no_shared_memory(monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", "0")
    monkeypatch.setattr("remotemedia.slabs.arena._arena", None)
    monkeypatch.setattr("remotemedia.slabs.arena._is_absent", False)
    assert own_arena() is None


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


# Where slabs lie


def test_the_environment_names_folder_and_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_DIR", str(tmp_path))
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", "12345678")
    arena = Arena()
    assert (arena.folder, arena.limit) == (str(tmp_path), 12345678)
    block = allocate(arena, MIB)
    assert Path(f"/proc/self/fd/{block.slab.fd}").readlink().is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["much", "-5", "1e9", "1.5", "٣"])
def test_a_limit_that_is_no_number_is_refused(monkeypatch, given):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", given)
    with pytest.raises(ConfigurationError, match="REMOTEMEDIA_SHM_LIMIT must be a number of bytes"):
        slab_limit("/dev/shm")


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"REMOTEMEDIA_SHM_DIR is .*nowhere.*No such file"):
        Arena()


def test_by_default_slabs_lie_in_shared_memory_unless_there_is_little(monkeypatch, tmp_path):
    monkeypatch.delenv("REMOTEMEDIA_SHM_DIR", raising=False)
    monkeypatch.setattr("remotemedia.slabs.folder.free_bytes", lambda _: 128 * MIB)
    assert slab_folder() == "/dev/shm"
    monkeypatch.setattr("remotemedia.slabs.folder.free_bytes", lambda _: 128 * MIB - 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert slab_folder() == str(tmp_path)


MOUNTED = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"', "sh"]


def can_mount(folder) -> bool:
    try:
        return (
            subprocess.run([*MOUNTED, str(folder), "true"], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def test_a_full_folder_is_an_error_that_says_so_and_no_signal(tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("this user may not mount a tmpfs of a mebibyte (unshare -rm)")
    program = f"""
        import sys
        sys.path[:0] = {sys.path!r}
        import numpy as np
        from remotemedia.core.exceptions import SharedMemoryFullError
        from remotemedia.runner.context import NodeContext
        from remotemedia.slabs.arena import Arena
        from slabs import Line
        line = Line(Arena({str(tmp_path)!r}, limit=1 << 30))
        kept = [line.send(np.full(200_000, number, np.uint8)) for number in range(4)]
        try:
            for number in range(4):
                kept.append(line.send(np.full(200_000, 4 + number, np.uint8)))
        except SharedMemoryFullError as error:
            print(error.code, error)
        line.sender.writer.take()
        print([int(array.mean()) for array in kept])
        print(NodeContext("n", line.sender.arena).allocate("u1", 500_000).base)
        kept.clear()
        print(line.send(np.full(700_000, 7, np.uint8)).mean())
    """
    ended = subprocess.run(
        [*MOUNTED, str(tmp_path), sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
    )
    said, kept, base, last = ended.stdout.splitlines()
    assert said.startswith(
        f"RM_SHARED_MEMORY_FULL The folder {tmp_path} for shared memory is full: 229376 bytes"
    )
    assert "--shm-size" in said
    assert "REMOTEMEDIA_SHM_DIR" in said
    assert kept == "[0, 1, 2, 3]"
    assert base == "None"
    assert last == "7.0"


def test_a_full_folder_is_a_failure_of_the_operating_system():
    assert issubclass(SharedMemoryFullError, OSError)


def test_a_forked_child_has_no_part_in_its_parents_memory(tmp_path):
    program = f"""
        import gc, os, sys
        sys.path[:0] = {sys.path!r}
        import numpy as np
        from remotemedia.slabs.arena import own_arena
        from slabs import Line
        arena = own_arena()
        line = Line(arena)
        arrived, free = line.send(np.full(1 << 20, 7, np.uint8)), arena.allocate(1 << 20)
        fd = arena.allocate(1 << 20).slab.fd
        pid = os.fork()
        if pid == 0:
            print("same" if own_arena() is arena else "another", os.path.exists(f"/proc/self/fd/{{fd}}"))
            print(int(arrived.mean()), len(line.returned))
            del arrived, free
            gc.collect()
            print(line.returned, own_arena().reserved_bytes, flush=True)
            os._exit(0)
        print(os.waitpid(pid, 0)[1])
        print(int(arrived.mean()), line.returned, own_arena() is arena)
        del arrived
        print(len(line.returned))
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines() == ["another False", "7 0", "[] 0", "0", "7 [] True", "2"]


@pytest.mark.parametrize(
    "module", ["remotemedia", "remotemedia.nodes", "remotemedia.runner", "remotemedia.host.segments"]
)
def test_nothing_of_it_is_loaded_before_it_is_used(module):
    program = f"import sys, {module}; print([n for n in sys.modules if 'slab' in n or n == 'mmap'])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
