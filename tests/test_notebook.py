"""The notebook in examples/ runs from top to bottom."""

from pathlib import Path

import pytest

TOUR = Path(__file__).resolve().parent.parent / "examples" / "tour.ipynb"

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


def test_tour(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    # A name of Jupyter's own: the kernel of the environment that runs the test.
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(tmp_path))
    printed = "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "[stdout:1] process" in printed
    assert "π ≈ 3.1" in printed


def test_tour_is_kept_without_outputs():
    """Outputs make every run a change, and hold the paths of whoever ran it."""
    for cell in nbformat.read(TOUR, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
