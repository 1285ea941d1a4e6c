"""What goes wrong in a run without an engine is raised as it is, and says where; bad input is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from driver_nodes import Echo, Failing, Noting
from remotemedia import (
    Node,
    Pipeline,
    execute_pipeline_sync,
    execute_pipeline_with_input,
    execute_pipeline_with_input_sync,
)
from remotemedia.core.exceptions import EmptyPipelineError, InvalidNodeError


def test_an_error_of_the_input_says_so() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more") as caught:
        execute_pipeline_with_input_sync([Echo()], items())
    assert caught.value.__notes__ == ["RemoteMedia: in the input of the pipeline, item 1"]


@pytest.mark.parametrize("is_sync", [True, False])
def test_the_nodes_own_exception_is_raised_with_a_note(is_sync: bool) -> None:
    error = LookupError("nowhere")
    nodes = [Echo(), Failing(error, at=2, name="finder")]
    with pytest.raises(LookupError) as caught:
        if is_sync:
            execute_pipeline_with_input_sync(nodes, range(5))
        else:
            asyncio.run(execute_pipeline_with_input(nodes, range(5)))
    assert caught.value is error
    assert error.__notes__ == ['RemoteMedia: in process() of node "finder_1", item 2']


def test_an_error_in_cleanup_does_not_hide_the_first_one() -> None:
    class Messy(Echo):
        def cleanup(self) -> None:
            raise RuntimeError("still in use")

    with pytest.raises(ValueError, match="first") as caught:
        execute_pipeline_with_input_sync([Messy(name="messy"), Failing(ValueError("first"))], [1])
    assert caught.value.__notes__[1] == (
        'RemoteMedia: also failed: RuntimeError: still in use in cleanup() of node "messy_0"'
    )


def test_a_node_whose_initialize_failed_is_not_cleaned_up_and_those_before_it_are() -> None:
    class Broken(Noting):
        def initialize(self) -> None:
            super().initialize()
            raise OSError("no model")

    first, broken = Noting(), Broken(name="broken")
    with pytest.raises(OSError, match="no model") as caught:
        execute_pipeline_with_input_sync([first, broken], [1])
    assert first.calls == ["initialize", "cleanup"]
    assert broken.calls == ["initialize"]
    assert caught.value.__notes__ == ['RemoteMedia: in initialize() of node "broken_1"']


def test_a_failing_run_says_the_same_when_it_fails_again() -> None:
    error = ValueError("again")
    node = Failing(error, name="node")
    for _ in range(2):
        with pytest.raises(ValueError, match="again"):
            execute_pipeline_with_input_sync([node], [1])
    assert error.__notes__ == ['RemoteMedia: in process() of node "node_0", item 0']


def test_sys_exit_in_a_node_reaches_the_caller() -> None:
    with pytest.raises(SystemExit):
        execute_pipeline_sync([Failing(SystemExit(3))])


class TestBadInput:
    def test_wrong_items_are_all_named(self) -> None:
        with pytest.raises(TypeError, match="item 1 is int, item 2 is class Echo, not an instance") as caught:
            execute_pipeline_sync([Echo(), 5, Echo])
        assert isinstance(caught.value, InvalidNodeError)

    def test_an_object_without_process(self) -> None:
        with pytest.raises(TypeError, match=r"item 0 is object without|item 0 is object"):
            execute_pipeline_sync([object()])

    @pytest.mark.parametrize("empty", [[], (), Pipeline("nothing")])
    def test_an_empty_pipeline(self, empty: Any) -> None:
        with pytest.raises(ValueError, match="empty") as caught:
            execute_pipeline_sync(empty)
        assert isinstance(caught.value, EmptyPipelineError)

    @pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 5, None])
    def test_a_single_value_as_inputs(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"\[value\]"):
            execute_pipeline_with_input_sync([Echo()], value)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (Echo(), r"put it into a list: \[node\]"),
            ("pipeline.yaml", r"load_pipeline\('pipeline.yaml'\)"),
            ("", "empty string"),
            (3, "value of type int"),
        ],
    )
    def test_what_is_no_pipeline(self, source: Any, message: str) -> None:
        with pytest.raises(TypeError, match=f"(?i){message}"):
            execute_pipeline_sync(source)

    def test_an_executor_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="\"gpu_0\" asks for the executor 'cuda'"):
            execute_pipeline_sync([Echo(name="gpu", executor="cuda")])

    def test_an_input_for_a_source(self) -> None:
        class Source(Node):
            is_source = True

            def process(self) -> Iterator[int]:  # type: ignore[override]
                yield 1

        assert execute_pipeline_sync([Source()]) == 1
        with pytest.raises(ValueError, match="source nodes only"):
            execute_pipeline_with_input_sync([Source()], [1])

    def test_a_blocking_call_on_a_loop(self) -> None:
        async def main() -> None:
            with pytest.raises(RuntimeError, match="await execute_pipeline"):
                execute_pipeline_sync([Echo()])
            with pytest.raises(RuntimeError, match=r"await pipeline\.run"):
                Pipeline([Echo()]).run_sync(1)

        asyncio.run(main())
