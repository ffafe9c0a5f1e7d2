-- What a torrent of version 2 needs beside its info dict (BEP 52), and what the network parts keep for themselves.

-- The whole SHA-256 of the info dict; `hash` of a torrent of version 2 alone is its first 20 bytes.
ALTER TABLE torrents ADD COLUMN hash_v2 BLOB CHECK (hash_v2 IS NULL OR length(hash_v2) = 32);

-- Hashes of pieces, a bencoded dictionary as in a .torrent file.
CREATE TABLE piece_layers (
    hash   BLOB NOT NULL PRIMARY KEY,
    layers BLOB NOT NULL
) STRICT;

-- Routing tables, and what is remembered of lists fetched; each under the name of its owner.
CREATE TABLE network (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
