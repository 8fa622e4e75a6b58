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

class HeaderSet:
    def __init__(self, prefix: str, header: str, include_dirs: Sequence[str]) -> None: ...

class Compiler:
    def __init__(
        self,
        header: str,
        include_dirs: Sequence[str],
        cache_root: str,
        libraries: Sequence[str] = (),
        header_sets: Sequence[HeaderSet] = (),
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

class Cell:
    @property
    def ok(self) -> bool: ...
    @property
    def id(self) -> str: ...
    @property
    def uses(self) -> list[str]: ...
    @property
    def messages(self) -> list[Message]: ...
    @property
    def syntax(self) -> str: ...
    @property
    def types(self) -> str: ...
    @property
    def cpp(self) -> str: ...
    @property
    def headers(self) -> list[str]: ...
    @property
    def lines(self) -> list[int]: ...
    @property
    def loaded_names(self) -> list[str]: ...
    @property
    def bound_names(self) -> set[str]: ...
    @property
    def distutils(self) -> list[tuple[str, str]]: ...
    @property
    def diagnostics(self) -> list[Diagnostic]: ...
    @property
    def error(self) -> str: ...
    @property
    def ir(self) -> str: ...
    @property
    def assembly(self) -> str: ...
    @property
    def from_cache(self) -> bool: ...
    @property
    def timings_ms(self) -> dict[str, float]: ...
    @property
    def program(self) -> Program: ...
    @property
    def entry(self) -> int: ...

class Request:
    def __init__(
        self,
        text: str,
        *,
        file: str = "<cell>",
        module: str = "cell",
        level: str = "3",
        directives: Mapping[str, str] = ...,
        pxd_path: Sequence[str] = (),
        known_names: Sequence[str] = (),
        own_pxd: str = "",
    ) -> None: ...

class Job:
    def __init__(
        self,
        *,
        include_dirs: Sequence[str] = (),
        flags: Sequence[str] = (),
        optimization: int = 2,
        openmp: bool = False,
        libraries: Sequence[str] = (),
        library_dirs: Sequence[str] = (),
        use_cache: bool = True,
        want_ir: bool = False,
        want_assembly: bool = False,
    ) -> None: ...

def translate(request: Request) -> Cell: ...
def compile(compiler: Compiler, request: Request, job: Job) -> Cell: ...

class Session:
    def __init__(self, compiler: Compiler) -> None: ...
    def compile(self, request: Request, job: Job) -> Cell: ...
    def compile_after(self, earlier: Sequence[Cell], request: Request, job: Job) -> Cell: ...
    def keep(self, cell: Cell) -> None: ...
