"""%%cython -a: a listing of what still talks to Python, and why, as a person sees it."""

import shutil

import engineroom as er
import pytest
from engineroom.annotate import Annotation
from engineroom.cells import Session
from engineroom.compiling import text_of
from IPython.core.interactiveshell import InteractiveShell

TEXT = """\
def count(n):
    total = 0
    k = 0
    while k < n:
        total = total + k
        k = k + 1
    return total

def typed(int n):
    cdef int k, total = 0
    for k in range(n):
        total += k
    return total

cdef double ratio(double a, double b):
    return a / b  # <b>not</b> markup
"""


@pytest.fixture(scope="module")
def listing():
    compiled = Session().run(text_of(TEXT, "__main__", "<cython cell>", wants_notes=True))
    return Annotation(TEXT, compiled.cell)


def notes(listing, line):
    return [(note.text, note.hint) for note in listing.notes[line - 1]]


def test_says_why_and_what_would_help(listing):
    assert notes(listing, 4) == [
        (
            "comparison of Python objects",
            "k is a Python object: declare `cdef int k`; "
            "n is a Python object: declare `int n` in the parameters",
        )
    ]
    assert notes(listing, 5) == [
        (
            "+ of Python objects",
            "total is a Python object: declare `cdef int total`; "
            "k is a Python object: declare `cdef int k`",
        )
    ]
    assert notes(listing, 16) == [
        ("checked for a division by zero", "the directive cdivision=True spares it")
    ]


def test_lines_of_c_are_white(listing):
    assert [listing.weights[line - 1] for line in (10, 11, 12)] == [0, 0, 0]
    assert listing.weights[4 - 1] > listing.weights[16 - 1] > 0


def test_each_line_shows_its_cpp(listing):
    assert "er::add(" in listing.cpp[5 - 1]
    assert "for (" in listing.cpp[11 - 1]


def test_as_text(listing):
    lines = repr(listing).splitlines()
    assert "   4 #         while k < n:" in lines
    assert (
        "            checked for a division by zero: the directive cdivision=True spares it"
        in lines
    )


def test_the_magic_returns_it():
    shell = InteractiveShell.instance()
    try:
        er.load_ipython_extension(shell)
        shown = shell.run_cell_magic("cython", "-a", "def f(x): return x + 1\n")
        assert "er-listing" in shown._repr_html_()
        assert shell.user_ns["f"](1) == 2
    finally:
        InteractiveShell.clear_instance()


# ---- in a browser ----


@pytest.fixture(scope="module")
def page(listing, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "Chromium is not installed (Debian: chromium)"
    path = tmp_path_factory.mktemp("listing") / "listing.html"
    listing.save(path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(path.as_uri())
        yield page
        browser.close()


def test_in_a_browser_a_line_opens_on_click(page):
    line = page.locator("summary", has_text="while k < n:")
    reason = page.get_by_text("n is a Python object: declare `int n` in the parameters")
    cpp = page.get_by_text("er::compare_true<").first
    assert not reason.first.is_visible()
    line.click()
    assert reason.first.is_visible()
    assert cpp.is_visible()
    line.click()
    assert not reason.first.is_visible()


def test_in_a_browser_yellow_means_python(page):
    def colour(text):
        line = page.locator(".er-line, summary", has_text=text).first
        return line.evaluate("element => getComputedStyle(element).backgroundColor")

    assert colour("for k in range(n):") == "rgba(0, 0, 0, 0)"
    python = colour("while k < n:")
    assert python.startswith("rgb(255, 255, ")
    assert int(python[len("rgb(255, 255, ") : -1]) < 200


def test_in_a_browser_the_text_is_text(page):
    assert page.locator("summary", has_text="# <b>not</b> markup").count() == 1
    assert page.locator(".er-listing b").count() == 0


# ---- the command ----


def test_the_command_writes_a_page(tmp_path, capsys):
    from engineroom.cli import main

    (tmp_path / "loop.pyx").write_text(TEXT)
    page = tmp_path / "loop.html"
    assert main(["compile", "-a", str(page), str(tmp_path / "loop.pyx")]) == 0
    assert "declare `cdef int k`" in page.read_text()
    assert main(["compile", str(tmp_path / "loop.pyx")]) == 0
    assert "er::add(" in capsys.readouterr().out
    assert main(["compile", "-s", "syntax", str(tmp_path / "loop.pyx")]) == 0
    assert "FunctionDef count" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    from engineroom.cli import main

    (tmp_path / "bad.pyx").write_text("def f(double x):\n    return sqrt(x)\n")
    assert main(["compile", str(tmp_path / "bad.pyx")]) == 1
    error = capsys.readouterr().err
    assert "bad.pyx:2:12: error: undeclared name 'sqrt'" in error
    assert "from libc.math cimport sqrt" in error
    assert main(["compile", str(tmp_path / "none.pyx")]) == 1
    assert "cannot read" in capsys.readouterr().err
