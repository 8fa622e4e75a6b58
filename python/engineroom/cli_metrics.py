"""`engineroom metrics`: a cluster's metrics for Prometheus."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

DEFAULT_PORT = 9464


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"of 127.0.0.1 to listen on; 0: a free one ({DEFAULT_PORT})",
    )
    command.add_argument(
        "--token-file",
        metavar="FILE",
        help="with the token that is asked for, readable by you alone (default: a new one, in the "
        "profile's folder security)",
    )
    command.set_defaults(run=run, parser=command)


def run(args: argparse.Namespace) -> int:
    """Until Ctrl-C or SIGTERM."""
    try:
        from engineroom import metrics
    except ImportError:
        _say("metrics need prometheus_client: pip install 'engineroom[metrics]'")
        return 1
    import engineroom
    from engineroom.cluster import files

    profile_dir = args.profile_dir or files.profile_path(args.profile)
    # From now on: whenever it comes, no token stays behind.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        client = engineroom.Client(profile_dir=profile_dir, cluster_id=args.cluster_id, timeout=5)
    except (OSError, TimeoutError) as error:
        _say(f"no cluster to ask: {error}")
        return 12
    except KeyboardInterrupt:
        return 0
    try:
        with closing(client), _token_file(args, Path(profile_dir)) as token_file:
            token = metrics.read_token(token_file)
            with metrics.make_metrics_server(client, token, args.port) as server:
                _serve(server, token_file)
    except (OSError, ValueError) as error:
        _say(f"cannot serve metrics: {error}")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


@contextmanager
def _token_file(args: argparse.Namespace, profile_dir: Path) -> Iterator[Path]:
    """The one that was given, or a new one, which goes in the end."""
    from engineroom import metrics

    if args.token_file:
        yield Path(args.token_file)
        return
    stem = f"engineroom-metrics-{args.cluster_id}" if args.cluster_id else "engineroom-metrics"
    own = profile_dir / "security" / f"{stem}.token"
    try:
        metrics.write_token(own)
        yield own
    finally:
        own.unlink(missing_ok=True)


def _serve(server: Any, token_file: Path) -> None:
    url = f"http://{server.server_address[0]}:{server.server_port}/metrics"
    print(url, flush=True)
    _say(f"ask with the token in {token_file}:")
    _say(f'  curl -H "Authorization: Bearer $(cat {token_file})" {url}')
    server.serve_forever()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
