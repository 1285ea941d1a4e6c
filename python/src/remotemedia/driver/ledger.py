"""The account of a live session, as it is told."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace

from remotemedia.core.exceptions import HostDiedError
from remotemedia.driver.session_account import Ending, Others, RawLoss, SessionAccount
from remotemedia.runner.dead_letter import DeadLetter
from remotemedia.runner.losses import LossReason
from remotemedia.runner.ports import INPUT_NAME, OUTPUT_NAME
from remotemedia.runner.tags import Tag


class Ledger:
    """Keeps account of what becomes of each input; any thread may tell.

    Inputs are found by their stamps, which ascend. It takes 12 bytes for an input, and 8 for each item that
    has come to nothing.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._stamps = array("d")
        self._outputs = array("I")
        # For each item that has come to nothing its input, and where and why.
        self._lost_inputs = array("I")
        self._lost_places = array("I")
        self._places: dict[tuple[str, LossReason], int] = {}
        # Those that are known, by the number of the loss.
        self._errors: dict[int, BaseException] = {}
        self._other_outputs = self._other_losses = 0

    def add(self, tag: Tag) -> None:
        """An item is written."""
        with self._lock:
            self._stamps.append(tag.stamp)
            self._outputs.append(0)

    def gave(self, tag: Tag | None) -> None:
        """An output is read."""
        with self._lock:
            index = self._index_of(None if tag is None else tag.stamp)
            if index is None:
                self._other_outputs += 1
            else:
                self._outputs[index] += 1

    def lose(self, node_id: str, stamp: float, reason: LossReason) -> None:
        """An item has come to nothing."""
        self._note(node_id, stamp, reason, None)

    def lose_input(self, tag: Tag | None, reason: LossReason | None) -> None:
        """An item that was written has not been let in."""
        if tag is not None:
            self.lose(INPUT_NAME, tag.stamp, reason or "ended")

    def lose_output(self, tag: Tag | None) -> None:
        """An output is dropped instead of being read."""
        if tag is not None:
            self.lose(OUTPUT_NAME, tag.stamp, "ended")

    def letter(self, letter: DeadLetter, stamp: float | None) -> DeadLetter:
        """An item was given up; the same letter, which says from which input that came."""
        error = letter.error
        has_died = isinstance(error, HostDiedError) or isinstance(error.__cause__, HostDiedError)
        index = self._note(letter.node_id, stamp, "lost" if has_died else "dead-letter", error)
        return replace(letter, input_index=index)

    def _note(
        self, node_id: str, stamp: float | None, reason: LossReason, error: BaseException | None
    ) -> int | None:
        with self._lock:
            index = self._index_of(stamp)
            if index is None:
                self._other_losses += reason != "unknown"
                return None
            if error is not None:
                self._errors[len(self._lost_inputs)] = error
            self._lost_inputs.append(index)
            self._lost_places.append(self._places.setdefault((node_id, reason), len(self._places)))
            return index

    def _index_of(self, stamp: float | None) -> int | None:
        """Position of the input with this stamp among all; None where there is none."""
        if stamp is None:
            return None
        index = bisect_left(self._stamps, stamp)
        return index if index < len(self._stamps) and self._stamps[index] == stamp else None

    def account(self, unread: Iterable[Tag], ending: Ending | None) -> SessionAccount:
        """What is known by now.

        Args:
            unread: of the outputs that can still be read.
            ending: how the session has ended, once it has.
        """
        with self._lock:
            places = list(self._places)
            losses = [
                RawLoss(index, *places[place], self._errors.get(number))
                for number, (index, place) in enumerate(
                    zip(self._lost_inputs, self._lost_places, strict=True)
                )
            ]
            waiting = [index for tag in unread if (index := self._index_of(tag.stamp)) is not None]
            others = Others(self._other_outputs, self._other_losses)
            return SessionAccount(self._outputs[:], losses, others, waiting, ending)
