#!/usr/bin/env python3
"""libtorrent from a magnet to its metadata: prints one JSON line {"ready": true}, waits for a line, and prints {"seconds": S}.

The clock runs from add_torrent to the alert that the metadata is here. TCP without encryption, as all peers of the
lab speak nothing else, and many connection attempts at once.
"""

import json
import sys
import tempfile
import time

import libtorrent as lt

from lt_stream import SETTINGS

LIMIT_S = 60


def main():
    magnet, connections = sys.argv[1], int(sys.argv[2])
    category = lt.alert.category_t
    session = lt.session(
        {
            **SETTINGS,
            "listen_interfaces": "127.0.0.1:0",
            "connections_limit": connections,
            "alert_mask": category.status_notification | category.error_notification,
        }
    )
    while not session.listen_port():
        time.sleep(0.01)
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    with tempfile.TemporaryDirectory() as place:
        started = time.monotonic()
        params = lt.parse_magnet_uri(magnet)
        params.save_path = place
        params.max_connections = connections
        params.flags &= ~lt.torrent_flags.auto_managed
        params.flags &= ~lt.torrent_flags.paused
        session.add_torrent(params)
        while time.monotonic() < started + LIMIT_S:
            session.wait_for_alert(1_000)
            if any(isinstance(alert, lt.metadata_received_alert) for alert in session.pop_alerts()):
                print(json.dumps({"seconds": time.monotonic() - started}), flush=True)
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
