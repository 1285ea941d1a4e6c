"""Runs cases on request: lines of JSON on stdin, answers on descriptor 3: packages may print on stdout."""

from __future__ import annotations

import json
import logging
import os
import sys

# The cases are those of the folder in which it is started.
sys.path.insert(0, os.getcwd())

from cases import CASES


def main() -> None:
    """Answers until stdin ends."""
    # The published packages set up logging of each run; this is what a program has that sets up none.
    logging.disable(logging.INFO)
    with os.fdopen(3, "w") as answers:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"value": CASES[request["case"]](**request["with"])}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
