"""What a forked child forgets: threads, locks and loops of its parent, of which it has only dead copies."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forgetful(Protocol):
    """Something that holds what a child cannot use."""

    def forget_after_fork(self) -> None:
        """Start anew, in the child; called before anything else runs there."""
        ...


_all: weakref.WeakSet[Forgetful] = weakref.WeakSet()


def forgets_at_fork(target: Forgetful) -> None:
    """Have ``target`` forget what belongs to the parent in every child that is forked from now on."""
    _all.add(target)


def _forget() -> None:
    for target in list(_all):
        target.forget_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
