-- Numbers that only grow, whatever the clock does: `generation` of objects, in microseconds since 1970,
-- and `creation` of resources, in milliseconds.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counter
    SELECT 'generation', coalesce(max(generation), 0) FROM object;
INSERT INTO counter
    SELECT 'creation', coalesce(max(CAST(unixepoch(body ->> 'creationTimestamp', 'subsec') * 1000 AS INTEGER)), 0)
    FROM resource;

-- Files below the engine's directory that are nobody's: `making` may still become a resource's, which
-- takes it out of here in its own transaction; `doomed` is to be removed, and stays here until it is.
-- No other file is ever removed.
CREATE TABLE file (
    path TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('making', 'doomed'))
) STRICT;
-- What disks were based on after it had been deleted.
INSERT OR IGNORE INTO file
    SELECT 'images/' || (disk.body ->> 'sourceImageId') || '.qcow2', 'doomed' FROM resource AS disk
    WHERE disk.parent LIKE '%/disks' AND disk.body ->> 'sourceImageId' IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM resource AS image WHERE image.body ->> 'id' = disk.body ->> 'sourceImageId');
INSERT OR IGNORE INTO file
    SELECT 'snapshots/' || (disk.body ->> 'sourceSnapshotId') || '.qcow2', 'doomed' FROM resource AS disk
    WHERE disk.parent LIKE '%/disks' AND disk.body ->> 'sourceSnapshotId' IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM resource AS snapshot WHERE snapshot.body ->> 'id' = disk.body ->> 'sourceSnapshotId');

-- The content is in objects/<file>: the generation is not known before the content is there.
ALTER TABLE object ADD COLUMN file TEXT NOT NULL DEFAULT '';
UPDATE object SET file = generation;

-- What has arrived is in objects/<file>. `begun` is in seconds since 1970. Once it has become an object,
-- that is in `object`, and the file is the object's.
ALTER TABLE upload ADD COLUMN file TEXT NOT NULL DEFAULT '';
ALTER TABLE upload ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE upload ADD COLUMN object TEXT;
UPDATE upload SET file = id || '.part', begun = unixepoch();
