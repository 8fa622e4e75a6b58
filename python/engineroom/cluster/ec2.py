"""Engines on rented machines: EC2 instances that are started, bootstrapped, used by ssh and ended.

`pip install 'engineroom[ec2]'`; boto3 finds the credentials. The rest is ssh.py: the controller
stays on the loopback interface here, and engines come to it by tunnels.

Money is what must not be lost. Everything is tagged with the engine set, and ended by that tag, not
by a list that may be incomplete: by stop(), when a start fails half-way, when the last engine has
ended, and by the guardian should this program be killed. And where none of these can happen, each
instance ends itself after `max_hours`: it is told so when it boots, before anything else.
"""

from __future__ import annotations

import asyncio
import math
import os
import shlex
import sys
import time
from typing import Any

from traitlets import Bool, Dict, Float, Integer, List, Unicode

from . import files, guardian
from .base import LauncherError, NotRunning
from .ssh import SSHEngineSetLauncher

TAG = "engineroom-set"
LOG_FILE = "/var/log/engineroom-bootstrap.log"
_POLL = 2.0  # seconds between questions to EC2
_LIVING = ["pending", "running", "stopping", "stopped"]

# First of all the end: whatever fails below, it comes. Then what the user wants installed.
_SCRIPT = """#!/bin/sh
shutdown -h +{minutes}
sh -e -c {bootstrap} >{log} 2>&1
echo $? >{ready}.new && chmod 644 {ready}.new {log} && mv {ready}.new {ready}
"""


def user_data(bootstrap: str, max_hours: float, ready_file: str) -> str:
    """The script that an instance runs, as root, when it boots."""
    return _SCRIPT.format(
        minutes=math.ceil(max_hours * 60),
        bootstrap=shlex.quote(bootstrap or ":"),
        log=LOG_FILE,
        ready=shlex.quote(ready_file),
    )


class EC2EngineSetLauncher(SSHEngineSetLauncher):
    """A set of engines on instances of EC2."""

    region = Unicode(config=True, help="Default: what boto3 is configured to.").tag(to_dict=True)
    image_id = Unicode(config=True, help="The AMI, such as ami-0123; it must be given.")
    instance_type = Unicode("c7i.large", config=True, help="The type of the instances.")
    engines_per_instance = Integer(2, config=True, help="How many engines each gets.")
    spot = Bool(False, config=True, help="Spot instances: cheaper, and ended when others pay more.")
    subnet_id = Unicode(config=True, help="Default: one of the default network.")
    private_address = Bool(False, config=True, help="Reach instances within their own network.")
    key_name = Unicode(config=True, help="A key pair there; default: one for this set alone.")
    key_file = Unicode(config=True, help="The file with its private key.")
    security_group_ids = List(
        Unicode(), config=True, help="Groups that let ssh in; default: one for this set alone."
    )
    ssh_from = Unicode(config=True, help="Who may come by ssh to that group, as 203.0.113.7/32.")
    bootstrap = Unicode(config=True, help="Shell commands that root runs first: pip install …")
    boot_timeout = Float(300.0, config=True, help="Seconds for instances to be there.")
    max_hours = Float(12.0, config=True, help="An instance ends itself after so many hours.")
    tags = Dict(config=True, help="Further tags.")
    ready_file = Unicode(
        "/var/tmp/engineroom-ready", config=True, help="There when an instance is bootstrapped."
    )
    # What everything of this set is tagged with.
    tag = Unicode().tag(to_dict=True)

    not_adaptive = ""
    engine_count = None  # type: ignore[assignment]

    async def start(self, n: int) -> list[int]:
        self._check()
        self.tag = f"{self.cluster_id}-{self.engine_set_id}"
        if self.guarded:
            guardian.run_at_death(self._ending())
        try:
            instances = await self._start_instances(math.ceil(n / self.engines_per_instance))
            await self._wait_for_bootstrap(instances)
            self.engines = self._shared_out(n, instances)
            pids = await super().start(n)
        except BaseException:
            self._end_instances()
            raise
        # No engine, no bill.
        self.on_stop(lambda data: self._end_instances())
        return pids

    def _check(self) -> None:
        if not self.image_id:
            raise LauncherError("which image? c.EC2EngineSetLauncher.image_id = 'ami-…'")
        if not self.security_group_ids and not self.ssh_from:
            raise LauncherError(
                "who may come by ssh? c.EC2EngineSetLauncher.ssh_from = '203.0.113.7/32' (your"
                " address), or security_group_ids"
            )
        if self.key_name and not self.key_file:
            raise LauncherError(f"where is the private key of {self.key_name!r}? Set key_file")
        if self.engines_per_instance < 1 or self.max_hours <= 0:
            raise LauncherError("engines_per_instance and max_hours must be positive")

    def _shared_out(self, n: int, hosts: list[str]) -> dict[str, int]:
        return {host: n // len(hosts) + (i < n % len(hosts)) for i, host in enumerate(hosts)}

    # ---- instances ----

    async def _start_instances(self, count: int) -> list[str]:
        """Their addresses, once they run."""
        ec2 = client(self.region)
        arguments = {
            **{"ImageId": self.image_id, "InstanceType": self.instance_type},
            **{"MinCount": count, "MaxCount": count, "KeyName": self._key(ec2)},
            "SecurityGroupIds": list(self.security_group_ids) or [self._security_group(ec2)],
            "UserData": user_data(self.bootstrap, self.max_hours, self.ready_file),
            # `shutdown` in there ends the bill, too.
            "InstanceInitiatedShutdownBehavior": "terminate",
            "TagSpecifications": [
                self._tagged("instance", Name=f"engineroom {self.tag}"),
                self._tagged("volume"),
            ],
        }
        if self.subnet_id:
            arguments["SubnetId"] = self.subnet_id
        if self.spot:
            arguments["InstanceMarketOptions"] = {"MarketType": "spot"}
        ec2.run_instances(**arguments)
        name = "PrivateIpAddress" if self.private_address else "PublicIpAddress"
        deadline = time.monotonic() + self.boot_timeout
        while True:
            found = instances_of(ec2, self.tag)
            addresses = [one[name] for one in found if one.get(name) and _runs(one)]
            if len(addresses) == count:
                return [f"{self.user}@{host}" if self.user else host for host in addresses]
            if time.monotonic() > deadline:
                states = ", ".join(sorted({one["State"]["Name"] for one in found}))
                raise LauncherError(f"{count} instances are not there yet: {states}")
            await asyncio.sleep(_POLL)

    def _tagged(self, kind: str, **more: str) -> dict[str, Any]:
        tags = {**{str(k): str(v) for k, v in self.tags.items()}, **more, TAG: self.tag}
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {"ResourceType": kind, "Tags": pairs}

    @property
    def _own_name(self) -> str:
        return f"engineroom-{self.tag}"

    def _key(self, ec2: Any) -> str:
        if self.key_name:
            return self.key_name
        tagged = [self._tagged("key-pair")]
        made = ec2.create_key_pair(KeyName=self._own_name, TagSpecifications=tagged)
        self.key_file = os.path.join(self.profile_dir, "security", f"{self._own_name}.pem")
        files.write_text(self.key_file, made["KeyMaterial"])
        return self._own_name

    def _security_group(self, ec2: Any) -> str:
        arguments: dict[str, Any] = {"TagSpecifications": [self._tagged("security-group")]}
        if self.subnet_id:
            (subnet,) = ec2.describe_subnets(SubnetIds=[self.subnet_id])["Subnets"]
            arguments["VpcId"] = subnet["VpcId"]
        made = ec2.create_security_group(
            GroupName=self._own_name, Description="ssh for engineroom", **arguments
        )
        rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
        rule["IpRanges"] = [{"CidrIp": self.ssh_from}]
        ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[rule])
        return str(made["GroupId"])

    # ---- by ssh ----

    def new_link(self, host: str) -> Any:
        # Nobody has seen these hosts before; what they say the first time is kept.
        known = os.path.join(self.profile_dir, "security", f"{self._own_name}.hosts")
        options = ["-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={known}"]
        link = super().new_link(host)
        link.add_options(["-i", os.path.expanduser(self.key_file), *options])
        return link

    async def _wait_for_bootstrap(self, hosts: list[str]) -> None:
        deadline = time.monotonic() + self.boot_timeout
        await asyncio.gather(*(self._wait_for_one(host, deadline) for host in hosts))

    async def _wait_for_one(self, host: str, deadline: float) -> None:
        link = self.new_link(host)
        try:
            while True:
                try:
                    paths = [self.ready_file, LOG_FILE]
                    # Without a shared connection yet: sshd may not be there.
                    code, log = (await link.ask("read", paths=paths, limit=4096))["texts"]
                    why = "it is still being bootstrapped"
                except LauncherError as error:
                    code, log, why = None, "", str(error)
                if code is not None:
                    break
                if time.monotonic() > deadline:
                    raise LauncherError(f"{host} is not ready: {why}")
                await asyncio.sleep(_POLL)
        finally:
            link.close()
        if code.strip() != "0":
            raise LauncherError(f"bootstrapping {host} failed ({code.strip()}): {log}")

    # ---- the end ----

    async def stop(self) -> None:
        try:
            await super().stop()
        finally:
            self._end_instances()

    def _ending(self) -> list[str]:
        return [sys.executable, "-m", __name__, self.region, self.tag]

    def _end_instances(self) -> None:
        with self._state_lock:
            end(self.region, self.tag)
            guardian.forget(self._ending())
        for suffix in ("pem", "hosts"):
            files.remove(os.path.join(self.profile_dir, "security", f"{self._own_name}.{suffix}"))

    def release(self) -> None:
        super().release()
        guardian.forget(self._ending())

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        try:
            launcher = super().from_dict(d, **kwargs)
        except NotRunning:
            # Nobody was there to see the last engine end.
            end(d["region"], d["tag"])
            raise
        launcher.on_stop(lambda data: launcher._end_instances())
        return launcher


# ---- what there is of a set ----


def client(region: str) -> Any:
    try:
        import boto3
    except ImportError:
        raise LauncherError("EC2 needs boto3: pip install 'engineroom[ec2]'") from None
    return boto3.client("ec2", region_name=region or None)


def _filters(tag: str) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{TAG}", "Values": [tag]}]


def _runs(instance: dict[str, Any]) -> bool:
    return bool(instance["State"]["Name"] == "running")


def instances_of(ec2: Any, tag: str) -> list[dict[str, Any]]:
    """Those that cost money, or will."""
    living = {"Name": "instance-state-name", "Values": _LIVING}
    pages = ec2.get_paginator("describe_instances").paginate(Filters=[*_filters(tag), living])
    return [one for page in pages for r in page["Reservations"] for one in r["Instances"]]


def end(region: str, tag: str, timeout: float = 300.0) -> None:
    """End all that has the tag: instances, then the group and the key that were made for them.

    LauncherError if some of it is still there after the time.
    """
    ec2 = client(region)
    deadline = time.monotonic() + timeout
    while left := instances_of(ec2, tag):
        # Again and again: one that was just being started may have been missing in the list.
        ec2.terminate_instances(InstanceIds=[one["InstanceId"] for one in left])
        left = instances_of(ec2, tag)
        if left and time.monotonic() > deadline:
            ids = ", ".join(one["InstanceId"] for one in left)
            raise LauncherError(f"instances are still there, and cost money: {ids}")
        if left:
            time.sleep(_POLL)
    for key in ec2.describe_key_pairs(Filters=_filters(tag))["KeyPairs"]:
        ec2.delete_key_pair(KeyName=key["KeyName"])
    _delete_groups(ec2, tag, deadline)


def _delete_groups(ec2: Any, tag: str, deadline: float) -> None:
    # A group is in use until its instances are gone for good, which takes a while.
    from botocore.exceptions import ClientError

    for group in ec2.describe_security_groups(Filters=_filters(tag))["SecurityGroups"]:
        while True:
            try:
                ec2.delete_security_group(GroupId=group["GroupId"])
                break
            except ClientError as error:
                if time.monotonic() > deadline:
                    raise LauncherError(f"{group['GroupId']} is still there: {error}") from None
                time.sleep(_POLL)


if __name__ == "__main__":
    # For the guardian.
    end(*sys.argv[1:3])
