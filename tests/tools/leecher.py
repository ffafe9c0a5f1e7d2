#!/usr/bin/env python3
"""Downloads one torrent with libtorrent from given peers and prints what it cost.

For comparing: one JSON line {"bytes", "wall_s", "cpu_s"}, where wall counts from the first
connection attempt until the data is in the files, and cpu is this process' user and system time meanwhile.
"""

import argparse
import json
import os
import resource
import sys
import time

import libtorrent as lt

import session as lt_session


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--out", required=True, help="directory for the data: put it on tmpfs")
    parser.add_argument("--peer", action="append", default=[], help="address:port; may be repeated")
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--sequential", action="store_true")
    args = parser.parse_args()

    session = lt_session.make(args.listen)
    params = lt.load_torrent_file(args.torrent)
    params.save_path = args.out
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.sequential:
        params.flags |= lt.torrent_flags.sequential_download
    lt_session.listen_port(session)
    handle = session.add_torrent(params)
    while handle.status().state not in (
        lt.torrent_status.states.downloading,
        lt.torrent_status.states.finished,
        lt.torrent_status.states.seeding,
    ):
        time.sleep(0.005)

    started, cpu_before = time.monotonic(), cpu_seconds()
    for peer in args.peer:
        host, port = peer.rsplit(":", 1)
        handle.connect_peer((host, int(port)))
    while not handle.status().is_finished:
        if time.monotonic() - started > args.timeout:
            raise SystemExit(f"not finished after {args.timeout} s")
        time.sleep(0.01)
    # Finished means hashed; the data may still be on its way to the files, which is part of the work.
    handle.flush_cache()
    while not any(isinstance(alert, lt.cache_flushed_alert) for alert in session.pop_alerts()):
        time.sleep(0.005)
    wall, cpu = time.monotonic() - started, cpu_seconds() - cpu_before
    size = handle.status().total_wanted
    print(json.dumps({"bytes": size, "wall_s": round(wall, 4), "cpu_s": round(cpu, 4)}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
