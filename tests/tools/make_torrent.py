#!/usr/bin/env python3
"""Makes a .torrent of a file or directory with libtorrent.

Prints one JSON line: the info hash (hex), the torrent's name, the path and length of its files,
the piece length and the magnet link. The tests use it so that what GoStream reads was written by
somebody else.
"""

import argparse
import json
import os
import sys

import libtorrent as lt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="the file or directory to share")
    parser.add_argument("--out", required=True, help="the .torrent to write")
    parser.add_argument("--piece-size", type=int, default=1 << 20, help="bytes, a power of two")
    parser.add_argument("--tracker", action="append", default=[], help="announce URL; may be repeated")
    parser.add_argument("--hybrid", action="store_true", help="v1 and v2 in one (else v1)")
    parser.add_argument("--v2", action="store_true", help="v2 alone")
    parser.add_argument("--private", action="store_true")
    args = parser.parse_args()

    data = os.path.abspath(args.data)
    # The order of a v1 torrent is the order given here: sorted, so that the same tree has the same hash.
    files = sorted(lt.list_files(data), key=lambda entry: entry.filename)
    flags = 0 if args.hybrid else lt.create_torrent.v2_only if args.v2 else lt.create_torrent.v1_only
    torrent = lt.create_torrent(files, piece_size=args.piece_size, flags=flags)
    for tier, url in enumerate(args.tracker):
        torrent.add_tracker(url, tier)
    torrent.set_priv(args.private)
    torrent.set_creator("make_torrent.py")
    lt.set_piece_hashes(torrent, os.path.dirname(data))
    encoded = lt.bencode(torrent.generate())
    with open(args.out, "wb") as out:
        out.write(encoded)

    params = lt.load_torrent_buffer(encoded)
    info = params.ti
    layout = info.layout()
    listed = [
        {"path": layout.file_path(index), "length": layout.file_size(index)}
        for index in range(layout.num_files())
    ]
    print(
        json.dumps(
            {
                # The name that peers and trackers know it by.
                "info_hash": str(info.info_hashes().v2)[:40] if args.v2 else str(info.info_hashes().v1),
                "name": layout.name(),
                "files": listed,
                "piece_length": layout.piece_length(),
                "magnet": lt.make_magnet_uri(params),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
