"""Secret Manager by google-cloud-secret-manager."""

import json
import os

import google_crc32c
from google.api_core import exceptions
from google.cloud import secretmanager_v1 as secretmanager
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceRestTransport,
)
from google.oauth2.credentials import Credentials

with open(os.environ["CLAWBAKE_ENGINE"] + "/endpoint.json", encoding="utf-8") as file:
    endpoint = json.load(file)
client = secretmanager.SecretManagerServiceClient(
    transport=SecretManagerServiceRestTransport(
        host=endpoint["url"].removeprefix("http://"),
        url_scheme="http",
        credentials=Credentials(endpoint["token"]),
    )
)
parent = f"projects/{endpoint['project']}"


def refused(kind, call, **arguments):
    """Calls what must fail with this kind of error."""
    try:
        call(**arguments)
    except kind as error:
        return error
    raise AssertionError(f"{call.__name__} succeeded")


secret = client.create_secret(
    parent=parent,
    secret_id="python",
    secret={"replication": {"automatic": {}}, "labels": {"env": "test"}},
)
assert secret.name.endswith("/secrets/python"), secret
refused(
    exceptions.Conflict,
    client.create_secret,
    parent=parent,
    secret_id="python",
    secret={"replication": {"automatic": {}}},
)
for data in [b"first", b"second", b"third"]:
    checksum = google_crc32c.value(data)
    client.add_secret_version(
        parent=secret.name, payload={"data": data, "data_crc32c": checksum}
    )
answer = client.access_secret_version(name=f"{secret.name}/versions/latest")
assert answer.payload.data == b"third"
assert answer.payload.data_crc32c == google_crc32c.value(b"third")

secret = client.update_secret(
    secret={
        "name": secret.name,
        "etag": secret.etag,
        "labels": {"env": "prod"},
        "annotations": {"who": "python"},
        "version_aliases": {"good": 1},
    },
    update_mask={"paths": ["labels", "annotations", "version_aliases"]},
)
assert dict(secret.labels) == {"env": "prod"}, secret
assert dict(secret.annotations) == {"who": "python"}, secret
good = client.access_secret_version(name=f"{secret.name}/versions/good")
assert good.payload.data == b"first"
refused(
    exceptions.BadRequest,
    client.update_secret,
    secret={"name": secret.name, "etag": '"stale"', "labels": {}},
    update_mask={"paths": ["labels"]},
)

State = secretmanager.SecretVersion.State
first = f"{secret.name}/versions/1"
assert client.disable_secret_version(name=first).state == State.DISABLED
refused(exceptions.BadRequest, client.access_secret_version, name=first)
assert client.enable_secret_version(name=first).state == State.ENABLED
assert client.destroy_secret_version(name=first).state == State.DESTROYED
pages = client.list_secret_versions(request={"parent": secret.name, "page_size": 2})
numbers = [version.name.rpartition("/")[2] for version in pages]
assert numbers == ["3", "2", "1"], numbers
enabled = client.list_secret_versions(
    request={"parent": secret.name, "filter": "state:ENABLED"}
)
assert len(list(enabled)) == 2
found = client.list_secrets(request={"parent": parent, "filter": "labels.env=prod"})
assert [secret.name for secret in found] == [secret.name]

member = f"serviceAccount:clawbake-vm@{endpoint['project']}.iam.gserviceaccount.com"
policy = client.get_iam_policy(request={"resource": secret.name})
policy.bindings.add(role="roles/secretmanager.secretAccessor", members=[member])
client.set_iam_policy(request={"resource": secret.name, "policy": policy})
kept = client.get_iam_policy(request={"resource": secret.name})
assert list(kept.bindings[0].members) == [member]
asked = ["secretmanager.versions.access"]
held = client.test_iam_permissions(
    request={"resource": secret.name, "permissions": asked}
)
assert list(held.permissions) == asked

client.delete_secret(name=secret.name)
refused(exceptions.NotFound, client.get_secret, name=secret.name)
print("secrets are kept as on Google")
