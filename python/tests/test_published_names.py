"""The names that existing RemoteMedia code imports, and the calls that it makes of them.

``data/published_signatures.json`` was written from the published packages: for each parameter its name, how
it may be passed (``any`` way, ``positional`` or ``keyword`` only, ``args``, ``kwargs``) and its default.
"""

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

PUBLISHED = json.loads((Path(__file__).parent / "data" / "published_signatures.json").read_text("utf-8"))
KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "any",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "args",
    inspect.Parameter.VAR_KEYWORD: "kwargs",
}
NAMES = [(module, name) for module, names in PUBLISHED.items() for name in names]
MEMBERS = [
    (module, name, member) for module, name in NAMES for member in PUBLISHED[module][name].get("members", ())
]


def published(module, name):
    return PUBLISHED[module][name]


def ours(module, name):
    return getattr(importlib.import_module(module), name)


def refused_calls(theirs, function):
    """What of a published signature a function of ours does not take."""
    try:
        given = list(inspect.signature(function).parameters.values())
    except ValueError:
        given = []
    takes_any = any(KINDS[parameter.kind] == "kwargs" for parameter in given)
    by_name = {parameter.name: parameter for parameter in given}
    places = [parameter.name for parameter in given if KINDS[parameter.kind] in ("positional", "any")]
    problems = []
    for position, (name, kind, *default) in enumerate(theirs):
        own = by_name.get(name)
        if kind in ("args", "kwargs"):
            if kind not in [KINDS[parameter.kind] for parameter in given]:
                problems.append(f"takes no {kind}")
        elif kind == "positional":
            if len(places) <= position:
                problems.append(f"{name} is not at position {position}")
        elif own is None:
            if kind == "any" or not takes_any:
                problems.append(f"{name} is missing")
        else:
            if kind == "any" and (KINDS[own.kind] != "any" or places.index(name) != position):
                problems.append(f"{name} is not at position {position}")
            if own.default is not own.empty and not default:
                continue
            if default and default != ["<factory>"] and [repr(own.default)] != default:
                problems.append(f"{name} is {own.default!r} by default instead of {default[0]}")
    known = {name for name, *_ in theirs} | set(places[: len(theirs)])
    problems += [
        f"{parameter.name} is needed besides"
        for parameter in given
        if parameter.name not in known
        and parameter.default is parameter.empty
        and KINDS[parameter.kind] not in ("args", "kwargs")
    ]
    return problems


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_published_name_is_there_and_takes_the_published_calls(module, name):
    found = ours(module, name)
    if inspect.isclass(found) and issubclass(found, Exception) and not published(module, name)["parameters"]:
        assert str(found("what happened")) == "what happened"
    else:
        assert refused_calls(published(module, name)["parameters"], found) == []


@pytest.mark.parametrize(("module", "name", "member"), MEMBERS)
def test_a_published_member_is_there_and_takes_the_published_calls(module, name, member):
    theirs = published(module, name)["members"][member]
    found = inspect.getattr_static(ours(module, name), member)
    if theirs == "property":
        assert isinstance(found, property)
    else:
        assert refused_calls(theirs, getattr(found, "__func__", found)) == []


@pytest.mark.parametrize(
    ("theirs", "function", "problem"),
    [
        ([["a", "any"]], lambda: None, "a is missing"),
        ([["a", "any"], ["b", "any"]], lambda b, a: None, "a is not at position 0"),
        ([["a", "any", "1"]], lambda a=2: None, "a is 2 by default instead of 1"),
        ([["a", "any", "1"]], lambda *, a=1: None, "a is not at position 0"),
        ([["kw", "kwargs"]], lambda: None, "takes no kwargs"),
        ([], lambda more: None, "more is needed besides"),
    ],
)
def test_the_comparison_sees_a_call_that_would_fail(theirs, function, problem):
    assert problem in refused_calls(theirs, function)


@pytest.mark.parametrize(
    "name", [name for name, entry in PUBLISHED["remotemedia.core.exceptions"].items() if "base" in entry]
)
def test_published_exceptions_keep_their_base(name):
    exceptions = importlib.import_module("remotemedia.core.exceptions")
    base = PUBLISHED["remotemedia.core.exceptions"][name]["base"]
    assert issubclass(getattr(exceptions, name), getattr(exceptions, base, Exception))


@pytest.mark.parametrize("module", ["remotemedia", "remotemedia.nodes", "remotemedia.core.pipeline"])
def test_importing_the_package_imports_neither_numpy_nor_asyncio(module):
    program = f"import sys, {module}; print([m for m in ('numpy', 'asyncio') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
