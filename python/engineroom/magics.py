"""`%px` and its family: cells that run on engines.

    %px CODE            one line on all engines of the active view
    %%px [options]      a cell
    %autopx             every cell from now on, until %autopx again
    %pxconfig [options] defaults for those above
    %pxresult           the output of the last cell that was not waited for

`view.activate()` connects them to a view, `view.activate("_gpu")` makes a second set, `%px_gpu` ….
After `%load_ext engineroom` the first %px connects to the running cluster. Ctrl-C while a cell runs
interrupts the engines.
"""

from __future__ import annotations

import ast
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from IPython.core import magic_arguments
from IPython.core.error import UsageError
from IPython.core.magic import Magics, no_var_expand

from . import error
from .client.collate import COLLATE_FROM

# Seconds in which engines may still report how they were interrupted, before the prompt comes back.
INTERRUPT_GRACE = 1.0
# Seconds for output that was on its way when the results came.
OUTPUT_GRACE = 1.0

_argument = magic_arguments.argument


def _apply(arguments: list[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that stands for several."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for argument in arguments:
            function = argument(function)
        return function

    return decorate


def _switch(*names: str, dest: str, value: Any, help: str) -> Any:
    return _argument(*names, dest=dest, action="store_const", const=value, help=help)


_execution_options = _apply(
    [
        _switch("-b", "--block", dest="block", value=True, help="wait for the engines"),
        _switch("-a", "--noblock", dest="block", value=False, help="return an AsyncResult at once"),
        _switch(
            "--stream",
            dest="stream",
            value=True,
            help="show output as it comes (default: of up to 15 engines)",
        ),
        _switch("--no-stream", dest="stream", value=False, help="show output at the end"),
        _argument("-t", "--targets", type=str, help="engines: 1, -1, 0,2, [0,2], 1:3, :-1, all"),
        _switch("--verbose", dest="set_verbose", value=True, help="say where each cell runs"),
        _switch("--no-verbose", dest="set_verbose", value=False, help="do not"),
        _argument(
            "--progress-after",
            dest="progress_after",
            type=float,
            metavar="SECONDS",
            help="show progress of cells that take longer; 0 at once, -1 never (default: 2)",
        ),
        _argument(
            "--signal-on-interrupt",
            dest="signal_on_interrupt",
            type=str,
            metavar="SIGNAL",
            help="what Ctrl-C sends to the engines: a name or number, 0 for none (default: SIGINT)",
        ),
    ]
)

_output_options = _apply(
    [
        _switch("-r", dest="groupby", value="order", help="same as --group-outputs=order"),
        _switch("-e", dest="groupby", value="engine", help="same as --group-outputs=engine"),
        _argument(
            "--group-outputs",
            dest="groupby",
            choices=["engine", "order", "type"],
            default="type",
            help="type: all stdout, all stderr, … (default); engine: one engine after the other; "
            "order: like type, but the first plot of each engine, then the second of each, …",
        ),
        _argument("-o", "--out", dest="save_name", metavar="NAME", help="name for the AsyncResult"),
    ]
)


class ParallelMagics(Magics):
    """The magics of one view, their names ending with `suffix`."""

    registered = True
    # Stands in until there is a client, whose view then takes over.
    provisional = False
    last_result: Any = None
    verbose = False
    progress_after_seconds: float = 2
    signal_on_interrupt: Any = "SIGINT"

    def __init__(self, shell: Any, view: Any, suffix: str = "") -> None:
        self.view = view
        self.suffix = suffix
        # Tests and other programs read the captured output at the end. None: as suits the number
        # of engines, because nobody can read what hundreds of them say at a time.
        self.stream_output = False if os.environ.get("IPP_NONINTERACTIVE") else None
        px = "px" + suffix
        self._auto = _AutoPx(self, "auto" + px)
        line = {
            px: self.px,
            "pxresult" + suffix: self.result,
            "pxconfig" + suffix: self.pxconfig,
            "auto" + px: self.autopx,
        }
        if not suffix:
            line["result"] = self.result
        self.magics = {"line": line, "cell": {px: self.cell_px, "auto" + px: self._auto.run}}
        super().__init__(shell=shell)
        _complete_options(shell, suffix)

    # ---- magics ----

    @no_var_expand
    def px(self, line: str = "") -> Any:
        """Run one line on the engines of the active view.

        >>> %px import os; print(os.getpid())
        [stdout:0] 1234
        [stdout:1] 1235
        """
        return self.parallel_execute(line)

    @magic_arguments.magic_arguments()
    @_execution_options
    @_output_options
    @_switch("--local", dest="local", value=True, help="run the cell here too")
    def cell_px(self, line: str = "", cell: str = "") -> Any:
        """Run a cell on the engines of the active view, or of `--targets`."""
        args = magic_arguments.parse_argstring(self.cell_px, line)
        block = self.view.block if args.block is None else args.block
        interrupt = args.signal_on_interrupt
        options = {
            "groupby": args.groupby,
            "save_name": args.save_name,
            "stream_output": args.stream,
            "progress_after": args.progress_after,
            "signal_on_interrupt": None if interrupt is None else parse_signal(interrupt),
        }
        saved_targets, saved_verbose = self.view.targets, self.verbose
        if args.targets:
            self.view.targets = parse_targets(args.targets, self.view.client.ids)
        if args.set_verbose is not None:
            self.verbose = args.set_verbose
        try:
            # With --local, the engines work while we do.
            block_now = block and not args.local
            result = self.parallel_execute(cell, block=block_now, **options)
            if not args.local:
                return result
            self.shell.run_cell(cell)
            if not block:
                return result
            result.get()
            result.display_outputs(args.groupby)
            return None
        finally:
            self.view.targets, self.verbose = saved_targets, saved_verbose

    @magic_arguments.magic_arguments()
    @_execution_options
    def pxconfig(self, line: str) -> None:
        """Set defaults for %px, %%px and %autopx."""
        args = magic_arguments.parse_argstring(self.pxconfig, line)
        if args.targets:
            self.view.targets = parse_targets(args.targets, self.view.client.ids)
        if args.block is not None:
            self.view.block = args.block
        if args.set_verbose is not None:
            self.verbose = args.set_verbose
        if args.stream is not None:
            self.stream_output = args.stream
        if args.progress_after is not None:
            self.progress_after_seconds = args.progress_after
        if args.signal_on_interrupt is not None:
            self.signal_on_interrupt = parse_signal(args.signal_on_interrupt)

    @magic_arguments.magic_arguments()
    @_output_options
    def result(self, line: str = "") -> None:
        """Show the output of the last %px cell, waiting for it; with -o, name its AsyncResult."""
        args = magic_arguments.parse_argstring(self.result, line)
        if self.last_result is None:
            raise UsageError("there is no result yet; run %px first")
        if args.save_name:
            self.shell.user_ns[args.save_name] = self.last_result
            return
        self.last_result.get()
        self.last_result.display_outputs(groupby=args.groupby)

    def autopx(self, line: str = "") -> None:
        """Run every cell on the engines from now on; a second %autopx ends that."""
        self._auto.toggle()

    # ---- how they work ----

    def parallel_execute(
        self,
        cell: str,
        block: bool | None = None,
        groupby: str = "type",
        save_name: str | None = None,
        stream_output: bool | None = None,
        progress_after: float | None = None,
        signal_on_interrupt: Any = None,
    ) -> Any:
        """Run code on the view's engines. None: as configured. The AsyncResult if not blocking."""
        block = self.view.block if block is None else block
        stream = self.stream_output if stream_output is None else stream_output
        after = self.progress_after_seconds if progress_after is None else progress_after
        interrupt = self.signal_on_interrupt if signal_on_interrupt is None else signal_on_interrupt
        targets = self.view.targets
        if self.verbose:
            how = "Parallel" if block else "Async parallel"
            print(f"{how} execution on engine(s): {_shorten(targets)}")
        try:
            result = self.view.execute(cell, silent=False, block=False)
        except KeyboardInterrupt:
            if block:
                # Engines may have begun already.
                self.view.client.send_signal(interrupt, targets=targets, block=True)
            raise
        result._fname = "%px"
        if stream is None:
            stream = len(result) < COLLATE_FROM
        self.last_result = result
        if save_name:
            self.shell.user_ns[save_name] = result
        if not block:
            return result
        try:
            with ExitStack() as shown:
                try:
                    if stream:
                        shown.enter_context(result.stream_output())
                    self._wait(result, after)
                    self._raise_errors(result, stream)
                except KeyboardInterrupt:
                    self._interrupt(result, interrupt, targets)
        finally:
            if not stream:
                self._show(result, groupby)
        return None

    def _show(self, result: Any, groupby: str) -> None:
        """What has not been streamed, if the cell was not interrupted before it ended."""
        if not result.done():
            print(f"Still running; %pxresult{self.suffix} waits for it.", file=sys.stderr)
            return
        result.wait_for_output(OUTPUT_GRACE)
        result.display_outputs(groupby)

    def _wait(self, result: Any, progress_after: float) -> None:
        """Wait for results and output, with a progress bar if it takes long."""
        if progress_after > 0:
            deadline = time.monotonic() + progress_after
            if result.wait(progress_after):
                result.wait_for_output(max(0.0, deadline - time.monotonic()))
        if not result.done():
            if progress_after < 0:
                result.wait()
            else:
                result.wait_interactive()
            result.wait_for_output(OUTPUT_GRACE)

    def _raise_errors(self, result: Any, stream: bool) -> None:
        try:
            result.get()
        except error.CompositeError as raised:
            if stream and result._output_ready:
                # Each traceback was shown as it came; what remains to say is how many there were.
                raise error.AlreadyDisplayedError(raised) from None
            raise

    def _interrupt(self, result: Any, signum: Any, targets: Any) -> None:
        """Ctrl-C: tell the engines, give them a moment to answer; a second Ctrl-C does not wait."""
        print(
            f"Received Keyboard Interrupt. Sending signal {signum} to engines...", file=sys.stderr
        )
        try:
            self.view.client.send_signal(signum, targets=targets, block=True)
            if signum != 0 and result.wait(INTERRUPT_GRACE):
                result.wait_for_output(INTERRUPT_GRACE)
        except KeyboardInterrupt:
            pass


class _AutoPx:
    """%autopx: turns each cell that is entered into one for the cell magic %%autopx, `run`.

    IPython sees an ordinary cell then: history, asynchronous cells and completion work as ever.
    """

    # IPython must not transform what is still being typed.
    has_side_effects = True

    def __init__(self, magics: ParallelMagics, name: str) -> None:
        self._magics = magics
        self._name = name
        self._enabled = False

    def toggle(self) -> None:
        transforms = self._magics.shell.input_transformers_cleanup
        self._enabled = not self._enabled
        if self._enabled:
            transforms.append(self)
        else:
            transforms.remove(self)
        print(f"%{self._name} {'enabled' if self._enabled else 'disabled'}")

    def __call__(self, lines: list[str]) -> list[str]:
        cell = "".join(lines)
        if not cell.strip() or cell.lstrip().startswith(f"%{self._name}"):
            return lines
        return [f"get_ipython().run_cell_magic({self._name!r}, '', {cell!r})\n"]

    @no_var_expand
    def run(self, line: str, cell: str = "") -> None:
        """Runs a cell while %autopx is on."""
        # The AsyncResult of a cell that is not waited for is for %pxresult, not for Out.
        self._magics.parallel_execute(cell)


def parse_targets(text: str, ids: list[int]) -> Any:
    """What --targets says: "all", an engine id, a list of ids, or a slice of the ids there are.

    A number is an index when negative and an id otherwise; slices count positions, as in
    `client[1:3]`.
    """
    text = text.strip().strip("'\"").strip()
    if text == "all":
        return "all"
    try:
        if ":" in text:
            parts = [int(part) if part.strip() else None for part in text.strip("[]").split(":")]
            return ids[slice(*parts)]
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        raise UsageError(
            f"targets: cannot understand {text!r}; try 1, -1, 0,2, 1:3 or all"
        ) from None
    if isinstance(value, int):
        if value < 0 and -value > len(ids):
            raise UsageError(f"targets: there are only {len(ids)} engines")
        return ids[value] if value < 0 else value
    if isinstance(value, tuple | list) and all(isinstance(item, int) for item in value):
        return list(value)
    raise UsageError(f"targets: cannot understand {text!r}; try 1, -1, 0,2, 1:3 or all")


def parse_signal(text: str) -> int | str:
    """A number, or a name that exists."""
    if text.isdigit():
        return int(text)
    name = text.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in signal.Signals.__members__:
        raise UsageError(f"no such signal: {text}")
    return name


def _shorten(targets: Any) -> str:
    if isinstance(targets, list) and len(targets) > 10:
        first, last = (", ".join(map(str, part)) for part in (targets[:4], targets[-4:]))
        return f"[{first}, ..., {last}]"
    return str(targets)


# ---- into IPython ----


def _complete_options(shell: Any, suffix: str) -> None:
    """Tab completion of options, and of engines after --targets."""
    for name, flags in (
        ("%%px" + suffix, _flags(ParallelMagics.cell_px)),
        ("%pxconfig" + suffix, _flags(ParallelMagics.pxconfig)),
        ("%pxresult" + suffix, _flags(ParallelMagics.result)),
    ):

        def complete(_: Any, event: Any, flags: list[str] = flags) -> list[str]:
            words = event.line.split()
            before = words[-1] if event.line.endswith(" ") else words[-2] if words[1:] else ""
            if before in ("-t", "--targets"):
                return [":", "all", *_engine_ids(shell, suffix)]
            if before == "--group-outputs":
                return ["engine", "order", "type"]
            return [flag for flag in flags if flag.startswith(event.symbol)]

        shell.set_hook("complete_command", complete, str_key=name)


def _flags(magic: Any) -> list[str]:
    return [flag for action in magic.parser._actions for flag in action.option_strings]


def _engine_ids(shell: Any, suffix: str) -> list[str]:
    magics = shell.magics_manager.magics["line"].get("pxconfig" + suffix)
    view = getattr(getattr(magics, "__self__", None), "view", None)
    return [str(engine_id) for engine_id in view.client.ids] if view is not None else []


class _LazyView:
    """Stands for the view of all engines of the running cluster until the first %px needs it."""

    def __init__(self) -> None:
        self.__dict__["_view"] = None

    def _connect(self) -> Any:
        if self._view is None:
            from . import Client

            try:
                client = Client()
            except (OSError, TimeoutError) as failure:
                raise UsageError(
                    f"no cluster to connect to: {failure}\nStart one with `engineroom start -n 4`, "
                    "or with Cluster(n=4).start_and_connect_sync(activate=True)"
                ) from None
            view = client[:]
            view.block = True
            self.__dict__["_view"] = view
        return self._view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connect(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._connect(), name, value)


def load_ipython_extension(ip: Any) -> None:
    """`%load_ext engineroom`: the magics, for the cluster that runs when they are first used."""
    if "px" not in ip.magics_manager.magics["line"]:
        magics = ParallelMagics(ip, _LazyView())
        magics.provisional = True
        ip.register_magics(magics)


def unload_ipython_extension(ip: Any) -> None:
    for kind in ("line", "cell"):
        for name in ("px", "pxconfig", "pxresult", "result", "autopx"):
            ip.magics_manager.magics[kind].pop(name, None)
