"""What a forked child forgets: threads, locks and loops of its parent, of which it has only dead copies."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Protocol


class Forgetful(Protocol):
    """Something that holds what a child cannot use."""

    def forget_after_fork(self) -> None:
        """Start anew, in the child; called before anything else runs there."""
        ...


_all: weakref.WeakSet[Forgetful] = weakref.WeakSet()
_functions: list[Callable[[], None]] = []


def forgets_at_fork(target: Forgetful) -> None:
    """Have ``target`` forget what belongs to the parent in every child that is forked from now on."""
    _all.add(target)


def runs_in_forked_child(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function of a module, which forgets what the module holds, called in every forked child."""
    _functions.append(function)
    return function


def _forget() -> None:
    for function in _functions:
        function()
    for target in list(_all):
        target.forget_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
