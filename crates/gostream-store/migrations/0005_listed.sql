-- What clients of the TorrServer API keep here, and how far somebody watched.

-- The torrents that they list. Info dict and trackers are in `torrents`, which may know torrents that are in no list.
CREATE TABLE listed (
    hash     BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 20),
    title    TEXT    NOT NULL,
    poster   TEXT    NOT NULL,
    category TEXT    NOT NULL,
    -- Whatever the client put there.
    data     TEXT    NOT NULL,
    -- Seconds since 1970, as every time below.
    added_at INTEGER NOT NULL
) STRICT;

-- Files of torrents that were watched. `file_index` counts from 1, in the order of the API.
CREATE TABLE viewed (
    hash       BLOB    NOT NULL CHECK (length(hash) = 20),
    file_index INTEGER NOT NULL,
    -- Seconds of film.
    timecode   REAL    NOT NULL,
    viewed_at  INTEGER NOT NULL,
    PRIMARY KEY (hash, file_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX viewed_by_time ON viewed (viewed_at);

-- Where a reader stopped.
CREATE TABLE positions (
    hash         BLOB    NOT NULL CHECK (length(hash) = 20),
    file_index   INTEGER NOT NULL,
    offset_bytes INTEGER NOT NULL,
    -- Seconds of film, where they are known.
    seconds      REAL,
    saved_at     INTEGER NOT NULL,
    PRIMARY KEY (hash, file_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX positions_by_time ON positions (saved_at);
