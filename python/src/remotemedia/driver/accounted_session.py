"""What a live session says of the items that were written to it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator

from remotemedia.core.exceptions import (
    CancelTimeoutError,
    HostDiedError,
    InvalidArgumentError,
    SessionEndedError,
)
from remotemedia.driver.dead_letter_queue import DeadLetterQueue
from remotemedia.driver.failures import first_failure
from remotemedia.driver.ledger import Ledger
from remotemedia.driver.session_account import Ending, SessionAccount
from remotemedia.driver.stream import StreamedRun
from remotemedia.driver.written_input import WrittenInput
from remotemedia.runner.dead_letter import DeadLetter


class AccountedSession:
    """The part of a live session that tells what was dropped, given up, or lost."""

    _name: str
    _input: WrittenInput
    _letters: DeadLetterQueue
    _run: StreamedRun
    _ledger: Ledger | None
    _is_cancelled: bool
    _reason: Exception | None
    _timeout_error: CancelTimeoutError | None

    @abstractmethod
    def _refusal(self) -> SessionEndedError: ...

    @property
    def dead_letters(self) -> AsyncIterator[DeadLetter]:
        """The items that nodes with the failure policy ``skip`` have failed for, as they come.

        It ends when the session is over. Of those that nobody has read yet the 1,000 latest are kept. One
        reader gets each.
        """
        return self._letters

    @property
    def dropped(self) -> int:
        """How many items were dropped at the input because of its limits (``input_queue``)."""
        return self._input.dropped

    def account(self) -> SessionAccount:
        """What became of each item that was written, as far as it is known by now.

        Once the session is over and its outputs are read, that is known of all of them.

        Raises:
            InvalidArgumentError: the session was opened without ``accounting``.
        """
        if self._ledger is None:
            raise InvalidArgumentError(
                f'The session of pipeline "{self._name}" keeps no account. Open it with accounting=True.'
            )
        return self._ledger.account(self._run.outputs.unread(), self._ending())

    def _ending(self) -> Ending | None:
        """How it has ended, once nothing of it is under way."""
        if self._is_cancelled:
            if not (self._run.running.is_over or self._timeout_error is not None):
                return None
            error = self._timeout_error or self._reason or self._refusal()
            return Ending("cancelled", error, None if self._timeout_error is None else "cancelled")
        if not self._run.running.is_over:
            return None
        failure = first_failure(self._run.work.failures)
        if failure is None:
            return Ending(None, None, None)
        # What a node fails with is told by all hosts together with what they gave up for it.
        is_clear = failure.phase not in (None, "run")
        unclear = "lost" if isinstance(failure.error, HostDiedError) else "failed"
        return Ending("failed", failure.error, None if is_clear else unclear)
