"""Output of many engines: what they say alike is shown once."""

import pytest
from conftest import ENGINES
from engineroom.client import collate
from engineroom.client.collate import engine_ranges, group_alike, labelled


@pytest.mark.parametrize(
    ("engines", "text"),
    [
        ([], ""),
        ([5], "5"),
        ([3, 4], "3,4"),
        ([3, 4, 5], "3-5"),
        ([9, 1, 0, 2, 1], "0-2,9"),
        ([*range(998), 999], "0-997,999"),
        (range(0, 8, 2), "0,2,4,6"),
    ],
)
def test_engine_ranges(engines, text):
    assert engine_ranges(engines) == text


def test_group_alike():
    assert group_alike([], []) == []
    assert group_alike([0, 1, 2, 3], ["a", "b", "a", ""]) == [([0, 2], 0), ([1], 1)]


def test_a_thousand_engines():
    texts = ["ready\n"] * 1000
    texts[7] = "no disk space\n"
    texts[8] = ""
    assert labelled(range(1000), texts, True) == [
        ("0-6,9-999", "ready\n"),
        ("7", "no disk space\n"),
    ]
    assert len(labelled(range(1000), texts, False)) == 1000
    # Not known, or of a coalesced broadcast.
    assert labelled([None, 1], ["a", "a"], True) == [("None", "a"), ("1", "a")]


CELL = "import sys\nprint('alike')\nprint('err', file=sys.stderr)"


def test_display_outputs(client, capsys, monkeypatch):
    view = client[:]
    ar = view.execute(CELL)
    ar.get()
    ids = engine_ranges(client.ids)
    ar.display_outputs(collate=True)
    assert capsys.readouterr() == (f"[stdout:{ids}] \nalike\n", f"[stderr:{ids}] \nerr\n")
    ar.display_outputs()
    assert capsys.readouterr().out.count("alike") == ENGINES
    monkeypatch.setattr("engineroom.client.display.COLLATE_FROM", ENGINES)
    ar.display_outputs()
    assert capsys.readouterr().out.count("alike") == 1
    ar.display_outputs(groupby="engine")
    assert capsys.readouterr().out.count("alike") == ENGINES
    assert collate.COLLATE_FROM > ENGINES


def test_own_lines_stay(client, capsys):
    view = client[:]
    view.scatter("rank", client.ids, flatten=True, block=True)
    ar = view.execute("print('first' if rank == 0 else 'other')")
    ar.get()
    view.client.wait()
    ar.display_outputs(collate=True)
    out = capsys.readouterr().out
    assert out.count("other") == 1
    assert "[stdout:0] \nfirst" in out
