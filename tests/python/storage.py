"""Cloud Storage by google-cloud-storage."""

import io
import json
import os
import random

from google.api_core import exceptions
from google.cloud import storage
from google.oauth2.credentials import Credentials

with open(os.environ["CLAWBAKE_ENGINE"] + "/endpoint.json", encoding="utf-8") as file:
    endpoint = json.load(file)
client = storage.Client(
    project=endpoint["project"],
    credentials=Credentials(endpoint["token"]),
    client_options={"api_endpoint": endpoint["url"]},
)

bucket = client.bucket("python-bucket")
bucket.iam_configuration.uniform_bucket_level_access_enabled = True
bucket.add_lifecycle_delete_rule(age=7)
bucket = client.create_bucket(bucket, location="us-central1")
bucket.labels = {"env": "test"}
bucket.patch()
bucket = client.get_bucket("python-bucket")
assert bucket.labels == {"env": "test"}, bucket.labels
assert bucket.iam_configuration.uniform_bucket_level_access_enabled
assert [rule["condition"] for rule in bucket.lifecycle_rules] == [{"age": 7}]
assert [found.name for found in client.list_buckets()] == ["python-bucket"]

policy = bucket.get_iam_policy(requested_policy_version=3)
viewers = {"role": "roles/storage.objectViewer", "members": {"user:a@example.com"}}
policy.bindings.append(viewers)
bucket.set_iam_policy(policy)
assert viewers in bucket.get_iam_policy(requested_policy_version=3).bindings
asked = ["storage.objects.get"]
assert bucket.test_iam_permissions(asked) == asked

small = bucket.blob("dir/small")
small.metadata = {"who": "python"}
small.upload_from_string("hello", content_type="text/plain", checksum="crc32c")
content = random.Random(1).randbytes(3 << 20)
big = bucket.blob("big", chunk_size=1 << 20)
big.upload_from_file(io.BytesIO(content), checksum="md5")
# By its name: an answer's mediaLink leads to Google, as all links of the engine do.
big = bucket.blob("big", chunk_size=1 << 20)
assert big.download_as_bytes() == content
assert big.download_as_bytes(start=5, end=9) == content[5:10]
assert bucket.get_blob("dir/small").metadata == {"who": "python"}

try:
    small.upload_from_string("other", if_generation_match=0)
    raise AssertionError("an object that is there was replaced")
except exceptions.PreconditionFailed:
    pass
small.content_type = "text/html"
small.patch(if_metageneration_match=1)
assert bucket.get_blob("dir/small").metageneration == 2

copy = bucket.copy_blob(small, bucket, "dir/copy")
assert copy.crc32c == small.crc32c
joined = bucket.blob("joined")
joined.compose([small, copy])
assert bucket.blob("joined").download_as_text() == "hellohello"
listed = client.list_blobs("python-bucket", delimiter="/", page_size=1)
assert [blob.name for blob in listed] == ["big", "joined"]
assert listed.prefixes == {"dir/"}, listed.prefixes

bucket.delete(force=True)
assert client.lookup_bucket("python-bucket") is None
print("objects are kept as on Google")
