-- What the embedded Cloud Storage knows. Times are nanoseconds since the epoch. The bytes are in files; a row is what
-- makes a file part of the storage. Bump `SCHEMA_VERSION` in database.py with every change here.

CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    metageneration INTEGER NOT NULL,
    fields TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE objects (
    bucket TEXT NOT NULL REFERENCES buckets (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    content TEXT NOT NULL,
    md5 TEXT NOT NULL,
    crc32c TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    metageneration INTEGER NOT NULL,
    components INTEGER NOT NULL,
    state INTEGER NOT NULL,
    gone_ns INTEGER NOT NULL,
    until_ns INTEGER NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (bucket, name, generation)
) WITHOUT ROWID;

CREATE UNIQUE INDEX live_objects ON objects (bucket, name) WHERE state = 0;
CREATE INDEX contents ON objects (content);
CREATE INDEX soft_deleted_objects ON objects (until_ns) WHERE state = 2;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    fields TEXT NOT NULL,
    conditions TEXT NOT NULL,
    sent TEXT NOT NULL,
    received_bytes INTEGER NOT NULL,
    total_bytes INTEGER,
    generation INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    parts INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE parts (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    content TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    md5 TEXT NOT NULL,
    crc32c TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    PRIMARY KEY (session, number)
) WITHOUT ROWID;

-- The highest generation that was ever given out: none is given twice.
CREATE TABLE generations (last INTEGER NOT NULL);
INSERT INTO generations VALUES (0);
