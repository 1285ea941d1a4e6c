"""Who keeps the slices of a channel: asked once a producer has no room (``schema/wire.md``, What is kept)."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from remotemedia.core.exceptions import MemoryKeptError, ProtocolError
from remotemedia.slabs.folder import LIMIT_VARIABLE
from remotemedia.slabs.slab import Block

if TYPE_CHECKING:
    from remotemedia.runner.segment import Segment
    from remotemedia.runner.slab_sender import SlabSender
    from remotemedia.slabs.table import Returns

Place = tuple[int, int]
"""A slice on a channel: the number of its slab there, and where it begins."""

_MOST_LOOKS = 100_000
_ALL = 1 << 53


class Keeper(NamedTuple):
    """A node that keeps slices.

    Attributes:
        node_id: the first node that the channel feeds.
        is_one_of_several: whether it may be a node after it in the same host.
    """

    node_id: str
    is_one_of_several: bool


class Statement(NamedTuple):
    """What a consumer says of the slices that it has, as KEPT states it.

    Attributes:
        is_one_of_several: whether nodes after the first one may keep what is not passed on.
        inside: of how many of the last items slices may still be on their way between its nodes.
        passed: slices that it holds for others, with the later node that keeps them; None for those on their
            way.
    """

    is_one_of_several: bool
    inside: int
    passed: dict[Place, Keeper | None]

    def payload(self) -> dict[str, Any]:
        """The payload of KEPT."""
        by_keeper: dict[Keeper | None, list[int]] = {}
        for place, keeper in self.passed.items():
            by_keeper.setdefault(keeper, []).extend(place)
        return {
            "several": self.is_one_of_several,
            "inside": self.inside,
            "passed": [[*(keeper or (None, False)), pairs] for keeper, pairs in by_keeper.items()],
        }


def read_statement(payload: object) -> Statement:
    """Read the payload of KEPT.

    Raises:
        ProtocolError: it is none.
    """
    if not _is_statement(payload):
        raise ProtocolError("a KEPT must be a map of several, inside and passed")
    passed: dict[Place, Keeper | None] = {}
    for node_id, is_one_of_several, pairs in payload["passed"]:
        keeper = None if node_id is None else Keeper(node_id, is_one_of_several)
        for at in range(0, len(pairs), 2):
            passed[pairs[at], pairs[at + 1]] = keeper
    return Statement(payload["several"], payload["inside"], passed)


def is_pairs(pairs: object) -> TypeGuard[list[int]]:
    """Whether this is a list of places, flat."""
    return isinstance(pairs, list) and len(pairs) % 2 == 0 and all(type(each) is int for each in pairs)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def blame(senders: Sequence[SlabSender], limit: int) -> None:
    """Fail where consumers keep what fills half of the limit.

    Args:
        senders: the channels of one run that lead out of this process.
        limit: of the arena, in bytes.

    Raises:
        MemoryKeptError: they do; it names the one that keeps the most.
    """
    total, keeper, count, size = _most_kept(senders)
    if keeper is None or total * 2 < limit:
        return
    who = f'Node "{keeper.node_id}"' + (
        ", or a node after it in the same host," if keeper.is_one_of_several else ""
    )
    raise MemoryKeptError(
        f"{who} keeps {count} arrays or buffers ({size} bytes) that it has got, and the "
        f"shared memory they lie in is limited to {limit} bytes. Let the node copy what it keeps, "
        f"or set {LIMIT_VARIABLE} to more bytes.",
        keeper.node_id,
    )


def _most_kept(senders: Sequence[SlabSender]) -> tuple[int, Keeper | None, int, int]:
    """The bytes that all keep; who keeps the most, how many slices, and how many bytes.

    By itself, so that no traceback refers to a block.
    """
    total: dict[int, int] = {}
    of: dict[Keeper, dict[int, int]] = {}
    counts: Counter[Keeper] = Counter()
    for sender in senders:
        for hold, keeper in sender.slices_out():
            if keeper is not None and isinstance(hold, Block):
                size = hold.slab.block_bytes
                total[id(hold)] = of.setdefault(keeper, {})[id(hold)] = size
                counts[keeper] += 1
    most = max(of, key=lambda keeper: sum(of[keeper].values()), default=None)
    if most is None:
        return 0, None, 0, 0
    return sum(total.values()), most, counts[most], sum(of[most].values())


def ask_later_hosts(returns: Returns, senders: Sequence[SlabSender], done: Callable[[], None]) -> None:
    """Collect garbage, and ask those that have got slices from here who keeps them; waits for nothing.

    Args:
        returns: where the slices go back to.
        senders: the channels that lead out of this process.
        done: called in whatever thread the last answer comes.
    """
    gc.collect()
    asked = [
        sender
        for sender in senders
        if any(place_of(hold, returns) is not None for hold, _ in sender.slices_out())
    ]
    lock = threading.Lock()
    left = len(asked) + 1

    def answered() -> None:
        nonlocal left
        with lock:
            left -= 1
            is_last = left == 0
        if is_last:
            done()

    for sender in asked:
        sender.ask(answered)
    answered()


def statement_of(
    returns: Returns, senders: Sequence[SlabSender], segment: Segment, first: set[str]
) -> Statement:
    """What is said of the slices that go back to ``returns``, and came to the nodes ``first``."""
    passed: dict[Place, Keeper | None] = dict.fromkeys(returns.abandoned.copy())
    for sender in senders:
        for hold, keeper in sender.slices_out():
            place = place_of(hold, returns)
            if place is not None:
                passed[place] = passed.get(place) or keeper
    waiting, inside = segment.between_nodes()
    leases = leases_in(waiting) if waiting else []
    if leases is None:
        inside, leases = _ALL, []
    for lease in leases:
        place = place_of(lease, returns)
        if place is not None:
            passed.setdefault(place, None)
    edges = segment.plan.edges
    has_more = len(segment.stages) > 1 if edges is None else any(origin in first for origin, _ in edges)
    return Statement(has_more, inside, passed)


def place_of(hold: Any, returns: Returns) -> Place | None:
    """Which slice something is that keeps memory in use; None if it does not go back to ``returns``."""
    return None if isinstance(hold, Block) else hold.place_in(returns)


def leases_in(values: Sequence[Any]) -> list[Any] | None:
    """The leases that values refer to; None where that is too much to look at."""
    from remotemedia.slabs.arrays import lease_of

    found: list[Any] = []
    seen: set[int] = set()
    left = list(values)
    while left:
        value = left.pop()
        if id(value) in seen or isinstance(value, type):
            continue
        if len(seen) == _MOST_LOOKS:
            return None
        seen.add(id(value))
        lease = lease_of(value)
        if lease is not None:
            found.append(lease)
        else:
            left += gc.get_referents(value)
    return found


def _is_statement(payload: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(payload, dict):
        return False
    said: dict[str, Any] = payload  # pyright: ignore[reportUnknownVariableType]
    inside, passed = said.get("inside"), said.get("passed")
    is_right = isinstance(said.get("several"), bool) and type(inside) is int and inside >= 0
    return is_right and isinstance(passed, list) and all(_is_passed(entry) for entry in passed)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _is_passed(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 3  # pyright: ignore[reportUnknownArgumentType]
        and (entry[0] is None or isinstance(entry[0], str))
        and isinstance(entry[1], bool)
        and is_pairs(entry[2])  # pyright: ignore[reportUnknownArgumentType]
    )
