#!/usr/bin/env python3
"""Downloads one torrent with libtorrent from one peer alone, until standard input ends or SIGTERM arrives.

Prints {"port": N} once it listens. While it runs, each line on standard input is answered with one JSON line of
figures: pieces (here, and their hash is right), failed (bytes of pieces whose hash was wrong), peers (connected now),
offered_head (pieces that the peers say they have, of the first --head of the torrent), choked (1 when the peer chokes us).
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading

import libtorrent as lt

import session as lt_session


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--data", help="accepted as of a seeder, and not touched: the data goes to a directory of its own")
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--peer", required=True, help="address:port")
    parser.add_argument("--head", type=int, default=0)
    args = parser.parse_args()

    stop = lt_session.stop_event()
    directory = tempfile.mkdtemp(prefix="taker")
    session = lt_session.make(args.listen)
    params = lt.load_torrent_file(args.torrent)
    params.save_path = directory
    params.trackers = []
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    port = lt_session.listen_port(session)
    handle = session.add_torrent(params)
    host, peer_port = args.peer.rsplit(":", 1)
    handle.connect_peer((host, int(peer_port)))
    print(json.dumps({"port": port}), flush=True)

    def answer():
        for _ in sys.stdin:
            status = handle.status()
            peers = handle.get_peer_info()
            offered = {at for peer in peers for at, has in enumerate(peer.pieces[: args.head]) if has}
            figures = {
                "pieces": status.num_pieces,
                "failed": status.total_failed_bytes,
                "peers": len(peers),
                "offered_head": len(offered),
                "choked": int(any(peer.flags & lt.peer_info.remote_choked for peer in peers)),
            }
            print(json.dumps(figures), flush=True)
        stop.set()

    threading.Thread(target=answer, daemon=True).start()
    stop.wait()
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
