"""Compute Engine by google-cloud-compute."""

import json
import os

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1 as compute

PROJECT, REGION, ZONE = "clawbake-local", "us-central1", "us-central1-a"


class Token(AnonymousCredentials):
    """Sends the engine's own token."""

    def __init__(self, token):
        super().__init__()
        self.token = token

    def before_request(self, request, method, url, headers):
        headers["authorization"] = f"Bearer {self.token}"


with open(os.environ["CLAWBAKE_ENGINE"] + "/endpoint.json", encoding="utf-8") as file:
    endpoint = json.load(file)
options = ClientOptions(api_endpoint=endpoint["url"])
credentials = Token(endpoint["token"])


def client(kind):
    return kind(credentials=credentials, client_options=options)


zone_operations = client(compute.ZoneOperationsClient)
global_operations = client(compute.GlobalOperationsClient)


def done(operation):
    """Waits for an operation; `.result()` would ask Google."""
    if operation.zone:
        finished = zone_operations.wait(project=PROJECT, zone=ZONE, operation=operation.name)
    else:
        finished = global_operations.wait(project=PROJECT, operation=operation.name)
    assert finished.status == compute.Operation.Status.DONE, finished
    assert not finished.error.errors, finished


instances = client(compute.InstancesClient)
disks = client(compute.DisksClient)
snapshots = client(compute.SnapshotsClient)

boot = compute.AttachedDisk(
    boot=True,
    auto_delete=True,
    initialize_params=compute.AttachedDiskInitializeParams(disk_size_gb=1),
)
vm = compute.Instance(
    name="python",
    machine_type=f"zones/{ZONE}/machineTypes/e2-micro",
    disks=[boot],
    network_interfaces=[compute.NetworkInterface(network="global/networks/default")],
    labels={"made": "by-python"},
)
done(instances.insert_unary(project=PROJECT, zone=ZONE, instance_resource=vm))
found = instances.get(project=PROJECT, zone=ZONE, instance="python")
assert found.status == "RUNNING" and found.labels["made"] == "by-python", found

request = compute.ListInstancesRequest(
    project=PROJECT, zone=ZONE, filter='(labels.made = "by-python") AND (status = RUNNING)'
)
assert [i.name for i in instances.list(request=request)] == ["python"]
scoped = dict(instances.aggregated_list(project=PROJECT))
assert [i.name for i in scoped[f"zones/{ZONE}"].instances] == ["python"]

labels = compute.InstancesSetLabelsRequest(labels={"made": "again"}, label_fingerprint="AAAA")
try:
    instances.set_labels_unary(
        project=PROJECT, zone=ZONE, instance="python", instances_set_labels_request_resource=labels
    )
    raise AssertionError("a stale fingerprint was taken")
except Exception as error:
    assert getattr(error, "code", None) == 412, error
labels.label_fingerprint = found.label_fingerprint
done(
    instances.set_labels_unary(
        project=PROJECT, zone=ZONE, instance="python", instances_set_labels_request_resource=labels
    )
)

snapshot = compute.Snapshot(name="python", source_disk=found.disks[0].source)
done(snapshots.insert_unary(project=PROJECT, snapshot_resource=snapshot))
made = snapshots.get(project=PROJECT, snapshot="python")
assert made.status == "READY" and made.disk_size_gb == 1, made
copy = compute.Disk(name="copy", source_snapshot="global/snapshots/python")
done(disks.insert_unary(project=PROJECT, zone=ZONE, disk_resource=copy))

done(instances.stop_unary(project=PROJECT, zone=ZONE, instance="python"))
assert instances.get(project=PROJECT, zone=ZONE, instance="python").status == "TERMINATED"
done(instances.delete_unary(project=PROJECT, zone=ZONE, instance="python"))
done(disks.delete_unary(project=PROJECT, zone=ZONE, disk="copy"))
done(snapshots.delete_unary(project=PROJECT, snapshot="python"))
assert not list(instances.list(project=PROJECT, zone=ZONE))
print("compute: instances, disks, snapshots, operations, lists and fingerprints")
