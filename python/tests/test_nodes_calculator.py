"""What the calculator gives for every kind of item."""

import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remotemedia.core.exceptions import ConfigurationError, InvalidInputError
from remotemedia.data import AudioFrame
from remotemedia.nodes import CalculatorNode, PassThroughNode


def calculate(item, operation, operand):
    return CalculatorNode(operation=operation, operand=operand).process(item)


@pytest.mark.parametrize(
    ("item", "operation", "operand", "result"),
    [
        (7, "add", 3, 10),
        (7, "subtract", 3, 4),
        (7, "multiply", 3, 21),
        (7, "divide", 2, 3.5),
        (2, "power", 10, 1024),
        (2, "power", -1, 0.5),
        (-7, "modulo", 3, 2),
        (7, "modulo", -3, -2),
        (5.5, "modulo", -2, -0.5),
        (2**53 - 1, "add", 2, 2**53 + 1),
        (2, "power", 64, 2**64),
        (1j, "multiply", 2, 2j),
        (-8 + 0j, "power", 2, 64 + 0j),
        (Fraction(1, 3), "add", Fraction(1, 3), Fraction(2, 3)),
        (Decimal("0.1"), "multiply", 3, Decimal("0.3")),
        (np.int16(5), "add", 3, np.int16(8)),
        (np.float32(1.5), "multiply", 2, np.float32(3)),
        (np.int8(7), "divide", 2, np.float64(3.5)),
        (5, "add", np.int64(3), 8),
        (0, "power", 0, 1),
    ],
)
def test_numbers_are_computed_by_the_rules_of_python(item, operation, operand, result):
    computed = calculate(item, operation, operand)
    assert computed == result
    assert type(computed) is type(result)


ARRAYS = [
    (np.array([1, -2, 3], np.int16), "multiply", 2, np.array([2, -4, 6], np.int16)),
    (np.array([-7, 7], np.int8), "modulo", 3, np.array([2, 1], np.int8)),
    (np.array([1, 2], np.uint8), "divide", 2, np.array([0.5, 1.0])),
    (np.array([1, 2], np.int32), "add", 0.5, np.array([1.5, 2.5])),
    (np.array([2, 4], np.int32), "power", -1, np.array([0.5, 0.25])),
    (np.array([1, -2], np.float32), "divide", 4, np.array([0.25, -0.5], np.float32)),
    (np.array([1, -2], np.float32), "add", np.float64(1), np.array([2, -1], np.float32)),
    (np.array([1.5], np.float16), "add", 1, np.array([2.5], np.float16)),
    (np.array([-5.5]), "modulo", 2, np.array([0.5])),
    (np.array([200, 100], np.uint8), "add", -100, np.array([100, 0], np.uint8)),
    (np.array([200, 7], np.uint8), "modulo", 300, np.array([200, 7], np.uint8)),
    (np.array([-3, 2], np.int8), "power", 3, np.array([-27, 8], np.int8)),
    (np.array([0, 1], np.int8), "power", 1000, np.array([0, 1], np.int8)),
    (np.array([2**62], np.int64), "modulo", 5, np.array([4], np.int64)),
    (np.array([1j], np.complex64), "multiply", 2, np.array([2j], np.complex64)),
    (np.array([1.0, 2.0]), "multiply", Fraction(1, 2), np.array([0.5, 1.0])),
    (np.array([[1, 2], [3, 4]], np.int64), "subtract", 1, np.array([[0, 1], [2, 3]], np.int64)),
    (np.array(5, np.int16), "add", 1, np.array(6, np.int16)),
    (np.array([], np.uint8), "add", 1, np.array([], np.uint8)),
]


@pytest.mark.parametrize(("array", "operation", "operand", "result"), ARRAYS)
def test_arrays_are_computed_element_by_element_and_stay_as_they_are(array, operation, operand, result):
    before = array.copy()
    computed = calculate(array, operation, operand)
    assert isinstance(computed, np.ndarray)
    assert computed.dtype == result.dtype
    np.testing.assert_array_equal(computed, result)
    np.testing.assert_array_equal(array, before)


@given(
    st.lists(st.integers(-128, 127), min_size=1, max_size=5),
    st.sampled_from(["add", "subtract", "multiply", "power", "modulo"]),
    st.integers(-300, 300),
)
def test_whole_arrays_give_exact_results_or_an_error(elements, operation, operand):
    if operation == "modulo" and operand == 0:
        operand = 1
    if operation == "power":
        operand = abs(operand) % 20
    exact = [calculate(element, operation, operand) for element in elements]
    array = np.array(elements, np.int8)
    if all(-128 <= result <= 127 for result in exact):
        assert calculate(array, operation, operand).tolist() == exact
    else:
        position = next(index for index, result in enumerate(exact) if not -128 <= result <= 127)
        with pytest.raises(InvalidInputError, match=rf"element {position}: .* does not fit int8"):
            calculate(array, operation, operand)


@pytest.mark.parametrize(
    ("item", "operation", "operand"),
    [
        (1, "divide", 0),
        (1.5, "modulo", 0),
        (0, "power", -1),
        (np.float64(1), "divide", 0),
        (np.array([1.0]), "divide", 0),
        (np.array([1], np.int16), "modulo", 0),
        (np.array([1, 0], np.int16), "power", -1),
    ],
)
def test_a_division_by_zero_is_the_error_that_python_raises(item, operation, operand):
    with pytest.raises(ZeroDivisionError):
        calculate(item, operation, operand)


@pytest.mark.parametrize(
    ("item", "operation", "operand", "message"),
    [
        (-8, "power", 0.5, r"-8 \*\* 0\.5 has no real result"),
        (3, "power", 10**9, "too large"),
        (Decimal(1), "add", 0.5, r"1 \+ 0\.5 cannot be computed"),
        (np.array([1j]), "modulo", 2, "complex128 array % 2 cannot be computed"),
        (np.array([True]), "add", 1, "an array of bool"),
        (np.array(["a"]), "add", 1, "an array of <U1"),
        (np.array([2], np.uint8), "power", 10**6, "does not fit uint8"),
    ],
)
def test_what_has_no_sensible_result_is_an_error(item, operation, operand, message):
    with pytest.raises(InvalidInputError, match=message):
        calculate(item, operation, operand)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("12", r"got '12' \(str\)"),
        ("x" * 100, r"got 'x{40}'… \(str\)"),
        (b"1", r"got b'1' \(bytes\)"),
        (True, r"got True \(bool\)"),
        (np.True_, "got bool"),
        ([1, 2], "got list"),
        ({"value": 3}, "got dict"),
        (object(), "got object"),
        (AudioFrame(np.zeros(1, np.float32), 8000), "got AudioFrame"),
    ],
)
def test_any_other_item_is_a_type_error_that_says_what_it_got(item, message):
    with pytest.raises(TypeError, match=message) as caught:
        calculate(item, "add", 1)
    assert isinstance(caught.value, InvalidInputError)


@pytest.mark.parametrize("item", ["", None])
def test_a_run_without_input_gives_no_output(item):
    assert calculate(item, "add", 1) is None


def test_items_that_name_their_operation_are_answered():
    node = CalculatorNode("calc", unit="m")
    assert node.process({"operation": "add", "args": [1, 2, 3]}) == {
        "operation": "add",
        "args": [1, 2, 3],
        "result": 3,
        "processed_by": "CalculatorNode[calc]",
        "node_config": {"unit": "m"},
    }
    assert node.process({"operation": "multiply", "args": (np.float32(2), 3)})["result"] == 6


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"operation": "divide", "args": [1, 0]}, "division by zero"),
        ({"operation": "root", "args": [1, 0]}, "'root' (str)"),
        ({"operation": ["add"], "args": [1, 0]}, "got list"),
        ({"operation": "add", "args": [1]}, "two numbers"),
        ({"operation": "add"}, "got None"),
        ({"args": [1, 2]}, "operation must be one of"),
        ({"operation": "add", "args": [1, "x"]}, "args[1] must be a number"),
        ({"operation": "add", "args": [True, 1]}, "args[0] must be a number"),
        ({"operation": "power", "args": [10, 10**9]}, "too large"),
    ],
)
def test_what_cannot_be_computed_is_answered_by_an_error(request_, error):
    answer = CalculatorNode("calc").process(request_)
    assert error in answer["error"]
    assert answer["operation"] == request_.get("operation")
    assert answer["args"] == request_.get("args")
    assert answer["processed_by"] == "CalculatorNode[calc]"
    assert "result" not in answer


def test_a_number_without_an_operation_is_an_error_that_says_how_to_give_one():
    with pytest.raises(InvalidInputError, match=r"got 1 \(int\), but was made without an operation"):
        CalculatorNode().process(1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"operation": "add", "operand": "x"}, r"operand must be a number, got 'x' \(str\)"),
        ({"operation": "add", "operand": True}, r"got True \(bool\)"),
        ({"operation": "add", "operand": math.nan}, r"got nan \(float\)"),
        ({"operation": "add"}, "operand must be a number, got None"),
        ({"operation": "root", "operand": 2}, 'operation must be one of "add", "subtract"'),
        ({"operand": 2}, "got None"),
    ],
)
def test_wrong_settings_are_refused(config, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        CalculatorNode(**config)
    assert isinstance(caught.value, (TypeError, ValueError))


def test_settings_stay_in_config_and_make_an_equal_node_from_its_manifest_entry():
    node = CalculatorNode("add10", operation="add", operand=10)
    assert node.config == {"operation": "add", "operand": 10}
    entry = node.to_manifest()
    assert entry == {
        "id": "add10",
        "node_type": "CalculatorNode",
        "params": {"operation": "add", "operand": 10},
    }
    assert CalculatorNode(**entry["params"]).process(1) == 11


def test_numbers_need_no_numpy():
    program = (
        "import sys; from remotemedia.nodes import CalculatorNode;"
        "assert CalculatorNode(operation='add', operand=1).process(1) == 2; print('numpy' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_pass_through_gives_the_very_item():
    item = object()
    assert PassThroughNode().process(item) is item
