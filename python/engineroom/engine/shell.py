"""The IPython shell of an engine: an InteractiveShell whose output goes to the clients.

Without ipykernel, which would bring a second event loop, its own sockets and 100 ms of imports. The
parts of a kernel that users reach through get_ipython().kernel are here as a small object.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets import CBool, default
from traitlets.config import Config

from .errors import clean_text, describe, to_json


class EngineDisplayHook(DisplayHook):
    """Publishes the value of a cell's last line."""

    core: Any = None

    def start_displayhook(self) -> None:
        self._result: dict[str, Any] = {}

    def write_output_prompt(self) -> None:
        self._result["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        self._result["data"] = format_dict
        self._result["metadata"] = md_dict or {}

    def finish_displayhook(self) -> None:
        if self._result.get("data"):
            self.core.publish("execute_result", "execute_result", to_json(self._result))
        self._result = {}


class EngineDisplayPublisher(DisplayPublisher):
    """Publishes what display() shows."""

    core: Any = None

    def publish(
        self,
        data: dict,
        metadata: dict | None = None,
        source: Any = None,
        *,
        transient: dict | None = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        msg_type = "update_display_data" if update else "display_data"
        content = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        self.core.publish("displaypub", msg_type, to_json(content))

    def clear_output(self, wait: bool = False) -> None:
        self.core.publish("displaypub", "clear_output", to_json({"wait": wait}))


class EngineShell(InteractiveShell):
    """REQUIRES: make_shell() made it."""

    displayhook_class = EngineDisplayHook
    display_pub_class = EngineDisplayPublisher
    # Tracebacks go to terminals and notebooks, which both show colours.
    colors_force = CBool(True)
    # Made only when something asks for it (%store): it creates folders.
    profile_dir = AnyTrait()
    profile_folder: Path

    core: Any = None
    kernel: Any = None
    data_pub: Any = None
    # Whether showtraceback() also publishes; see Worker.
    publish_errors = True
    last_traceback: list[str] | None = None

    @default("profile_dir")
    def _make_profile_dir(self) -> Any:
        from IPython.core.profiledir import ProfileDir

        return ProfileDir(location=str(self.profile_folder))

    def init_profile_dir(self, profile_dir: Any) -> None:
        pass

    def init_display_pub(self) -> None:
        super().init_display_pub()
        self.display_pub.core = self.core

    def init_displayhook(self) -> None:
        super().init_displayhook()
        self.displayhook.core = self.core

    def init_virtualenv(self) -> None:
        # The interpreter we run in is the right one.
        pass

    def enable_gui(self, gui: str | None = None) -> None:
        # Nobody sits in front of an engine, and its main thread waits for tasks.
        pass

    def ask_exit(self) -> None:
        self.core.request_end()

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        """Keeps the formatted traceback for the reply."""
        self.last_traceback = [clean_text(line) for line in stb]
        if not self.publish_errors:
            return
        content = {
            "traceback": self.last_traceback,
            "ename": etype.__name__,
            "evalue": describe(evalue),
        }
        self.core.publish("error", "error", to_json(content))

    def take_traceback(self) -> list[str]:
        lines, self.last_traceback = self.last_traceback or [], None
        return lines

    def set_next_input(self, text: str, replace: bool = False) -> None:
        self.payload_manager.write_payload(
            {"source": "set_next_input", "text": text, "replace": replace}
        )

    def system(self, cmd: str) -> None:  # type: ignore[override]
        """`!command`: through pipes, so that its output goes where ours goes."""
        return self.system_piped(cmd)


class Kernel(SimpleNamespace):
    """What code on engines expects of get_ipython().kernel."""

    @property
    def engine_id(self) -> int:
        return self.shell.core.id

    int_id = engine_id

    @property
    def ident(self) -> str:
        return self.shell.core.uuid

    def get_engine_info(self, method: str | None = None) -> dict[str, Any]:
        info = {"engine_uuid": self.ident, "engine_id": self.engine_id}
        return {**info, "method": method} if method else info


def make_shell(
    core: Any, profile_folder: Path, traits: dict[str, dict[str, str]], base: Config | None = None
) -> EngineShell:
    """The one shell of this process. Its namespace becomes the module `__main__`.

    `base` is the profile's configuration; `traits`, from the command line, go beyond it.
    """
    config = Config(base or {})
    # Nobody scrolls back on an engine, and a thousand of them must not share one database.
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    for owner, values in traits.items():
        section = "InteractiveShell" if owner == "EngineShell" else owner
        for trait, value in values.items():
            config[section][trait] = _deferred(value)
    EngineShell.core = core
    EngineShell.profile_folder = profile_folder
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    shell = EngineShell.instance(config=config, user_module=main)
    # Pickles and `import __main__` find what users defined.
    sys.modules["__main__"] = main
    shell.kernel = Kernel(shell=shell)
    shell.kernel.user_ns = shell.user_ns
    _forbid_input()
    return shell


def _deferred(value: str) -> Any:
    from traitlets.config.loader import DeferredConfigString

    return DeferredConfigString(value)


def _forbid_input() -> None:
    import builtins
    import getpass

    def no_input(prompt: object = "", *args: object, **kwargs: object) -> str:
        raise RuntimeError("input() is not possible on an engine: nobody sits in front of it")

    builtins.input = no_input
    getpass.getpass = no_input
