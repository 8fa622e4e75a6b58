"""`engineroom start` and `engines`: clusters that live as long as the command, or on their own."""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from traitlets.config.loader import Config, DeferredConfigString

from engineroom.cli import ALREADY_RUNNING, NO_CLUSTER
from engineroom.cluster import Cluster, files, listing
from engineroom.cluster.startup import wait_for_engines

log = logging.getLogger("engineroom")


def start(args: argparse.Namespace, profile_dir: str) -> int:
    running = listing.read_cluster(files.cluster_file(profile_dir, args.cluster_id))
    if running is not None and running.controller_running:
        log.error("already running: %s; stop it with `engineroom stop`", running.file)
        return ALREADY_RUNNING
    _set_up_log(args)
    if args.clean_logs:
        _remove_logs(profile_dir)
    if args.adapt and args.daemonize:
        args.parser.error("--adapt needs this program to stay: not with --daemonize")
    chosen = {
        "n": args.adapt[0] if args.adapt and args.n is None else args.n,
        "engines": args.engines,
        "address": args.address or None,
        "controller": args.controller,
        "controller_ip": args.ip or None,
        "controller_location": args.location or None,
        "controller_args": args.controller_args or None,
        "users": args.users,
        "delay": args.delay,
        "resources": args.resources,
    }
    cluster = _make_cluster(args, profile_dir, chosen)
    return asyncio.run(_start(args, cluster))


def engines(args: argparse.Namespace, profile_dir: str) -> int:
    _set_up_log(args)
    running = listing.read_cluster(files.cluster_file(profile_dir, args.cluster_id))
    connection = files.connection_files(profile_dir, args.cluster_id)["engine"]
    if running is not None and running.controller_running:
        cluster = Cluster.from_file(running.file, log=log)
        # What was there before is not ours to end.
        before = set(cluster.engines)
    elif os.path.exists(connection):
        # A controller that was started on its own leaves no cluster file, and gets none from us.
        cluster = _make_cluster(args, profile_dir, {"cluster_file": "", "shutdown_atexit": False})
        before = set()
    else:
        log.error("no cluster %r in %s; `engineroom start` makes one", args.cluster_id, profile_dir)
        return NO_CLUSTER
    if args.engines:
        cluster.engine_launcher_class = args.engines
    if args.address:
        cluster.address = args.address
    return asyncio.run(_add_engines(args, cluster, before))


async def _start(args: argparse.Namespace, cluster: Any) -> int:
    ended = _ended_by_signal(cluster, to_engines=(signal.SIGUSR1, signal.SIGUSR2))
    try:
        if not await _first(_start_and_wait(cluster), ended):
            return 130
        _report(args, cluster)
        if args.daemonize:
            return 0
        if args.adapt:
            cluster.adapt(*args.adapt)
        controller_ended = _future_of(cluster.controller.on_stop)
        await asyncio.wait({ended, controller_ended}, return_when=asyncio.FIRST_COMPLETED)
        if controller_ended.done() and not ended.done():
            log.warning("the controller has ended; stopping the engines")
        return 0
    except Exception as error:
        log.error("%s", error)
        await cluster.stop_cluster()
        return 1
    finally:
        if not args.daemonize:
            await cluster.stop_cluster()


async def _add_engines(args: argparse.Namespace, cluster: Any, before: set[str]) -> int:
    # Ctrl-C and kill go to the engines we started, and with them ends this command.
    ended = _ended_by_signal(cluster, to_engines=(signal.SIGUSR1, signal.SIGUSR2))
    options: dict[str, Any] = {} if args.daemonize else {"guarded": True}
    if args.resources:
        options["resources"] = args.resources
    try:
        key = await cluster.start_engines(args.n, **options)
    except Exception as error:
        log.error("%s", error)
        return 1
    _report(args, cluster)
    if args.daemonize:
        return 0
    engines_ended = _future_of(cluster.engines[key].on_stop)
    await asyncio.wait({ended, engines_ended}, return_when=asyncio.FIRST_COMPLETED)
    for name in set(cluster.engines) - before:
        await cluster.stop_engines(name)
    return 0


async def _start_and_wait(cluster: Any) -> bool:
    """Start, and return True when all engines are registered."""
    await cluster.start_cluster()
    client = await cluster.connect_client()
    try:
        await wait_for_engines(cluster, client, sum(s.n for s in cluster.engines.values()))
    finally:
        client.close()
    return True


async def _first(work: Any, ended: asyncio.Future[None]) -> bool:
    """The result of `work`; False if the program is to end before."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return bool(task.result())
    task.cancel()
    return False


def _ended_by_signal(cluster: Any, to_engines: tuple[int, ...]) -> asyncio.Future[None]:
    """Done after SIGINT, SIGTERM or SIGHUP; signals in `to_engines` go to the engines."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, end)
    tasks = set()
    for signum in to_engines:

        def pass_on(signum: int = signum) -> None:
            task = loop.create_task(cluster.signal_engines(signum))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        loop.add_signal_handler(signum, pass_on)
    return ended


def _future_of(on_stop: Callable[[Any], None]) -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def done() -> None:
        if not future.done():
            future.set_result(None)

    def stopped(data: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(done)

    on_stop(stopped)
    return future


def _make_cluster(args: argparse.Namespace, profile_dir: str, chosen: dict[str, Any]) -> Any:
    options = {name: value for name, value in chosen.items() if value is not None}
    options.setdefault("shutdown_atexit", not args.daemonize)
    config = _read_config(args.config_args)
    return Cluster(
        profile_dir=profile_dir, cluster_id=args.cluster_id, config=config, log=log, **options
    )


def _read_config(arguments: list[str]) -> Config:
    """Settings like --Class.trait=value."""
    config = Config()
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        section, _, trait = name.partition(".")
        literal = value.startswith(("[", "{"))
        # The trait decides what other text means.
        config[section][trait] = ast.literal_eval(value) if literal else DeferredConfigString(value)
    return config


def _set_up_log(args: argparse.Namespace) -> None:
    level = args.log_level or "WARNING"
    logging.basicConfig(format="engineroom: %(message)s", stream=sys.stderr)
    log.setLevel(int(level) if level.isdigit() else level.upper())


def _remove_logs(profile_dir: str) -> None:
    folder = os.path.join(profile_dir, "log")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith(("ipengine-", "ipcontroller-")):
            files.remove(os.path.join(folder, name))


def _report(args: argparse.Namespace, cluster: Any) -> None:
    info = listing.read_cluster(cluster.cluster_file) if cluster.cluster_file else None
    if args.json:
        print(json.dumps(info.as_json() if info else {}, indent=2), flush=True)
        return
    if args.log_level == "ERROR":
        return
    count = sum(engine_set.n for engine_set in cluster.engines.values())
    where = f"Client({_client_arguments(args)})"
    engines = "1 engine" if count == 1 else f"{count} engines"
    if args.daemonize:
        end = f"`engineroom stop{_stop_arguments(args)}` ends it"
    else:
        end = "Ctrl-C ends it"
    print(f"{engines} at your service: {where}; {end}", file=sys.stderr, flush=True)
    for user in cluster.users:
        print(f"for {user}: Client({cluster.user_file(user)!r})", file=sys.stderr, flush=True)


def _client_arguments(args: argparse.Namespace) -> str:
    names = ("profile", "profile_dir", "cluster_id")
    given = [(name, getattr(args, name)) for name in names if getattr(args, name)]
    return ", ".join(f"{name}={value!r}" for name, value in given)


def _stop_arguments(args: argparse.Namespace) -> str:
    profile = f" --profile {args.profile}" if args.profile else ""
    profile += f" --profile-dir {args.profile_dir}" if args.profile_dir else ""
    return profile + (f" {args.cluster_id}" if args.cluster_id else "")
