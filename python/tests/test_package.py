import json
import tomllib
from pathlib import Path

import remotemedia

ROOT = Path(__file__).parents[2]


def test_all_three_places_name_one_version() -> None:
    pyproject = tomllib.loads((ROOT / "python" / "pyproject.toml").read_text("utf-8"))
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    assert remotemedia.__version__ == pyproject["project"]["version"] == package["version"]
