"""The life of an engine's process: register, make a shell, run tasks, leave.

Registering comes first and is done by the native thread; IPython is imported meanwhile, so that an
engine takes part in the cluster a tenth of a second after its process started.
"""

import faulthandler
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from . import mpi
from .options import HELP, Options, UsageError, parse
from .profile import read_config, run_startup
from .resources import Offer

# As in src/engine/membership.h.
EXIT_USAGE = 64
EXIT_NO_CONNECTION_FILE = 66

# How long the process may take to end once its tasks have: threads that users left running end with
# it.
EXIT_GRACE = 2.0  # seconds


def run(arguments: list[str]) -> int:
    # Interrupts are for tasks: until the worker handles them, there is nothing to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        options = parse(arguments)
        if options.show:
            return show(options.show)
        if options.log_format:
            # For the native part, too, and for engines' own children.
            os.environ["ENGINEROOM_LOG_FORMAT"] = options.log_format
        offer = make_offer(options)
        config = read_config(options)
        if options.use_mpi:
            # Before registering: an engine that clients see has MPI, and its rank for its id.
            join_mpi(options)
        preload(options.preload)
        connection = find_connection(options)
    except UsageError as error:
        say(str(error))
        return EXIT_USAGE
    except TimeoutError as error:
        say(str(error))
        return EXIT_NO_CONNECTION_FILE
    if options.unknown:
        say(f"ignoring unknown options: {' '.join(options.unknown)}")
    return serve(options, connection, config, offer)


def show(what: str) -> int:
    if what == "version":
        from .. import _core

        print(_core.__version__)
    else:
        print(HELP, end="")
    return 0


def say(message: str) -> None:
    """A line for the person who started the engine, or for the log of the launcher."""
    line = f"engineroom-engine: {message}"
    if os.environ.get("ENGINEROOM_LOG_FORMAT") == "json":
        from ..util import utcnow

        when = utcnow().isoformat().replace("+00:00", "Z")
        event = {"time": when, "level": "warning", "program": "engine", "pid": os.getpid()}
        line = json.dumps({**event, "message": message})
    print(line, file=sys.stderr, flush=True)


def join_mpi(options: Options) -> None:
    try:
        rank = mpi.join()
    except mpi.MPIUnavailable as error:
        raise UsageError(str(error)) from None
    if options.requested_id < 0 and rank is not None:
        options.requested_id = rank


def preload(modules: tuple[str, ...]) -> None:
    for name in modules:
        try:
            module = importlib.import_module(name)
            if name == "ipyparallel":
                # Its first packing looks for NumPy.
                module.serialize_object(None)
        except Exception as error:
            # Who needs it is told so, too.
            say(f"--preload={name}: {type(error).__name__}: {error}")


# ---- the controller ----


def find_connection(options: Options) -> str:
    """The text of the connection file. Waits for it, as engines may start before the controller."""
    if options.connection_info:
        return options.connection_info
    path = options.connection_file()
    deadline = time.monotonic() + options.timeout if options.timeout > 0 else None
    said = False
    while (text := read_connection(path)) is None:
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(
                f"no connection file {path} after {options.timeout:g} s; start a controller, "
                "or give the file with --file"
            )
        if not said:
            said = True
            say(f"waiting for {path}")
        time.sleep(0.1)
    return text


def read_connection(path: Path) -> str | None:
    """The file's text; None if it is not there or not complete yet."""
    from .. import _core

    try:
        return _core.read_engine_connection(str(path))
    except FileNotFoundError:
        return None
    except ValueError as error:
        # A foreign controller may write the file in place: one that does not end like JSON is not
        # done.
        try:
            if not path.read_text().rstrip().endswith("}"):
                return None
        except OSError:
            return None
        raise UsageError(f"{path}: {error}") from None


def make_offer(options: Options) -> Offer:
    try:
        return Offer(options.resources)
    except ValueError as error:
        raise UsageError(f"what the engine is to offer: {error}; see --help") from None


def make_core(options: Options, connection: str, offer: Offer) -> Any:
    from .. import _core

    try:
        return _core.Engine(
            connection,
            requested_id=options.requested_id,
            registration_timeout=options.timeout,
            controller_gone_after=options.gone_after,
            max_missed_pings=options.max_missed_pings,
            log_level=options.log_level,
            uuid=options.uuid,
            asks_engines=options.exchange != "relayed",
            keep_bytes=max(0, options.keep_bytes),
            spill_bytes=options.spill_bytes,
            spill_dir=options.spill_dir,
            resources=offer.to_json(),
        )
    except ValueError as error:
        raise UsageError(f"the connection file is not usable: {error}") from None


# ---- tasks ----


def serve(options: Options, connection: str, config: Any, offer: Offer) -> int:
    from .. import _core

    try:
        core = make_core(options, connection, offer)
    except UsageError as error:
        say(str(error))
        return EXIT_USAGE
    if options.log_url:
        try:
            _core.forward_logs(options.log_url)
        except ValueError as error:
            say(f"--log-url={options.log_url}: {error}")
    if sys.__stderr__ is not None:
        # A crash in C code leaves a traceback in the log.
        faulthandler.enable(sys.__stderr__)
    # Mostly, IPython is imported while others hear of us. Who preloads something wants no first task
    # to wait.
    shell = make_shell(core, options, config) if options.preload else None
    core.start()
    try:
        work(core, shell or make_shell(core, options, config), options, config, offer)
    finally:
        code = core.exit_code
        core.close()
        restore_streams()
        code = 1 if code is None else code
        # Tasks may have left threads or exit handlers that never end.
        _core.exit_after(EXIT_GRACE, code)
    return code


def make_shell(core: Any, options: Options, config: Any) -> Any:
    from . import shell, worker  # noqa: F401 - the worker, too, takes a while

    return shell.make_shell(core, options.profile_folder(), options.shell, config)


def work(core: Any, shell: Any, options: Options, config: Any, offer: Offer) -> None:
    replace_streams(core)
    install_comms(core)
    core.set_kernel_info(kernel_info())

    from .worker import Worker

    worker = Worker(core, shell, offer.gpu_ids)
    run_startup(shell, options, config)
    worker.run()


def replace_streams(core: Any) -> None:
    from .streams import EngineStream

    sys.stdout = EngineStream(core, "stdout", sys.__stdout__)
    sys.stderr = EngineStream(core, "stderr", sys.__stderr__)


def install_comms(core: Any) -> None:
    """Widgets need the `comm` package; who has no widgets need not have it."""
    from importlib.util import find_spec

    if find_spec("comm") is not None:
        from .comms import install

        install(core)


def restore_streams() -> None:
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def kernel_info() -> str:
    import platform

    import IPython

    from .. import _core

    version = platform.python_version()
    return json.dumps(
        {
            "status": "ok",
            "protocol_version": "5.3",
            "implementation": "engineroom",
            "implementation_version": _core.__version__,
            "language_info": {
                "name": "python",
                "version": version,
                "mimetype": "text/x-python",
                "codemirror_mode": {"name": "ipython", "version": 3},
                "pygments_lexer": "ipython3",
                "nbconvert_exporter": "python",
                "file_extension": ".py",
            },
            "banner": f"engineroom engine: Python {version}, IPython {IPython.__version__}",
            "help_links": [],
        }
    )
