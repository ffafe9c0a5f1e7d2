-- The first schema. 'GSTR' marks the file as ours.
PRAGMA application_id = 1196643410;

-- What is needed to play a torrent again without its magnet's swarm. The lists are JSON texts; the info dict
-- is the last column so that a listing never reads its pages.
CREATE TABLE torrents (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 20),
    name       TEXT    NOT NULL,
    added_at   INTEGER NOT NULL,
    trackers   TEXT    NOT NULL,
    web_seeds  TEXT    NOT NULL,
    peer_hints TEXT    NOT NULL,
    info_dict  BLOB
) STRICT;

-- Peers that delivered verified data, the first to be dialled on the next wake.
CREATE TABLE known_peers (
    hash             BLOB    NOT NULL,
    addr             TEXT    NOT NULL,
    rate_bytes_per_s INTEGER NOT NULL,
    rtt_us           INTEGER NOT NULL,
    last_good        INTEGER NOT NULL,
    trusted          INTEGER NOT NULL,
    PRIMARY KEY (hash, addr)
) STRICT, WITHOUT ROWID;

CREATE TABLE bans (
    ip     TEXT    NOT NULL PRIMARY KEY,
    reason TEXT    NOT NULL,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Inode numbers, for ever. An unsigned number over 2^63 is stored as the negative one with the same bits.
-- what: 'dir', 'file', or '<hash>:<index>' for a film.
CREATE TABLE inodes (
    inode INTEGER NOT NULL PRIMARY KEY,
    path  TEXT    NOT NULL,
    what  TEXT    NOT NULL,
    UNIQUE (path, what)
) STRICT;
