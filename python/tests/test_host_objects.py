"""Objects of a Python host: made, described, read, changed, called and released."""

import pytest

from engine import NODES, RequestError


def test_an_object_is_made_described_read_changed_called_and_released(engine):
    made = engine.request(
        "create", file=NODES, **{"class": "Echo"}, args=[2.0], kwargs={"name": "me", "model": "x"}
    )
    number = made.pop("object")
    assert made == {"className": "Echo", "module": "host_nodes", "name": "me", "traits": made["traits"]}
    assert made["traits"]["process"] is True
    assert made["traits"]["isAsync"] is False
    assert engine.request("describe", object=number) == made
    assert engine.request("get", object=number, name=["config", "model"][0]) == {"model": "x"}
    engine.request("set", object=number, name="gain", value=3.5)
    assert engine.request("get", object=number, name="gain") == 3.5
    assert engine.request("call", object=number, name="later", args=[(1, 2)], kwargs={}) == (1, 2)
    engine.request("release", objects=[number])
    with pytest.raises(RequestError, match="released"):
        engine.request("describe", object=number)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"module": "jsn"}, "json"),
        ({"file": NODES.replace("host_nodes", "host_node")}, "host_nodes.py"),
        ({"file": NODES, "class": "Eco"}, "Did you mean 'Echo'"),
        ({"file": NODES, "class": "Echo.Iner"}, "Did you mean 'Inner'"),
        ({"file": NODES}, "several node classes"),
        ({"source": "x = 1"}, "no Node subclass"),
        ({}, "exactly one"),
    ],
)
def test_what_cannot_be_found_is_named_with_a_suggestion(engine, params, words):
    with pytest.raises(RequestError, match=words) as raised:
        engine.create(**params)
    assert raised.value.failure["code"] == "RM_MODULE"


def test_a_wrong_attribute_is_named_with_a_suggestion(engine):
    number = engine.create(file=NODES, **{"class": "Echo"})
    with pytest.raises(RequestError, match="Did you mean 'gain'"):
        engine.request("get", object=number, name="gian")


def test_a_result_that_cannot_cross_is_refused(engine):
    number = engine.create(file=NODES, **{"class": "Echo"})
    with pytest.raises(RequestError, match="instance of object"):
        engine.request("call", object=number, name="unsendable", args=[], kwargs={})


def test_the_traceback_of_inline_source_shows_its_lines(engine):
    number = engine.create(source="class Bad:\n    def process(self, item):\n        return item.oops\n")
    with pytest.raises(RequestError) as raised:
        engine.request("call", object=number, name="process", args=[1], kwargs={})
    assert "return item.oops" in raised.value.failure["stack"]


def test_a_file_is_one_module_and_may_lie_in_a_package(engine, tmp_path):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("SHARED = []\n")
    (package / "json.py").write_text(
        "from .base import SHARED\n\nclass One:\n    def process(self, item):\n"
        "        SHARED.append(item)\n        return list(SHARED)\n"
    )
    first, second = (engine.request("create", file=str(package / "json.py")) for _ in range(2))
    assert first["module"] == "pack.json"
    engine.request("call", object=first["object"], name="process", args=[1], kwargs={})
    assert engine.request("call", object=second["object"], name="process", args=[2], kwargs={}) == [1, 2]


def test_a_file_named_like_another_module_does_not_hide_it(engine, tmp_path):
    (tmp_path / "json.py").write_text("class Mine:\n    def process(self, item):\n        return item\n")
    made = engine.request("create", file=str(tmp_path / "json.py"))
    assert made["module"].startswith("json_")
    assert engine.create(module="json", **{"class": "JSONDecoder"})


def test_discover_lists_classes_with_their_parameters(engine):
    classes = {entry["name"]: entry for entry in engine.request("discover", file=NODES)["classes"]}
    assert "Database" in classes
    assert classes["Echo"]["doc"].startswith("Gives back")
    assert classes["Echo"]["parameters"][0] == {
        "name": "gain",
        "kind": "positional_or_keyword",
        "default": "1.0",
        "annotation": "float",
    }
    assert classes["AsyncTalker"]["traits"]["isAsync"]


def test_a_slow_call_does_not_hold_up_others(engine):
    number = engine.create(file=NODES, **{"class": "Gate"})
    waiting = engine.send("call", {"object": number, "name": "wait_until_entered", "args": [], "kwargs": {}})
    assert engine.request("get", object=number, name="name") == "Gate"
    engine.request("call", object=number, name="process", args=[1], kwargs={})
    entered = engine.send("call", {"object": number, "name": "process", "args": ["stop"], "kwargs": {}})
    assert waiting.get(timeout=20) == [True, True]
    engine.request("call", object=number, name="open", args=[], kwargs={})
    assert entered.get(timeout=20) == [True, "stop"]


def test_any_number_of_calls_may_block(engine):
    number = engine.create(file=NODES, **{"class": "Gate"})
    stop = {"object": number, "name": "process", "args": ["stop"], "kwargs": {}}
    waiting = [engine.send("call", stop) for _ in range(60)]
    engine.request("call", object=number, name="open", args=[], kwargs={})
    assert [answer.get(timeout=20) for answer in waiting] == [[True, "stop"]] * 60


def test_numpy_is_not_imported_before_an_array_is_there(engine):
    number = engine.create(
        source="import sys\nclass A:\n    def process(self, name): return name in sys.modules\n"
    )
    assert engine.request("call", object=number, name="process", args=["numpy"], kwargs={}) is False
