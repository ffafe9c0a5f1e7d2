#!/usr/bin/env python3
"""Downloads one torrent with libtorrent from one peer alone, until standard input ends or SIGTERM arrives.

Prints {"port": N} once it listens. While it runs, each line on standard input is answered with one JSON line of
figures: pieces (here, and their hash is right), failed (bytes of pieces whose hash was wrong), peers (connected now),
offered_head (pieces that the peers say they have, of the first --head of the torrent), from_pex (peers connected now that another peer
named), choked (1 when the peer chokes us), and 1
for each way that a connection has travelled: utp, rc4, hidden_handshake (encrypted as far as that).
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

FROM_PEX = 4  # peer_info.pex


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--data", help="accepted as of a seeder, and not touched: the data goes to a directory of its own")
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--peer", help="address:port; else whom it finds")
    parser.add_argument("--alone", action="store_true", help="with --peer and nobody else, whoever is named")
    parser.add_argument("--head", type=int, default=0)
    parser.add_argument("--download-rate", type=int, default=0, help="bytes per second, 0 = no limit")
    lt_session.add_arguments(parser)
    args = parser.parse_args()

    stop = lt_session.stop_event()
    directory = tempfile.mkdtemp(prefix="taker")
    session = lt_session.make(args.listen, encryption=args.encryption, utp_only=args.utp_only, lsd=args.lsd)
    params = lt.load_torrent_file(args.torrent)
    params.save_path = directory
    params.trackers = []
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.download_rate:
        limits = {"download_rate_limit": args.download_rate, "ignore_limits_on_local_network": False}
        session.apply_settings(limits)
    port = lt_session.listen_port(session)
    handle = session.add_torrent(params)
    ways = lt_session.Ways(handle)
    if args.peer:
        host, peer_port = args.peer.rsplit(":", 1)
        if args.alone:
            nobody_else = lt.ip_filter()
            nobody_else.add_rule("0.0.0.0", "255.255.255.255", 1)
            nobody_else.add_rule(host, host, 0)
            session.set_ip_filter(nobody_else)
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
                "from_pex": sum(1 for peer in peers if peer.source & FROM_PEX),
                "choked": int(any(peer.flags & lt.peer_info.remote_choked for peer in peers)),
                **ways.figures(),
            }
            print(json.dumps(figures), flush=True)
        stop.set()

    threading.Thread(target=answer, daemon=True).start()
    stop.wait()
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
