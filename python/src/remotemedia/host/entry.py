# ruff: noqa: ANN201, UP031, UP036, PTH100, PTH120
"""Where a Python host starts. Old Pythons must be able to read this file, to say that they are too old."""

import os
import sys

EXIT_PYTHON_TOO_OLD = 64
EXIT_MODULE_MISSING = 65


def main():
    """Check the interpreter, then run the host."""
    if sys.version_info < (3, 11):
        sys.stderr.write(
            "RemoteMedia needs Python 3.11 or newer, and %s is %s.\n"
            % (sys.executable, sys.version.split()[0])
        )
        return EXIT_PYTHON_TOO_OLD
    here = os.path.dirname(os.path.abspath(__file__))
    package_parent = os.path.dirname(os.path.dirname(here))
    # As this file is run by its path, Python has put its folder first, whose modules must not hide others.
    sys.path[:] = [package_parent] + [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    try:
        import msgspec  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        sys.stderr.write(
            "RemoteMedia needs the module msgspec in %s (%s). Install it: %s -m pip install msgspec\n"
            % (sys.executable, error, sys.executable)
        )
        return EXIT_MODULE_MISSING
    from remotemedia.host.main import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
