#!/usr/bin/env python3
"""Seeds every torrent of a directory with one libtorrent session, until standard input ends or SIGTERM arrives.

For NAME.torrent the data lies below NAME/. Prints {"port": N} once all of them seed. Each line on standard input is
answered with one JSON line of figures: uploaded (payload bytes), awake (torrents with a peer now) and peers.
"""

import argparse
import json
import pathlib
import sys
import time

import libtorrent as lt

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import session as lt_session  # noqa: E402

START_S = 60


def seed(session, torrent):
    params = lt.load_torrent_file(str(torrent))
    params.save_path = str(torrent.with_suffix(""))
    params.flags |= lt.torrent_flags.seed_mode
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return session.add_torrent(params)


def figures(handles):
    status = [handle.status() for handle in handles]
    return {
        "uploaded": sum(one.total_payload_upload for one in status),
        "awake": sum(one.num_peers > 0 for one in status),
        "peers": sum(one.num_peers for one in status),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--listen", default="127.0.0.1:0", help="address:port, port 0 picks a free one")
    args = parser.parse_args()

    stop = lt_session.stop_event()
    session = lt_session.make(args.listen)
    port = lt_session.listen_port(session)
    handles = [seed(session, torrent) for torrent in sorted(args.directory.glob("*.torrent"))]
    end = time.monotonic() + START_S
    while not all(handle.status().is_seeding for handle in handles):
        if time.monotonic() > end:
            raise SystemExit("not all torrents seed")
        time.sleep(0.05)
    print(json.dumps({"port": port}), flush=True)

    lt_session.answer_lines(stop, lambda: figures(handles))


if __name__ == "__main__":
    main()
