-- What was removed by a person and shall not come back by itself.
CREATE TABLE refused (
    hash  BLOB NOT NULL PRIMARY KEY,
    -- The normalised title, when the whole title is refused and not this release alone; else empty.
    title TEXT NOT NULL,
    -- Seconds since 1970.
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
