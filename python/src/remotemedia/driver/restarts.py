"""Which nodes may have a host that is started again when it dies; the engine does it."""

from __future__ import annotations

from typing import Any

from remotemedia.core.exceptions import ConfigurationError
from remotemedia.driver.definition import Definition, Entry


def check_restart(entry: Entry) -> None:
    """Check that the host of a live object with a restart policy can be started again.

    Nodes that the engine makes it checks itself.

    Raises:
        ConfigurationError: it cannot be, or nobody could say which items were in it.
    """
    node: Any = entry.node
    if entry.placement != "process":
        raise _refused(
            entry,
            'and runs in a host that holds more than this node. Give it a process: executor "multiprocess"',
        )
    for flag, kind in (("is_source", "source"), ("is_streaming", "streaming")):
        if getattr(node, flag, False) is True:
            raise _refused(entry, f"and is a {kind} node, of which nobody knows with which items it is done")
    if entry.settings.fan_in is not None:
        raise _refused(
            entry,
            f"and brings its inputs together ({entry.settings.fan_in.policy}): what is sent again would find "
            "other items. Bring them together in a node before it",
        )
    queue = entry.settings.input_queue
    if queue is not None and (queue.when_full != "block" or queue.max_age_ms is not None):
        raise _refused(
            entry,
            "and an input_queue that drops items, which would come back. Leave out when_full and max_age_ms",
        )


def check_no_state(definition: Definition) -> None:
    """Refuse to bring states home from hosts that may be started again.

    Raises:
        ConfigurationError: there is such a node.
    """
    for entry in definition.entries:
        if entry.placement == "process" and entry.settings.restart is not None:
            raise ConfigurationError(
                f'Node "{entry.id}" has a restart policy, and its state is to come home: that of a host that '
                "has died is lost. Leave out restart, or return_state."
            )


def _refused(entry: Entry, why: str) -> ConfigurationError:
    return ConfigurationError(f'Node "{entry.id}" has a restart policy {why}, or leave restart out.')
