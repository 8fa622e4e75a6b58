"""Pictures of task graphs: what is in them before and after the tasks ran."""

import shutil
import xml.etree.ElementTree as ET

import engineroom as ipp
import pytest
from conftest import wait_for_file
from engineroom import graph


@pytest.fixture
def diamond(client, tmp_path):
    """(tasks, what starts them): left and right wait for first, last for both, broken fails."""
    view = client.load_balanced_view()
    first = view.apply_async(wait_for_file, str(tmp_path / "gate"), 1)
    left, right = (view.apply_async(lambda x, y=y: x + y, first) for y in (1, 2))
    last = view.apply_async(max, [left, right])
    with view.temp_flags(after=first, follow=left):
        broken = view.apply_async(lambda: [][1])
    return [first, left, right, last, broken], (tmp_path / "gate").touch


def texts(picture):
    return [text.text for text in ET.fromstring(picture._repr_svg_()).iter() if text.text]


def test_before_and_after(diamond):
    tasks, start = diamond
    picture = graph.draw(tasks)
    before = {node.msg_id: node for node in picture.nodes()}
    assert [before[ar.msg_ids[0]].status for ar in tasks] == ["pending"] * 5
    assert "5 tasks, 0 done" in texts(picture)
    start()
    for ar in tasks:
        ar.wait(10)
    nodes = picture.nodes()
    assert [node.status for node in nodes] == ["ok", "ok", "ok", "ok", "error"]
    assert all(node.seconds is not None and node.engine_id is not None for node in nodes)
    first, left, right, last, broken = (ar.msg_ids[0] for ar in tasks)
    assert nodes[3].sources == {left: "input", right: "input"}
    assert nodes[4].sources == {first: "after", left: "follow"}
    shown = texts(picture)
    assert "max" in shown
    assert any("failed on" in text for text in shown)
    assert f"engine {nodes[0].engine_id}" in shown
    assert f'"{left}" -> "{last}" [style=solid];' in picture.dot()
    assert f'"{first}" -> "{broken}" [style=dashed];' in picture.dot()
    assert "<svg" in picture._repr_html_()


def test_what_is_waited_for_comes_from_the_records(client, diamond):
    tasks, start = diamond
    start()
    last = tasks[3].msg_ids[0]
    assert tasks[3].get(10) == 3
    nodes = client.task_graph(last).nodes()
    assert {node.msg_id for node in nodes} == {ar.msg_ids[0] for ar in tasks[:4]}
    assert [node.status for node in nodes] == ["ok"] * 4
    assert nodes[-1].msg_id == last
    assert len(client.task_graph().nodes()) >= 5


def test_files(tmp_path, diamond, monkeypatch):
    tasks, start = diamond
    start()
    graph.draw(tasks[3], tmp_path / "graph.svg")
    ET.parse(tmp_path / "graph.svg")
    assert (graph.draw(tasks).save(tmp_path / "g.dot")).read_text().startswith("digraph")
    monkeypatch.setattr(graph.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="install the package graphviz"):
        graph.draw(tasks).save(tmp_path / "g.png")
    with pytest.raises(ValueError, match="no tasks"):
        graph.draw([])


def test_by_graphviz(tmp_path, diamond):
    if shutil.which("dot") is None:
        pytest.skip("needs Debian's graphviz")
    tasks, start = diamond
    waiting = graph.draw(tasks, tmp_path / "waiting.png").dot()
    start()
    for ar in tasks:
        ar.wait(10)
    for name, signature in {"done.png": b"\x89PNG", "done.pdf": b"%PDF"}.items():
        graph.draw(tasks, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(signature)
    assert (tmp_path / "waiting.png").read_bytes().startswith(b"\x89PNG")
    assert waiting.count("dashed]") + waiting.count('dashed"]') == 6
    assert graph.draw(tasks).dot().count("penwidth") == 1
    # Whatever a task is called, and of no kind that Graphviz does not know.
    with pytest.raises(RuntimeError, match=r"\.nothing"):
        graph.draw(tasks, tmp_path / "graph.nothing")


def test_as_a_networkx_graph(diamond):
    networkx = pytest.importorskip("networkx")
    tasks, start = diamond
    start()
    for ar in tasks:
        ar.wait(10)
    found = graph.draw(tasks).to_networkx()
    first, left, right, last, broken = (ar.msg_ids[0] for ar in tasks)
    assert networkx.is_directed_acyclic_graph(found)
    assert networkx.ancestors(found, last) == {first, left, right}
    assert found.edges[first, broken] == {"kind": "after"}
    assert found.nodes[broken]["status"] == "error"
    assert found.nodes[last]["seconds"] >= 0
    # A path of what took longest, say.
    assert networkx.dag_longest_path(found)[0] == first


def test_long_chains_and_many_tasks(client):
    view = client.load_balanced_view()
    chain = [view.apply_async(int)]
    for _ in range(300):
        chain.append(view.apply_async(abs, chain[-1]))
    wide = view.map_async(abs, range(300))
    chain[-1].wait(20)
    wide.wait(20)
    assert len(graph.draw([*chain, wide]).nodes()) == 601
    assert graph.draw([*chain, wide]).svg().count("<rect") > 601
    assert ipp.graph is graph
