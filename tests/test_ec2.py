"""Engines on EC2: moto's server is the cloud, and a network namespace with a real sshd the instance."""

import subprocess
import sys

import engineroom as ipp
import pytest
import ssh_site
from engineroom.cluster import ec2
from engineroom.cluster.base import LauncherError, NotRunning
from engineroom.cluster.launcher import find_launcher_class
from traitlets.config import Config
from waiting import wait_until

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def cloud():
    """A client of it, to look at what there is."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setattr(ec2, "_POLL", 0.05)
        yield boto3.client("ec2")
    server.stop()


@pytest.fixture(scope="module")
def image(cloud):
    return cloud.describe_images()["Images"][0]["ImageId"]


@pytest.fixture
def new_cluster(cloud, image, request, tmp_path):
    def make(**settings):
        chosen = {"image_id": image, "ssh_from": "203.0.113.7/32", "boot_timeout": 20, **settings}
        config = Config({"EC2EngineSetLauncher": chosen})
        cluster = ipp.Cluster(n=3, engines="ec2", profile_dir=str(tmp_path / "p"), config=config)
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


def costing(cloud):
    found = cloud.describe_instances()["Reservations"]
    instances = [one for reservation in found for one in reservation["Instances"]]
    return [one for one in instances if one["State"]["Name"] not in ("terminated", "shutting-down")]


def left(cloud):
    groups = cloud.describe_security_groups()["SecurityGroups"]
    own = [group["GroupName"] for group in groups if group["GroupName"].startswith("engineroom")]
    return [*costing(cloud), *cloud.describe_key_pairs()["KeyPairs"], *own]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if ssh_site.missing():
        pytest.skip(ssh_site.missing())
    with ssh_site.SshSite(tmp_path_factory.mktemp("ssh"), 1) as site:
        yield site


def test_engines_on_instances(new_cluster, cloud, site, tmp_path):
    ready = tmp_path / "ready"
    cluster = new_cluster(
        key_name="mine",
        key_file=str(site.folder / "key"),
        user="root",
        # Whatever the address, it is this host.
        ssh_args=[*site.ssh_args, "-o", f"HostName={site.hosts[0]}"],
        remote_profile_dir=str(tmp_path / "there"),
        ready_file=str(ready),
        tags={"project": "climate"},
    )
    ready.write_text("0\n")
    with cluster.start_and_connect_sync() as client:
        assert client[:].apply_sync(abs, -1) == [1] * 3
        first, second = costing(cloud)
        tags = {tag["Key"]: tag["Value"] for tag in first["Tags"]}
        assert tags["project"] == "climate"
        assert tags[ec2.TAG] == cluster.engine_set.tag
        assert {first["InstanceType"], second["InstanceType"]} == {"c7i.large"}
        behaviour = cloud.describe_instance_attribute(
            InstanceId=first["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
        )
        assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
        (group,) = cloud.describe_security_groups(GroupIds=[first["SecurityGroups"][0]["GroupId"]])[
            "SecurityGroups"
        ]
        (rule,) = group["IpPermissions"]
        assert (rule["FromPort"], rule["ToPort"]) == (22, 22)
        assert [one["CidrIp"] for one in rule["IpRanges"]] == ["203.0.113.7/32"]
        # One who only has the file ends the bill, too.
        found = ipp.Cluster.from_file(cluster.cluster_file)
        assert found.engine_set.tag == cluster.engine_set.tag
        found.stop_cluster_sync()
        assert left(cloud) == []


def test_a_start_that_fails_leaves_nothing(new_cluster, cloud, tmp_path):
    cluster = new_cluster(boot_timeout=0.3, ssh_args=["-o", "ProxyCommand=false"])
    with pytest.raises(LauncherError, match="is not ready"):
        cluster.start_and_connect_sync()
    assert left(cloud) == []
    assert not [
        path for path in (tmp_path / "p" / "security").iterdir() if "engineroom" in path.name
    ]


def test_a_failed_bootstrap_is_told(new_cluster, cloud, site, tmp_path):
    (tmp_path / "ready").write_text("1\n")
    cluster = new_cluster(
        key_name="mine",
        key_file=str(site.folder / "key"),
        user="root",
        ssh_args=[*site.ssh_args, "-o", f"HostName={site.hosts[0]}"],
        ready_file=str(tmp_path / "ready"),
    )
    with pytest.raises(LauncherError, match=r"bootstrapping root@.* failed \(1\)"):
        cluster.start_and_connect_sync()
    assert left(cloud) == []


def test_nothing_outlives_a_killed_program(cloud, image, tmp_path):
    code = """
import sys
import engineroom as ipp
from traitlets.config import Config

config = Config({"EC2EngineSetLauncher": {
    "image_id": sys.argv[2], "ssh_from": "203.0.113.7/32", "ssh_args": ["-o", "ProxyCommand=false"],
}})
cluster = ipp.Cluster(n=1, engines="ec2", profile_dir=sys.argv[1], config=config)
cluster.start_cluster_sync()
"""
    command = [sys.executable, "-c", code, str(tmp_path), image]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
        wait_until(lambda: costing(cloud))
        program.kill()
    wait_until(lambda: left(cloud) == [])


def test_the_bill_ends_although_nobody_saw_the_engines_end(cloud, image):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": ec2.TAG, "Value": "t"}]}]
    cloud.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)
    noted = {"region": "", "tag": "t", "links": {}, "engines": {}}
    with pytest.raises(NotRunning):
        ec2.EC2EngineSetLauncher.from_dict(noted)
    assert costing(cloud) == []


def test_an_instance_ends_itself_first_of_all(tmp_path):
    ready = tmp_path / "it's ready"
    script = ec2.user_data("echo one\nfalse\necho two", 1.5, str(ready))
    lines = script.splitlines()
    assert lines[:2] == ["#!/bin/sh", "shutdown -h +90"]
    # As it runs there, but for the end.
    log = tmp_path / "log"
    harmless = script.replace("shutdown", ": shutdown").replace(ec2.LOG_FILE, str(log))
    subprocess.run(["sh"], input=harmless, text=True, check=True)
    assert ready.read_text() == "1\n"
    assert log.read_text() == "one\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_id": ""}, "which image"),
        ({"ssh_from": ""}, "who may come by ssh"),
        ({"key_name": "mine"}, "private key of 'mine'"),
        ({"engines_per_instance": 0}, "must be positive"),
    ],
)
def test_what_is_missing_is_asked_for(new_cluster, cloud, settings, message):
    with pytest.raises(LauncherError, match=message):
        new_cluster(**settings).start_cluster_sync()
    assert left(cloud) == []


def test_boto3_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(LauncherError, match="pip install 'engineroom.ec2.'"):
        ec2.client("")
    assert find_launcher_class("ec2", "engine") is ec2.EC2EngineSetLauncher
