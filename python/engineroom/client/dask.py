"""become_dask: a Dask cluster of engines, for work that is written for Dask."""

from typing import TYPE_CHECKING, Any

from .. import dask as remote

if TYPE_CHECKING:
    from .client import Client

LOOPBACK = "127.0.0.1"


def become_dask(
    client: "Client",
    targets: Any,
    port: int,
    nanny: bool,
    scheduler_args: dict[str, Any] | None,
    worker_args: dict[str, Any],
) -> Any:
    """See Client.become_dask."""
    import distributed

    view = client.direct_view(targets)
    options = dict(scheduler_args or {})
    if not {"host", "interface"} & set(options):
        hosts = {*client[:].apply_sync(remote.hostname), remote.hostname()}
        if len(hosts) > 1:
            raise ValueError(
                f"engines and client are on several hosts ({', '.join(sorted(hosts))}): say where"
                " Dask's scheduler is to listen, scheduler_args={'host': ...}. Dask asks for no"
                " key, so let nobody else reach that address"
            )
        options["host"] = LOOPBACK
        worker_args = {"host": LOOPBACK, **worker_args}
    address = client[client.ids[0]].apply_sync(remote.start_scheduler, port, options)
    view.apply_async(remote.start_worker, address, nanny, worker_args).get()
    return distributed.Client(address)


def stop_dask(client: "Client", targets: Any) -> None:
    """See Client.stop_dask."""
    client.direct_view(targets).apply_async(remote.stop_worker).get()
    client[:].apply_async(remote.stop_scheduler).get()
