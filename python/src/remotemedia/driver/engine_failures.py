"""What the engine could not do, as exceptions."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from remotemedia.host.connection import RequestFailedError
from remotemedia.wire.failures import exception_of


def answer_of(answer: Future[Any]) -> Any:
    """Wait for an answer.

    Raises:
        BaseException: what the engine, or a node, failed with.
    """
    try:
        return answer.result()
    except RequestFailedError as error:
        failed = exception_of(error.failure, is_trusted=True)
        raise failed from failed.__cause__
