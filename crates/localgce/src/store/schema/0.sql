-- The tables as they were before versions were counted, so there may be a database that has them.

-- Compute Engine's resources; the body is what the API answers.
CREATE TABLE IF NOT EXISTS resource (
    path TEXT PRIMARY KEY,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS resource_parent ON resource (parent, name);

-- Requests that were served, by the id that the client gave them.
CREATE TABLE IF NOT EXISTS request (
    id TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    verb TEXT NOT NULL,
    operation TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS guest_attribute (
    instance TEXT NOT NULL,
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (instance, namespace, key)
) STRICT;

CREATE TABLE IF NOT EXISTS group_member (
    instance_group TEXT NOT NULL,
    instance TEXT NOT NULL,
    UNIQUE (instance_group, instance)
) STRICT;

CREATE TABLE IF NOT EXISTS secret (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    policy TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS secret_version (
    secret TEXT NOT NULL REFERENCES secret (name) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    payload BLOB,
    PRIMARY KEY (secret, number)
) STRICT;

CREATE TABLE IF NOT EXISTS bucket (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
-- The content is in the file objects/<generation>.
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL REFERENCES bucket (name),
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) STRICT;
-- Uploads under way; what has arrived is in the file objects/<id>.part.
CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    metadata TEXT NOT NULL
) STRICT;

-- Projects that the owner has; the body is Resource Manager's, version 3.
CREATE TABLE IF NOT EXISTS project (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    body TEXT NOT NULL,
    billing_account TEXT
) STRICT;
-- Services that are enabled.
CREATE TABLE IF NOT EXISTS service (
    project TEXT NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    PRIMARY KEY (project, name)
) STRICT;
CREATE TABLE IF NOT EXISTS service_account (
    email TEXT PRIMARY KEY,
    project TEXT NOT NULL REFERENCES project (id),
    body TEXT NOT NULL
) STRICT;
-- Custom roles, by projects/P/roles/R.
CREATE TABLE IF NOT EXISTS role (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
-- IAM policies of projects, service accounts and buckets, by their resource's name.
CREATE TABLE IF NOT EXISTS policy (
    resource TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
-- Operations of Service Usage and Resource Manager.
CREATE TABLE IF NOT EXISTS long_operation (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
