#!/usr/bin/env python3
"""Seeds one torrent with libtorrent until standard input ends or SIGTERM arrives.

Prints {"port": N} once it listens and the torrent is seeding. While it runs, each line on standard
input is answered with one JSON line of figures: peers (connected now), uploaded (payload bytes), and 1 for each way that a connection has travelled: utp, rc4,
hidden_handshake (encrypted as far as that).
"""

import argparse
import json
import time

import libtorrent as lt

import session as lt_session


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--data", required=True, help="the directory that holds the torrent's data")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address:port, port 0 picks a free one")
    parser.add_argument("--rate", type=int, default=0, help="upload limit in bytes per second, 0 = none")
    parser.add_argument("--tcp-only", action="store_true", help="accepted for clarity: it is always so")
    parser.add_argument("--superfluous", action="store_true", help="super-seeding: show one piece at a time")
    parser.add_argument("--check", action="store_true", help="hash all data first: of v2 it then knows the hash of every block")
    parser.add_argument("--no-tracker", action="store_true", help="do not announce")
    lt_session.add_arguments(parser)
    args = parser.parse_args()

    stop = lt_session.stop_event()
    session = lt_session.make(args.listen, args.rate, encryption=args.encryption, utp_only=args.utp_only, lsd=args.lsd)
    params = lt.load_torrent_file(args.torrent)
    params.save_path = args.data
    if not args.check:
        params.flags |= lt.torrent_flags.seed_mode
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.superfluous:
        params.flags |= lt.torrent_flags.super_seeding
    if args.no_tracker:
        params.trackers = []
    port = lt_session.listen_port(session)
    handle = session.add_torrent(params)

    ways = lt_session.Ways(handle)
    end = time.monotonic() + 30
    while not handle.status().is_seeding:
        if time.monotonic() > end:
            raise SystemExit("the torrent does not seed")
        time.sleep(0.01)
    print(json.dumps({"port": port}), flush=True)

    def figures():
        status = handle.status()
        return {"peers": status.num_peers, "uploaded": status.total_payload_upload, **ways.figures()}

    lt_session.answer_lines(stop, figures)


if __name__ == "__main__":
    main()
