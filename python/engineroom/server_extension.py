"""Clusters over HTTP, for Jupyter's web pages: an extension of jupyter_server.

    jupyter server extension enable engineroom

    GET     /ipyparallel/clusters          all clusters, a list
    POST    /ipyparallel/clusters          make one, as the body says; it is not started
    GET     /ipyparallel/clusters/<key>    one of them
    POST    /ipyparallel/clusters/<key>    start it, with {"n": …} engines
    DELETE  /ipyparallel/clusters/<key>    stop it, and forget it

The paths and the JSON are those of ipyparallel's extension, so that its panel in JupyterLab works
with this one. Who may ask is decided by Jupyter: whoever could start a kernel.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from traitlets import TraitError

from .cluster import ClusterManager, files

PATH = "ipyparallel/clusters"
# What a new cluster may be told: arguments of Cluster.
OPTIONS = frozenset(
    {
        *("profile", "profile_dir", "cluster_id", "n", "engines", "controller", "address", "delay"),
        *("controller_args", "controller_ip", "controller_location", "engine_timeout"),
    }
)


def model(key: str, cluster: Any) -> dict[str, Any]:
    """A cluster as JSON: what its file says, and what a page shows."""
    about = cluster.to_dict()
    about["id"] = key
    about["cluster_file"] = cluster.cluster_file
    about["cluster"]["profile"] = files.profile_of(cluster.profile_dir)
    about["engines"]["n"] = sum(engine_set["n"] for engine_set in about["engines"]["sets"].values())
    return about


def _order(about: dict[str, Any]) -> tuple[Any, ...]:
    """Running ones first, then those with the names that are the default."""
    profile, cluster_id = about["cluster"]["profile"], about["cluster"]["cluster_id"]
    return "controller" not in about, profile != "default", cluster_id != "", profile, cluster_id


class _Handler(APIHandler):
    auth_resource = "engineroom"

    @property
    def manager(self) -> ClusterManager:
        return self.settings["engineroom_clusters"]

    def cluster(self, key: str) -> Any:
        try:
            return self.manager.get_cluster(key)
        except KeyError:
            raise web.HTTPError(404, f"no cluster {key!r}") from None

    def body(self) -> dict[str, Any]:
        body = self.get_json_body() or {}
        if not isinstance(body, dict):
            raise web.HTTPError(400, "not a JSON object")
        # A form's empty fields are no wishes.
        return {name: value for name, value in body.items() if value not in (None, "")}

    def write_json(self, value: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value))


class ClustersHandler(_Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        # Those of other hosts are asked for, which takes a while.
        load = functools.partial(self.manager.load_clusters, init_default_clusters=True)
        clusters = await asyncio.to_thread(load)
        models = [model(key, cluster) for key, cluster in clusters.items()]
        self.write_json(sorted(models, key=_order))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        options = self.body()
        if unknown := options.keys() - OPTIONS:
            raise web.HTTPError(400, f"unknown: {', '.join(sorted(unknown))}")
        profile = options.get("profile", "")
        if os.path.sep in profile:
            options["profile_dir"] = options.pop("profile")
        elif profile and f"{profile}:" not in self.manager.clusters:
            # The first one of a profile is found without an id.
            options.setdefault("cluster_id", "")
        try:
            key, cluster = self.manager.new_cluster(**options)
        except KeyError as error:
            raise web.HTTPError(409, str(error.args[0])) from None
        except (TraitError, TypeError) as error:
            raise web.HTTPError(400, str(error)) from None
        self.write_json(model(key, cluster))


class ClusterHandler(_Handler):
    @web.authenticated
    @authorized
    async def get(self, key: str) -> None:
        self.write_json(model(key, self.cluster(key)))

    @web.authenticated
    @authorized
    async def post(self, key: str) -> None:
        cluster = self.cluster(key)
        n = self.body().get("n")
        if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < 0):
            raise web.HTTPError(400, f"n is to be a number of engines, not {n!r}")
        if cluster.controller is not None and cluster.controller.running:
            raise web.HTTPError(409, f"{key} runs already")
        try:
            await cluster.start_cluster(n)
        except Exception as error:
            await cluster.stop_cluster()
            raise web.HTTPError(500, f"{key} could not be started: {error}") from error
        self.write_json(model(key, cluster))

    @web.authenticated
    @authorized
    async def delete(self, key: str) -> None:
        await self.cluster(key).stop_cluster()
        self.manager.remove_cluster(key)
        self.set_status(204)
        self.finish()


def load(app: Any) -> None:
    """Add the handlers to a server."""
    app.web_app.settings["engineroom_clusters"] = ClusterManager(parent=app)
    path = url_path_join(app.web_app.settings["base_url"], PATH)
    handlers = [(path, ClustersHandler), (rf"{path}/([^/]+)", ClusterHandler)]
    app.web_app.add_handlers(".*$", handlers)
    app.log.info("engineroom: clusters at %s", path)
