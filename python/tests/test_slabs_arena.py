"""Blocks: their sizes, their use again, slabs that are let go of, and forks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotemedia.slabs.arena import Arena, own_arena
from slabs import MIB, Line, allocate

KIB = 1 << 10


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


def test_a_limit_of_nothing_is_no_shared_memory(monkeypatch):
    monkeypatch.setenv("REMOTEMEDIA_SHM_LIMIT", "0")
    monkeypatch.setattr("remotemedia.slabs.arena._arena", None)
    monkeypatch.setattr("remotemedia.slabs.arena._is_absent", False)
    assert own_arena() is None


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
