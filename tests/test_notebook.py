"""The notebooks in examples/ run from top to bottom."""

import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PRINTED = {
    "mpi": ["rank 3 of 4", "[120.0, 120.0, 120.0, 120.0]", "8000000 bytes on 2"],
    "tour": ["[stdout:1] process", "π ≈ 3.1"],
    "compile": [
        "(144, 2.25, 100000000000000000000",
        "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]",
        "primes_compiled: ",
        "primes_typed: ",
        "walk: ",
        " times as fast",
        "double v_x",
        "1 error",
        "from libc.math cimport sqrt",
    ],
}

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


def test_all_are_tried():
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_notebook(name, tmp_path, monkeypatch):
    if name == "mpi":
        pytest.importorskip("mpi4py")
        if shutil.which("mpiexec") is None:
            pytest.skip("needs an MPI")
        # Open MPI refuses root otherwise.
        monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
        monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    # A name of Jupyter's own: the kernel of the environment that runs the test.
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(tmp_path))
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    printed = "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )
    for text in PRINTED[name]:
        assert text in printed
    drawn = sum("image/png" in output.get("data", {}) for output in outputs)
    assert drawn == (name == "compile")


@pytest.mark.parametrize("name", PRINTED)
def test_notebook_is_kept_without_outputs(name):
    """Outputs make every run a change, and hold the paths of whoever ran it."""
    for cell in nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
