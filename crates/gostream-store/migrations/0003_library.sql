-- How long a number has not been seen in the library, and where the library was when it last held films.

-- Seconds since 1970; NULL: it was there when the server last started.
ALTER TABLE inodes ADD COLUMN gone_since INTEGER;

-- One row at most. `filesystem` is the f_fsid of statfs(2), which stays the same when a disk is mounted again.
CREATE TABLE library_root (
    path       TEXT    NOT NULL PRIMARY KEY,
    filesystem INTEGER NOT NULL,
    inode      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
