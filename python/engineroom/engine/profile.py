"""What a profile says about engines: configuration files and startup files, as ipyparallel's
engines read them.

Only files of the profile's folder count; nothing is read from the working directory.
"""

import os
from pathlib import Path
from typing import Any

from .options import Options, set_trait

# The later one wins.
CONFIG_FILES = ("ipython_config.py", "ipengine_config.py")
# Sections whose traits are options of the engine itself.
_ENGINE_SECTIONS = ("BaseParallelApplication", "IPEngine")
# Sections that IPython's own programs read their startup code from.
_APP_SECTIONS = ("InteractiveShellApp", "IPKernelApp")


def read_config(options: Options) -> Any:
    """The profile's configuration, or None. Sets what the command line and the environment left
    open.
    """
    paths = [options.profile_folder() / name for name in CONFIG_FILES]
    if not any(path.is_file() for path in paths):
        return None
    from traitlets.config.loader import Config, PyFileConfigLoader

    config = Config()
    for path in paths:
        if path.is_file():
            config.merge(PyFileConfigLoader(path.name, path=str(path.parent)).load_config())
    for section in _ENGINE_SECTIONS:
        for trait, value in config.get(section, {}).items():
            set_trait(options, f"{section}.{trait}", value)
    return config


def run_startup(shell: Any, options: Options, config: Any) -> None:
    """Runs what is to run before any task. An error in it is printed, and the rest goes on."""
    if options.use_mpi:
        shell.run_cell(options.mpi_code, silent=True)
    for section in _APP_SECTIONS:
        settings = config.get(section, {}) if config is not None else {}
        for extension in settings.get("extensions", ()):
            shell.run_line_magic("load_ext", extension)
        for line in settings.get("exec_lines", ()):
            shell.run_cell(line, silent=True)
        for file in settings.get("exec_files", ()):
            _run_file(shell, Path(file).expanduser())
    # As every program of IPython's does.
    if os.environ.get("PYTHONSTARTUP") and _wants_python_startup(config):
        _run_file(shell, Path(os.environ["PYTHONSTARTUP"]).expanduser())
    for path in startup_files(options.profile_folder()):
        _run_file(shell, path)
    if options.startup_file:
        _run_file(shell, Path(options.startup_file).expanduser())
    if options.startup_code:
        shell.run_cell(options.startup_code, silent=True)


def _wants_python_startup(config: Any) -> bool:
    if config is None:
        return True
    return all(config.get(name, {}).get("exec_PYTHONSTARTUP", True) for name in _APP_SECTIONS)


def startup_files(profile_folder: Path) -> list[Path]:
    folder = profile_folder / "startup"
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in {".py", ".ipy"})


def _run_file(shell: Any, path: Path) -> None:
    if path.suffix == ".ipy":
        shell.safe_execfile_ipy(str(path))
    else:
        shell.safe_execfile(str(path), shell.user_ns)
