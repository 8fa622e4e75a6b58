"""Check that the folders of src/ include each other as scripts/layers.toml allows, without circles.

    python scripts/check_layers.py [root]

Every mistake is one line, `file:line: what; remedy`, and the exit status is then 1. The rules are
about folders, not files: a folder is what one person can hold in mind, and the direction between
folders is what keeps it so.
Covered by tests/test_layers.py.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<(engineroom/[^>]+)>)')
DEPENDS = re.compile(r"\bDEPENDS\b([^A-Z)]*)")
SUFFIXES = {".h", ".hpp", ".cpp", ".cc"}
TABLE = "scripts/layers.toml"


class Edge(NamedTuple):
    """One folder naming another, at one place."""

    folder: str
    other: str
    place: str  # file:line


def includes(path: Path) -> Iterator[tuple[int, str]]:
    """The includes of a file that name our own headers, with their lines."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1] or match[2]


def source_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def check_table(src: dict[str, list[str]]) -> list[str]:
    """Mistakes in the table itself: names that do not exist, circles."""
    errors = [
        f"{TABLE}:1: {folder} lists '{other}', which is not a folder of the table; correct the name"
        for folder, others in src.items()
        for other in others
        if other not in src and other != "api"
    ]
    if circle := find_circle({folder: set(others) for folder, others in src.items()}):
        errors.append(
            f"{TABLE}:1: the table has a circle, {' -> '.join(circle)}; remove one of its edges"
        )
    return errors


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Some circle of the graph as [a, b, ..., a], or nothing."""
    finished: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in finished:
            return []
        for following in sorted(graph.get(node, ())):
            if circle := visit(following, [*path, node]):
                return circle
        finished.add(node)
        return []

    for node in sorted(graph):
        if circle := visit(node, []):
            return circle
    return []


def check_file(
    root: Path, path: Path, folder: str, allowed: list[str], table: dict, edges: list[Edge]
) -> Iterator[str]:
    """Mistakes in the includes of one file; the folders that it names are added to `edges`."""
    for number, header in includes(path):
        if header in table.get("anywhere", []):
            continue
        place = f"{path.relative_to(root)}:{number}"
        if header.startswith("engineroom/"):
            other = "api"
        elif "/" in header:
            other = header.split("/")[0]
        else:
            yield f'{place}: "{header}" names no folder; write it as "folder/{header}"'
            continue
        # python/bindings names its own headers bindings/…
        if other in (folder, folder.split("/")[-1]):
            continue
        if other != "api" and other not in table["src"]:
            yield (
                f'{place}: "{header}" is in no folder of {TABLE}; add the folder there, '
                "or include a library's header with <>"
            )
            continue
        edges.append(Edge(folder, other, place))
        if other not in allowed and "*" not in allowed:
            may = ", ".join(allowed) or "no other folder"
            yield (
                f"{place}: {folder} may not include {other}, only {may}; move what both need "
                f"below them, or change {TABLE} and say why"
            )


def check_cmake(root: Path, folder: str, allowed: list[str]) -> Iterator[str]:
    """Mistakes in the libraries that a folder links."""
    path = root / "src" / folder / "CMakeLists.txt"
    if not path.is_file():
        return
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    for match in DEPENDS.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        for other in match[1].split():
            if other not in allowed:
                yield (
                    f"{path.relative_to(root)}:{number}: {folder} may not depend on {other}; "
                    f"remove it from DEPENDS, or change {TABLE} and say why"
                )


def check_tree(root: Path) -> list[str]:
    """Every mistake in the tree at `root`."""
    table = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    src: dict[str, list[str]] = table["src"]
    errors = check_table(src)
    edges: list[Edge] = []

    for directory in sorted(path for path in (root / "src").iterdir() if path.is_dir()):
        folder = directory.name
        if folder not in src:
            if source_files(directory):
                errors.append(
                    f"src/{folder}:1: the folder is not in {TABLE}; add a line that says what it "
                    "may include"
                )
            continue
        for path in source_files(directory):
            errors += check_file(root, path, folder, src[folder], table, edges)
        errors += check_cmake(root, folder, src[folder])

    for folder, allowed in table.get("outside", {}).items():
        for path in source_files(root / folder):
            errors += check_file(root, path, folder, allowed, table, edges)

    graph: dict[str, set[str]] = {}
    for edge in edges:
        graph.setdefault(edge.folder, set()).add(edge.other)
    if circle := find_circle(graph):
        steps = list(zip(circle, circle[1:], strict=False))
        places = [
            next(edge.place for edge in edges if (edge.folder, edge.other) == step)
            for step in steps
        ]
        errors.append(
            f"{places[0]}: the folders include each other in a circle, {' -> '.join(circle)} "
            f"(at {', '.join(places)}); move the shared type below its users"
        )
    return errors


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    errors = check_tree(root)
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
