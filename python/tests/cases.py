"""Reads the table of cases, and checks what a run of one gave."""

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

from remotemedia.core.queue_settings import QueueLimits, queue_of
from remotemedia.core.setting_checks import Check

_ALL = json.loads(
    (Path(__file__).parents[2] / "test" / "conformance" / "cases.json").read_text(encoding="utf-8")
)
CASES = [case for case in _ALL if "session" not in case]
SESSION_CASES = [case for case in _ALL if "session" in case]
_numbers = itertools.count()


_PER_ITEM = json.loads(
    (Path(__file__).parents[2] / "test" / "conformance" / "per-item.json").read_text(encoding="utf-8")
)


def new_journal() -> str:
    """A journal's name that no other case uses."""
    return f"journal-{next(_numbers)}"


def settings_in(entry) -> dict:
    """What a node of a case states about its calls, as in a manifest."""
    names = ("concurrency", "unordered", "failure_policy", "input_queue", "fan_in")
    return {name: entry[name] for name in names if name in entry}


def can_have_replicas(case, entry) -> bool:
    """Whether copies of a node do together what the node does alone."""
    shared = itertools.chain.from_iterable(case.get("shared", ()))
    has_arrays = any(other["type"] == "Filled" for other in case["nodes"])
    is_per_item = entry["type"] in _PER_ITEM and "fan_in" not in entry
    return is_per_item and not has_arrays and entry["id"] not in shared


def ids_of(case) -> dict[str, str]:
    """For each node's id the id of the object that stands there."""
    owner = {entry["id"]: entry["id"] for entry in case["nodes"]}
    for first, *others in case.get("shared", ()):
        owner.update(dict.fromkeys(others, first))
    return owner


def edges_of(case) -> list[list[str]]:
    """The connections, or a chain in list order."""
    ids = [entry["id"] for entry in case["nodes"]]
    return [list(edge[:2]) for edge in case.get("connections") or itertools.pairwise(ids)]


def queues_of(case) -> dict[tuple[str, str], Any]:
    """What single connections state about their queues, as in a manifest."""
    return {(origin, target): queue[0] for origin, target, *queue in case.get("connections", ()) if queue}


def limits_of(case) -> dict[tuple[str, str], QueueLimits]:
    """The same, checked."""
    checked = {edge: queue_of(stated, Check("")) for edge, stated in queues_of(case).items()}
    return {edge: limits for edge, limits in checked.items() if limits is not None}


def ends_of(case) -> tuple[list[str], list[str]]:
    """The ids of the nodes that nothing feeds, and of those that feed nothing."""
    edges = edges_of(case)
    ids = [entry["id"] for entry in case["nodes"]]
    first = [node_id for node_id in ids if node_id not in {target for _, target in edges}]
    last = [node_id for node_id in ids if node_id not in {origin for origin, _ in edges}]
    return first, last


def check(case, outputs, failures, journal, letters=()) -> None:
    """Compare a run with its case; of several failures the one of the lowest item index counts.

    A letter is the id of a node, the index of its item, and the item.
    """
    if "cancelAfter" in case:
        outputs = outputs[: case["cancelAfter"]]
    if case.get("order") == "any":
        assert Counter(map(repr, outputs)) == Counter(map(repr, case["outputs"]))
    else:
        assert outputs == case["outputs"]
    for sequence in case.get("sameOrder", ()):
        rest = iter(outputs)
        assert all(item in rest for item in sequence)
    if "error" in case:
        first = min(failures, key=lambda failure: failure.get("itemIndex", float("inf")))
        found = {key: first[key] for key in ("nodeId", "phase", "itemIndex") if key in first}
        assert found == case["error"]
        assert (first["type"], first["message"], first["language"]) == ("ValueError", "boom", "python")
    else:
        assert failures == []
    # Those of nodes in different processes have no common order.
    given_up = sorted((list(letter) for letter in letters), key=lambda letter: letter[0])
    assert given_up == sorted(case.get("deadLetters", []), key=lambda letter: letter[0])
    if "journal" in case:
        assert journal == case["journal"]


def check_account(case, account, outputs):
    """Every input is in one group, and every output belongs to one, or to none."""
    inputs = [account.of(index) for index in range(account.inputs)]
    assert account.inputs == sum(step[0] == "write" for step in case["session"])
    assert account.pending == 0
    assert account.answered + account.lost + account.silent == account.inputs
    assert sum(each.outputs for each in inputs) + account.others.outputs == len(outputs)
    for index, (fate, count, losses) in enumerate(case.get("account", ())):
        told = [
            [loss.reason, loss.node_id if stated[1] else None]
            for loss, stated in zip(inputs[index].losses, losses, strict=False)
        ]
        told += [[loss.reason, loss.node_id] for loss in inputs[index].losses[len(losses) :]]
        became = [index, inputs[index].fate, inputs[index].outputs, told]
        assert became == [index, fate, count, losses], account.losses
