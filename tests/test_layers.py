"""scripts/check_layers.py on small trees, good and bad, and on this one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = """
[src]
base = []
wire = ["base"]
client = ["api", "base", "wire"]
[outside]
"include/engineroom" = ["api"]
"bench" = ["*"]
"""


def check(root: Path) -> tuple[int, list[str]]:
    result = subprocess.run(
        [sys.executable, ROOT / "scripts/check_layers.py", root], capture_output=True, text=True
    )
    return result.returncode, result.stderr.splitlines()


@pytest.fixture
def tree(tmp_path):
    """Write {path: text} under a root that has the small table, and check it."""

    def write_and_check(files: dict[str, str], table: str = TABLE) -> tuple[int, list[str]]:
        for name, text in {"scripts/layers.toml": table, "src/base/id.h": "", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(tmp_path)

    return write_and_check


def test_this_tree():
    assert check(ROOT) == (0, [])


def test_good_tree(tree):
    assert tree(
        {
            "src/wire/a.cpp": '#include "wire/a.h"\n\n#include <vector>\n\n#include "base/id.h"\n',
            "src/wire/CMakeLists.txt": "engineroom_library(wire SOURCES a.cpp DEPENDS base)\n",
            "src/client/c.cpp": '#include <engineroom/client.h>\n#include "wire/a.h"\n',
            "include/engineroom/client.h": "#include <engineroom/status.h>\n",
            "bench/b.cpp": '#include "client/c.h"\n',
        }
    ) == (0, [])


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        (
            "src/base/b.h",
            '\n#include "wire/a.h"\n',
            "src/base/b.h:2: base may not include wire, only no other folder; move",
        ),
        (
            "src/wire/a.h",
            "#include <engineroom/client.h>\n",
            "src/wire/a.h:1: wire may not include api, only base; move",
        ),
        (
            "include/engineroom/client.h",
            '#  include "base/id.h"\n',
            "include/engineroom/client.h:1: include/engineroom may not include base, only api; ",
        ),
        ("src/wire/a.h", '#include "b.h"\n', 'src/wire/a.h:1: "b.h" names no folder; write'),
        ("src/wire/a.h", '#include "zmq/z.h"\n', 'src/wire/a.h:1: "zmq/z.h" is in no folder of'),
        ("src/misc/m.h", "", "src/misc:1: the folder is not in scripts/layers.toml; add"),
        (
            "src/wire/CMakeLists.txt",
            "# DEPENDS client\nengineroom_library(wire\n  DEPENDS base client)\n",
            "src/wire/CMakeLists.txt:3: wire may not depend on client; remove",
        ),
    ],
)
def test_bad_file(tree, name, text, error):
    status, errors = tree({name: text})
    assert status == 1
    assert len(errors) == 1
    assert errors[0].startswith(error)


def test_circle_of_files(tree):
    status, errors = tree(
        {"src/wire/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "wire/a.h"\n'}
    )
    assert status == 1
    assert "base -> wire -> base (at src/base/b.h:1, src/wire/a.h:1)" in errors[-1]


def test_circle_in_table(tree):
    status, errors = tree({}, TABLE.replace("base = []", 'base = ["wire"]'))
    assert status == 1
    assert "the table has a circle, base -> wire -> base" in errors[0]


def test_unknown_name_in_table(tree):
    status, errors = tree({}, TABLE.replace("base = []", 'base = ["bass"]'))
    assert status == 1
    assert "base lists 'bass'" in errors[0]
