"""Where slabs lie: the folder, its limit, and a file system that is full."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from remotemedia.core.exceptions import ConfigurationError, SharedMemoryFullError
from remotemedia.slabs.arena import Arena
from remotemedia.slabs.folder import slab_folder, slab_limit
from slabs import MIB, allocate


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
