"""`engineroom metrics`: a cluster's metrics for Prometheus."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

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
    try:
        client = engineroom.Client(profile_dir=profile_dir, cluster_id=args.cluster_id, timeout=5)
    except (OSError, TimeoutError) as error:
        _say(f"no cluster to ask: {error}")
        return 12
    own_file = None
    try:
        if args.token_file:
            token_file = Path(args.token_file)
            token = metrics.read_token(token_file)
        else:
            stem = (
                f"engineroom-metrics-{args.cluster_id}" if args.cluster_id else "engineroom-metrics"
            )
            own_file = token_file = Path(profile_dir) / "security" / f"{stem}.token"
            token = metrics.write_token(token_file)
        server = metrics.make_metrics_server(client, token, args.port)
    except (OSError, ValueError) as error:
        _say(f"cannot serve metrics: {error}")
        client.close()
        return 1
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"http://{metrics.LOOPBACK}:{server.server_port}/metrics", flush=True)
    _say(f"ask with the token in {token_file}:")
    _say(
        f'  curl -H "Authorization: Bearer $(cat {token_file})" http://127.0.0.1:{server.server_port}/metrics'
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        if own_file is not None:
            own_file.unlink(missing_ok=True)
        client.close()
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
