"""Embedded Clang. Internal: the package is the interface."""

from collections.abc import Mapping, Sequence

__version__: str

class CompileError(ValueError):
    diagnostics: list[Diagnostic]

class Diagnostic:
    @property
    def severity(self) -> str: ...  # "note", "warning" or "error"
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def message(self) -> str: ...

class Program:
    def symbol(self, name: str) -> int | None: ...

class Compiled:
    @property
    def program(self) -> Program: ...
    @property
    def diagnostics(self) -> list[Diagnostic]: ...
    @property
    def from_cache(self) -> bool: ...
    @property
    def ir(self) -> str: ...
    @property
    def assembly(self) -> str: ...
    @property
    def timings_ms(self) -> dict[str, float]: ...

class Compiler:
    def __init__(
        self,
        header: str,
        include_dirs: Sequence[str],
        cache_root: str,
        libraries: Sequence[str] = (),
    ) -> None: ...
    def compile(
        self,
        source: str,
        *,
        name: str = "<cell>",
        include_dirs: Sequence[str] = (),
        flags: Sequence[str] = (),
        optimization: int = 2,
        openmp: bool = False,
        link: Sequence[Program] = (),
        libraries: Sequence[str] = (),
        library_dirs: Sequence[str] = (),
        use_cache: bool = True,
        want_ir: bool = False,
        want_assembly: bool = False,
    ) -> Compiled: ...

def default_cache_root() -> str: ...

class Message:
    @property
    def severity(self) -> str: ...  # "note", "warning" or "error"
    @property
    def code(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...  # from 1, as columns
    @property
    def column(self) -> int: ...
    @property
    def end_line(self) -> int: ...
    @property
    def end_column(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str: ...

class Translation:
    @property
    def ok(self) -> bool: ...
    @property
    def messages(self) -> list[Message]: ...
    @property
    def syntax(self) -> str: ...
    @property
    def types(self) -> str: ...
    @property
    def cpp(self) -> str: ...
    @property
    def exec_symbol(self) -> str: ...
    @property
    def headers(self) -> list[str]: ...

def translate(
    text: str,
    *,
    file: str = "<cell>",
    module: str = "cell",
    level: str = "3",
    directives: Mapping[str, str] = ...,
    pxd_path: Sequence[str] = (),
    known_names: Sequence[str] = (),
    own_pxd: str = "",
) -> Translation: ...
