"""Views: calls, namespaces, moving data, cells, flags."""

import re
import subprocess
import sys

import engineroom as ipp
import pytest
from conftest import ENGINES

# Functions for engines are defined within tests: engines cannot import test modules.


@pytest.fixture
def view(client):
    return client[:]


def raises_remote(name):
    return pytest.raises(ipp.RemoteError, match=name)


# ---- apply ----


def test_apply_on_all_and_on_one(view, single):
    assert view.apply_sync(lambda x, y=1: x + y, 1, y=2) == [3] * ENGINES
    assert single.apply_sync(lambda x, y=1: x + y, 1) == 2
    assert single.apply_async(lambda **names: names, f=1, self=2).get(10) == {"f": 1, "self": 2}
    assert isinstance(view.apply(int), ipp.AsyncResult)
    view.block = True
    assert view.apply(int) == [0] * ENGINES


def test_one_target_in_a_list_gives_a_list(client):
    assert client[[client.ids[0]]].apply_sync(int) == [0]
    assert client[-1:].apply_sync(int) == [0]


def test_lazy_targets_are_those_of_the_call(client):
    view = client.direct_view()
    assert view.targets == "all"
    assert len(view) == ENGINES
    assert view.apply_sync(int) == [0] * ENGINES
    assert view.map_sync(lambda x: -x, range(5)) == [0, -1, -2, -3, -4]


def test_errors_of_engines(view, single):
    with raises_remote(r"\[0:apply\] ZeroDivisionError: division by zero") as caught:
        single.apply_sync(lambda: 1 / 0)
    assert "1 / 0" in caught.value.traceback
    assert caught.value.engine_info["method"] == "apply"
    with pytest.raises(ipp.CompositeError) as caught:
        view.apply_sync(lambda: 1 / 0)
    assert len(caught.value.elist) == ENGINES


def test_what_is_no_function(view):
    with pytest.raises(TypeError, match="f must be callable, not <class 'int'>"):
        view.apply(5)
    with pytest.raises(TypeError, match="f must be callable"):
        view.map(5, [1])


def test_references_are_looked_up_on_engines(client, view):
    view.scatter("rank", client.ids, flatten=True, block=True)
    rank = ipp.Reference("rank")
    assert view.apply_sync(lambda x: x, rank) == client.ids
    assert view.apply_sync(lambda x: x, [rank]) == [[id] for id in client.ids]
    assert view.apply_sync(lambda **x: x["y"], y={"z": rank}) == [{"z": id} for id in client.ids]
    view.execute("f = lambda x: x * rank", block=True)
    assert view.apply_sync(ipp.Reference("f"), 2) == [2 * id for id in client.ids]
    assert view.map_sync(lambda x: x + 1, [rank] * ENGINES) == [id + 1 for id in client.ids]
    assert view.map_sync(ipp.Reference("f"), [1] * ENGINES) == client.ids
    with raises_remote("NameError"):
        view.apply_sync(lambda x: x, ipp.Reference("nowhere"))


def test_prepickled_arguments(single):
    argument = ipp.PrePickled([1, 2])
    assert [single.apply_sync(sum, argument) for _ in range(2)] == [3, 3]
    assert single.apply_sync(ipp.PrePickled(sum), argument) == 3
    assert single.map_sync(ipp.PrePickled(abs), [-1]) == [1]


def test_interactive_functions_see_the_engines_namespace(view):
    @ipp.interactive
    def f():
        return a  # noqa: F821

    view.push({"a": 1, "f": f}, block=True)
    assert view.apply_sync(f) == [1] * ENGINES
    view.execute("a = 2; b = f()", block=True)
    assert view["b"] == [2] * ENGINES


# ---- names ----


def test_push_and_pull(view, single):
    single.push({"a": 1, "b": [1, {2: 3}]}, block=True)
    assert single.pull("a", block=True) == 1
    assert single.pull(["a", "b"], block=True) == [1, [1, {2: 3}]]
    assert single.get(("b",)) == [[1, {2: 3}]]
    view["c"] = "x"
    assert view["c"] == ["x"] * ENGINES
    view.update({"c": "y"})
    assert view.pull("c").get() == ["y"] * ENGINES
    with raises_remote("NameError"):
        single["missing"]


def test_names_may_be_expressions(single):
    single.execute("class A: pass\na = A()\nd = {}", block=True)
    single["a.b"] = 1
    single["d['x']"] = 2
    assert single.pull(["a.b", "d", "a.b + 1"], block=True) == [1, {"x": 2}, 2]


def test_names_that_are_none(single):
    with pytest.raises(TypeError, match="Must be a dict"):
        single.push([1])
    with pytest.raises(TypeError, match="names must be strs"):
        single.pull(5)
    with pytest.raises(TypeError, match="keys must be str"):
        single.pull(["a", 5])


def test_push_of_a_large_array_is_packed_once(view, monkeypatch):
    numpy = pytest.importorskip("numpy")
    from engineroom import serialize

    packed = []
    pack = serialize.pack_arguments

    def counting(args, kwargs):
        packed.append(kwargs)
        return pack(args, kwargs)

    monkeypatch.setattr(serialize, "pack_arguments", counting)
    array = numpy.arange(1_000_000)
    ar = view.push({"array": array})
    assert len(packed) == 1
    assert ar.wait_for_send(10)
    assert ar.sent
    ar.get()
    assert (
        view.apply_sync(lambda x: int(x.sum()), ipp.Reference("array"))
        == [int(array.sum())] * ENGINES
    )
    assert (view["array"][0] == array).all()


# ---- scatter and gather ----


@pytest.mark.parametrize("dist", ["b", "r"])
@pytest.mark.parametrize("count", [2, 7, 12])
def test_scatter_and_gather(view, dist, count):
    sequence = list(range(count))
    assert view.scatter("a", sequence, dist=dist, block=True) is None
    assert sorted(sum(view["a"], [])) == sequence
    assert view.gather("a", dist=dist, block=True) == sequence
    result = view.gather("a", dist=dist)
    assert isinstance(result, ipp.AsyncMapResult)
    assert result.get() == sequence


def test_scatter_of_one_item_each(client, view):
    ar = view.scatter("rank", client.ids, flatten=True)
    ar.get()
    assert view["rank"] == client.ids


def test_scatter_and_gather_arrays(view):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(64).reshape(16, 4)
    view.scatter("a", array, block=True)
    assert (view.gather("a", block=True) == array).all()


# ---- map ----


def test_map(view, single):
    assert view.map_sync(lambda x: x * x, range(10)) == [x * x for x in range(10)]
    assert view.map_sync(lambda x, y: x - y, [5, 6, 7], iter([1, 2])) == [4, 4]
    assert single.map_sync(lambda x: -x, [1, 2]) == [-1, -2]
    assert view.map_sync(abs, []) == []
    empty = view.map_async(abs, [])
    assert (list(empty), len(empty), empty.get()) == ([], 0, [])
    assert list(view.imap(abs, [-1])) == [1]
    with pytest.raises(TypeError, match="doesn't take a `block`"):
        view.map_sync(abs, [1], block=True)
    with pytest.raises(AssertionError, match="some sequences"):
        view.map(abs)


def test_map_makes_one_task_per_engine(view):
    ar = view.map_async(abs, range(10))
    assert len(ar) == 10
    assert len(ar.msg_ids) == ENGINES
    assert list(ar) == list(range(10))
    assert ar.progress == 10


def test_map_of_arrays(view):
    numpy = pytest.importorskip("numpy")
    assert view.map_sync(lambda x: x + 1, numpy.arange(10)) == list(range(1, 11))
    rows = view.map_sync(lambda row: row.sum(), numpy.ones((4, 100_000)))
    assert rows == [100_000.0] * 4


def test_map_with_errors(view):
    def fail_on_two(x):
        if x == 2:
            raise ValueError("two")
        return x

    with raises_remote("ValueError"):
        view.map_sync(fail_on_two, range(ENGINES))
    items = view.map_sync(fail_on_two, range(ENGINES), return_exceptions=True)
    assert items[:2] == [0, 1]
    assert isinstance(items[2], ipp.RemoteError)


# ---- decorators ----


def test_remote_function(view):
    @view.remote(block=True)
    def double(x, y=1):
        """Doubles."""
        return 2 * x * y

    assert double(2, y=3) == [12] * ENGINES
    assert double.__name__ == "double"
    assert double.__doc__ == "RemoteFunction wrapping:\nDoubles."
    assert "y" in double.__signature__.parameters

    plain = ipp.remote(view, label="named")(lambda: 1)
    ar = plain()
    assert ar.get() == [1] * ENGINES
    assert ar.label == ["named"] * ENGINES
    assert view.label is None


def test_parallel_function(view):
    @view.parallel(block=True)
    def total(part):
        return [sum(part)]

    assert sum(total(range(10))) == 45
    assert len(total(range(10))) == ENGINES
    assert total.map([[1, 2], [3]]) == [[3], [3]]
    with pytest.raises(ValueError, match="equal length"):
        ipp.parallel(view, block=True)(lambda a, b: a)([1, 2], [1])


def test_parallel_function_on_arrays(view):
    numpy = pytest.importorskip("numpy")
    double = view.parallel(block=True)(lambda part: part * 2)
    assert (double(numpy.arange(9)) == numpy.arange(0, 18, 2)).all()


# ---- cells ----


def test_execute(view, single):
    ar = view.execute("a = 6 * 7\nprint(a)")
    assert isinstance(ar.get()[0], ipp.client.metadata.ExecuteReply)
    assert view["a"] == [42] * ENGINES
    ar.wait_for_output(10)
    assert ar.stdout == ["42\n"] * ENGINES
    assert ar.execute_result == [None] * ENGINES
    shown = single.execute("a", silent=False, block=True)
    assert shown.ready()
    assert shown.get().data == {"text/plain": "42"}
    assert shown.execute_input == "a"
    assert re.fullmatch(r"<ExecuteReply\[\d+\]: 42>", repr(shown.get()))
    with pytest.raises(TypeError, match="code must be text"):
        single.execute(5)


def test_execute_understands_ipython(single):
    ar = single.execute("%time x = 1", block=True)
    assert "CPU times" in ar.stdout


def test_execute_raises(view, single):
    with raises_remote(r"\[0:execute\] ZeroDivisionError"):
        single.execute("1/0").get()
    with pytest.raises(ipp.CompositeError):
        view.execute("1/0", block=True)


def test_rich_output(single):
    ar = single.execute(
        "from IPython.display import display, HTML\ndisplay(HTML('<b>x</b>'))\nHTML('<i>y</i>')",
        silent=False,
        block=True,
    )
    assert ar.outputs[0]["data"]["text/html"] == "<b>x</b>"
    assert ar.get()._repr_html_() == "<i>y</i>"


def test_run_a_file(view, tmp_path):
    path = tmp_path / "script.py"
    path.write_text("def answer():\n    return 42")
    view.run(path, block=True)
    assert view.apply_sync(ipp.Reference("answer")) == [42] * ENGINES


def test_publish_data(single):
    code = "from engineroom.datapub import publish_data\nfor i in range(3): publish_data({'i': i})"
    ar = single.execute(code, block=True)
    assert ar.data == {"i": 2}


# ---- modules ----


def test_sync_imports(view, capsys):
    with view.sync_imports():
        import base64  # noqa: F401
        from os.path import join, split  # noqa: F401
    out = capsys.readouterr().out
    assert "importing base64 on engine(s)" in out
    assert "importing join,split from os.path on engine(s)" in out
    assert view.apply_sync(ipp.Reference("base64.b64encode"), b"foo") == [b"Zm9v"] * ENGINES
    assert view["join('a', 'b')"] == ["a/b"] * ENGINES
    with view.sync_imports(quiet=True):
        import json  # noqa: F401
    assert capsys.readouterr().out == ""
    with pytest.raises(NotImplementedError), view.sync_imports(local=False):
        pass


def test_import_that_fails_on_engines(view, monkeypatch):
    import types

    monkeypatch.setitem(sys.modules, "only_here", types.ModuleType("only_here"))
    with raises_remote("ModuleNotFoundError"), view.importer:
        import only_here  # noqa: F401


def test_switching_picklers(view):
    try:
        view.use_cloudpickle().get(10)
        assert view.apply_sync(lambda: 1) == [1] * ENGINES
    finally:
        view.use_pickle().get(10)


# ---- flags and bookkeeping ----


def test_flags(view):
    assert view.set_flags(label="a") is view
    with view.temp_flags(block=True, label="b"):
        assert (view.block, view.label) == (True, "b")
    assert (view.block, view.label) == (False, "a")
    assert view.apply_async(int).label == ["a"] * ENGINES
    with pytest.raises(KeyError, match="Invalid name: 'after'"):
        view.set_flags(after=None)


def test_labels_reach_the_metadata(client, view):
    balanced = client.load_balanced_view()
    ars = [
        view.map_async(abs, range(3), label="direct"),
        view.execute("1", label="execute"),
        balanced.map_async(abs, range(3), label="balanced"),
        balanced.set_flags(label="flag").apply_async(int),
    ]
    assert [ar.label for ar in ars] == [["direct"] * 3, ["execute"] * 3, ["balanced"] * 3, "flag"]


def test_history_and_outstanding(client, view):
    ar = view.apply_async(int)
    assert view.history == ar.msg_ids
    assert view.wait(timeout=10)
    assert view.outstanding == set()
    assert view.get_result(-1).msg_ids == ar.msg_ids[-1:]
    assert view.wait([0, -1], timeout=10)
    assert view.results is client.results
    assert view.queue_status().keys() == {*client.ids, "unassigned"}


def test_activate_outside_ipython_warns(cluster):
    code = (
        "import warnings, engineroom; warnings.simplefilter('error', UserWarning)\n"
        f"rc = engineroom.Client({str(cluster.connection_file)!r})\n"
        "try: rc.activate()\n"
        "except UserWarning as warning: print(warning)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "only work within IPython" in done.stdout


def test_several_threads_share_a_view(client, view):
    from concurrent.futures import ThreadPoolExecutor

    balanced = client.load_balanced_view()

    def work(number):
        results = [
            *view.apply_sync(abs, -number),
            balanced.apply_sync(abs, -number),
            *view.map_sync(abs, [-number] * 3, label=str(number)),
            *balanced.map_async(abs, [-number] * 3, ordered=False),
        ]
        return set(results)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [{number} for number in range(40)]
    assert not client.outstanding
