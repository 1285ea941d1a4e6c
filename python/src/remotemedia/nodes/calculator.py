"""Arithmetic on what flows through a pipeline."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from remotemedia.core.exceptions import InvalidArgumentError, InvalidInputError
from remotemedia.core.node import Node
from remotemedia.nodes.arithmetic import OPERATIONS, compute, describe, is_number, is_numpy_number

__all__ = ["CalculatorNode"]

Operation = Literal["add", "subtract", "multiply", "divide", "power", "modulo"]


_PLAIN = (int, float)


class CalculatorNode(Node):
    """Computes ``item operation operand``: for numbers, and for numpy arrays element by element.

    Python rules hold. Whole arrays stay of their dtype where the operand is whole, and divide to float64; a
    result that does not fit the dtype is an error. An item ``{"operation": …, "args": [a, b]}`` is answered
    by a dict with ``result``, or with ``error`` where it cannot be computed. ``""`` or None (a run without
    input) gives no output.

    Attributes:
        operation: what is done with each item, or None where the items say so.
        operand: the number on the right of the operation.

    Example:
        >>> CalculatorNode(operation="multiply", operand=2).process(21)
        42
        >>> CalculatorNode().process({"operation": "add", "args": [1, 2]})["result"]
        3
    """

    operation: Operation | str | None
    operand: Any

    def __init__(
        self,
        name: str | None = None,
        enable_state: bool = True,
        state_ttl: Any = None,
        max_sessions: int | None = None,
        *,
        operation: Operation | str | None = None,
        operand: Any = None,
        **config: Any,
    ) -> None:
        """Keep the operation.

        Args:
            name: what the node is called.
            enable_state: as for every node.
            state_ttl: as for every node.
            max_sessions: as for every node.
            operation: what to do with each item; needed unless the items name their operation.
            operand: the number on the right, needed together with ``operation``.
            **config: further settings, as for every node.

        Raises:
            InvalidArgumentError: the operation is unknown, or the operand is no number.
        """
        if operation is not None or operand is not None:
            _check_operation(operation)
            _check_number("operand", operand)
            operand = operand.item() if is_numpy_number(operand) else operand
            config |= {"operation": operation, "operand": operand}
        super().__init__(name, enable_state, state_ttl, max_sessions, **config)
        self.operation = operation
        self.operand = operand

    def process(self, data: Any) -> Any:
        """Compute with one item.

        Args:
            data: a number, a numpy array or a dict; ``""`` and None give no output.

        Returns:
            The result, of the kind of the item.

        Raises:
            ZeroDivisionError: a division by zero.
            InvalidInputError: the item is nothing that can be computed with; it is a TypeError.
        """
        if type(data) in _PLAIN and self.operation is not None:
            return compute(self.operation, data, self.operand)
        if data is None or (isinstance(data, str) and data == ""):
            return None
        if isinstance(data, Mapping) and ("operation" in data or "args" in data):
            return self._answer(cast("Mapping[str, Any]", data))
        item = cast("object", data)
        if not is_number(item) and not _is_array(item):
            raise InvalidInputError(
                'Calculator: an item must be a number, a numpy array or a dict {"operation", "args"}, '
                f"got {describe(item)}."
            )
        if self.operation is None:
            raise InvalidInputError(
                f"Calculator: got {describe(item)}, but was made without an operation. "
                'Make it with operation=… and operand=…, or give it items {"operation": …, "args": [a, b]}.'
            )
        return _compute_any(self.operation, item, self.operand)

    def get_supported_operations(self) -> list[str]:
        """The operations that the node knows."""
        return list(OPERATIONS)

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        operation, args = request.get("operation"), request.get("args")
        about = {"operation": operation, "args": args, "processed_by": f"CalculatorNode[{self.name}]"}
        try:
            result = _compute_request(operation, args)
        except (ArithmeticError, TypeError, ValueError) as error:
            return {"error": str(error), **about}
        return {**about, "result": result, "node_config": self.config}


def _compute_request(operation: Any, args: Any) -> Any:
    _check_operation(operation)
    if not isinstance(args, (list, tuple)) or len(cast("Sequence[Any]", args)) < 2:
        raise InvalidArgumentError(
            f"Calculator: args must be a list of two numbers, got {describe(cast('object', args))}."
        )
    a, b = cast("Sequence[Any]", args)[:2]
    _check_number("args[0]", a)
    _check_number("args[1]", b)
    return _compute_any(operation, a, b)


def _compute_any(operation: str, a: Any, b: Any) -> Any:
    if is_numpy_number(b):
        b = b.item()
    if not is_numpy_number(a) and not _is_array(a):
        return compute(operation, a, b)
    from remotemedia.nodes.array_arithmetic import compute_array

    if _is_array(a):
        return compute_array(operation, a, b)
    # One number of numpy's computes as an array of one, and stays a number of numpy's.
    return compute_array(operation, sys.modules["numpy"].asarray(a), b)[()]


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _check_operation(operation: Any) -> None:
    if not isinstance(operation, str) or operation not in OPERATIONS:
        known = ", ".join(f'"{name}"' for name in OPERATIONS)
        raise InvalidArgumentError(
            f"Calculator: operation must be one of {known}, got {describe(operation)}."
        )


def _check_number(option: str, value: Any) -> None:
    if not is_number(value) or value != value:
        raise InvalidArgumentError(f"Calculator: {option} must be a number, got {describe(value)}.")
