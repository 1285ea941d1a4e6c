"""What became of each input of a session, as its program sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from remotemedia.core.exceptions import InvalidArgumentError
from remotemedia.runner.losses import LossReason

Fate = Literal["answered", "lost", "silent", "pending"]
"""What became of an input.

``answered``: an output was read that came of it. An output that was made of several inputs counts for the
last of them. ``lost``: none was, and items that came of it have come to nothing. ``silent``: none was, and
nothing was lost: nodes gave nothing for it, or keep it. ``pending``: none of these yet.
"""

_Reason = Literal["dropped", "interrupted", "dead-letter", "failed", "cancelled", "lost"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Items that have come to nothing: of one input, given up at one place, for one reason.

    Attributes:
        input_index: which input, from 0, in the order in which they were written.
        node_id: the node that had them, or in front of which they were; ``(input)`` and ``(output)`` are the
            ends of the session, None is not known.
        reason: ``dropped`` by the limits of a queue, by a node that brings inputs together and found no
            others, or because nodes want no more; ``interrupted``; ``dead-letter``, where a node with the
            failure policy ``skip`` failed for it; ``failed``, where a node did so and ended the session, or
            it was still under way then; ``cancelled``, where it was still under way when the session was
            cancelled; ``lost``, where its host died.
        items: how many: a node may have made several of the input.
        outputs: how many outputs of this input were read all the same.
        error: that of the dead letter, or what has ended the session.
    """

    input_index: int
    node_id: str | None
    reason: _Reason
    items: int
    outputs: int
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class InputAccount:
    """What became of one input.

    Attributes:
        fate: what became of it.
        outputs: how many outputs were read that came of it.
        losses: what of it has come to nothing; of an answered input, too.
    """

    fate: Fate
    outputs: int
    losses: Sequence[Loss]


class Others(NamedTuple):
    """What did not come from inputs.

    Attributes:
        outputs: how many outputs of source nodes and of ``flush`` were read.
        lost: how many items of theirs have come to nothing.
    """

    outputs: int
    lost: int


class RawLoss(NamedTuple):
    """An item that has come to nothing, as it was told."""

    input_index: int
    node_id: str
    reason: LossReason
    error: BaseException | None


class Ending(NamedTuple):
    """How a session has ended.

    Attributes:
        reason: what it means for what was still under way; None where the session has ended by itself.
        error: what has ended it.
        unclear: a host has ended, or does not answer: what was in it is not known, and counts as lost so.
    """

    reason: Literal["cancelled", "failed"] | None
    error: BaseException | None
    unclear: Literal["cancelled", "failed", "lost"] | None


class SessionAccount:
    """What became of each input of a session, at one moment.

    Each one is either answered, lost, silent or pending. Once the session is over and its outputs are read,
    none is pending.

    Attributes:
        inputs: how many items were written.
        answered: of how many of them an output was read.
        lost: of how many none was, and something was lost.
        silent: of how many none was, and nothing was lost.
        pending: of how many none of these can be said yet.
        losses: all that has come to nothing, in the order of the inputs.
        others: what did not come from inputs.
    """

    def __init__(
        self,
        outputs: Sequence[int],
        losses: Sequence[RawLoss],
        others: Others,
        unread: Iterable[int],
        ending: Ending | None,
    ) -> None:
        """Sort what was told; ``LiveSession.account`` makes accounts."""
        self._outputs = outputs
        self._unread = frozenset(unread)
        self._ending = ending
        self._by_input: dict[int, list[Loss]] = {}
        self._group(losses)
        fates = [self._fate(index) for index in range(len(outputs))]
        self.inputs = len(outputs)
        self.answered = fates.count("answered")
        self.lost = fates.count("lost")
        self.silent = fates.count("silent")
        self.pending = fates.count("pending")
        self.losses = [loss for index in sorted(self._by_input) for loss in self._by_input[index]]
        self.others = others

    def of(self, input_index: int) -> InputAccount:
        """What became of one input.

        Args:
            input_index: which one, from 0, in the order in which they were written.

        Raises:
            InvalidArgumentError: so many have not been written.
        """
        if not 0 <= input_index < self.inputs:
            raise InvalidArgumentError(
                f"The session has {self.inputs} inputs, counted from 0; there is no input {input_index}."
            )
        losses = self._by_input.get(input_index, ())
        return InputAccount(self._fate(input_index), self._outputs[input_index], tuple(losses))

    def __repr__(self) -> str:
        """The numbers."""
        return (
            f"SessionAccount(inputs={self.inputs}, answered={self.answered}, lost={self.lost}, "
            f"silent={self.silent}, pending={self.pending})"
        )

    def _fate(self, index: int) -> Fate:
        if self._outputs[index] > 0:
            return "answered"
        if index in self._by_input:
            return "lost"
        return "pending" if self._ending is None or index in self._unread else "silent"

    def _group(self, losses: Sequence[RawLoss]) -> None:
        for loss in losses:
            if loss.reason != "unknown":
                self._add(loss.input_index, loss.node_id, self._meant(loss.reason), loss.error)
        # What may have been done with counts only where nothing else is known.
        for loss in losses:
            if loss.reason == "unknown" and self._is_open(loss.input_index):
                self._add(loss.input_index, loss.node_id, self._meant(loss.reason), None)
        if self._ending is None or self._ending.unclear is None:
            return
        for index in range(len(self._outputs)):
            if self._is_open(index):
                self._add(index, None, self._ending.unclear, None)

    def _is_open(self, index: int) -> bool:
        is_known = self._outputs[index] > 0 or index in self._by_input
        return not is_known and index not in self._unread

    def _meant(self, reason: LossReason) -> _Reason:
        """What was under way at the end is lost by that; without one, because nodes want no more."""
        if reason not in ("ended", "unknown"):
            return reason
        if self._ending is None:
            return "dropped"
        # What was on its way to a host that has died was in it, or near.
        of_host = self._ending.unclear if reason == "unknown" else None
        return of_host or self._ending.reason or "dropped"

    def _add(self, index: int, node_id: str | None, reason: _Reason, cause: BaseException | None) -> None:
        group = self._by_input.setdefault(index, [])
        for position, loss in enumerate(group):
            if (loss.node_id, loss.reason) == (node_id, reason):
                group[position] = replace(loss, items=loss.items + 1, error=cause or loss.error)
                return
        if cause is None and self._ending is not None and reason in ("cancelled", "failed", "lost"):
            cause = self._ending.error
        group.append(Loss(index, node_id, reason, 1, self._outputs[index], cause))
