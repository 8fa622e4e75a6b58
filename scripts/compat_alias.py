"""`import ipyparallel` gives engineroom: the package folder in which the stock suite runs on us.

`scripts/compat.py` writes this file as `ipyparallel/__init__.py`, beside the stock `tests` folder,
into a tree of its own. `ipyparallel` then *is* the engineroom module; a submodule is ours of the
same name, or the one that HOMES names where ours lies elsewhere. What is in no table is not there,
and a test that wants it fails.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import os
import signal
import sys
import types

import engineroom

FOLDER = os.path.dirname(os.path.abspath(__file__))

# Where a module of ipyparallel's is with us. Modules of the same name need no line.
HOMES = {
    "client._joblib": "joblib",
    "client.magics": "magics",
    "controller.dependency": "dependency",
    "serialize.canning": "canning",
}
# Folders without code of their own, whose modules are in HOMES.
FOLDERS = {"controller"}


class WindowsHPCLauncher:
    """Nothing of ours is one: there is no engineroom for Windows."""


def launchers() -> types.ModuleType:
    """Our launchers, and what the suite takes from that module to set itself up."""
    ours = importlib.import_module("engineroom.cluster.launcher")
    programs = importlib.import_module("engineroom.cluster.programs")
    ours.SIGKILL = signal.SIGKILL
    ours.ipcontroller_cmd_argv = programs.controller_command()
    ours.ipengine_cmd_argv = programs.engine_command()
    ours.WindowsHPCLauncher = WindowsHPCLauncher
    ours.all_launchers = [
        ours.find_launcher_class(name, kind)
        for kind, known in ours._BUILT_IN.items()
        for name in (*known, *(e.name for e in launcher_entry_points(kind)))
    ]
    return ours


def launcher_entry_points(kind: str) -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=f"engineroom.{kind}_launchers")


def trait_helpers() -> types.ModuleType:
    """`ipyparallel.traitlets.entry_points`, with our groups' names for stock's."""
    module = types.ModuleType("ipyparallel.traitlets")

    def entry_points(group: str) -> importlib.metadata.EntryPoints:
        return importlib.metadata.entry_points(group=group.replace("ipyparallel.", "engineroom."))

    module.entry_points = entry_points
    return module


MADE = {"cluster.launcher": launchers, "traitlets": trait_helpers}


class Aliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `ipyparallel.X`: the tests and `__main__` in this folder, everything else with us."""

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("ipyparallel."):
            return None
        inner = name.removeprefix("ipyparallel.")
        if inner.split(".")[0] == "tests" or inner.endswith("__main__"):
            folder = os.path.join(FOLDER, *inner.split(".")[:-1])
            return importlib.machinery.PathFinder.find_spec(name, [folder])
        if self._ours(inner) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=not inner.endswith("__main__"))

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        found = self._ours(name.removeprefix("ipyparallel."))
        if not hasattr(found, "__path__"):
            # What is a module with us is a package there.
            found.__path__ = []
        # The import system takes what it finds under the name afterwards.
        sys.modules[name] = found

    def get_code(self, name):
        return None

    def _ours(self, inner):
        if inner in MADE:
            return MADE[inner]()
        if inner in FOLDERS:
            return types.ModuleType(f"ipyparallel.{inner}")
        try:
            return importlib.import_module(f"engineroom.{HOMES.get(inner, inner)}")
        except ModuleNotFoundError:
            return None


sys.meta_path.insert(0, Aliases())
# Every name at once, as stock does it: the suite's start-up replaces some classes in their modules.
for _name in engineroom.__all__:
    getattr(engineroom, _name)
sys.modules["ipyparallel"] = engineroom
