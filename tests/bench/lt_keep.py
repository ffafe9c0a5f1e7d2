#!/usr/bin/env python3
"""libtorrent alone, as a player at a rate would drive it: deadlines follow the clock, the data stays in its files on
tmpfs, and nobody reads it. The least that streaming by libtorrent costs.

Prints {"ready"} and waits for a line on standard input; then {"begun"} once it is told to, and nothing more.
"""

import json
import sys
import time

from lt_stream import Streamer, arguments


def main():
    args = arguments(__doc__, 40)
    streamer = Streamer(args.torrent, args.dir, args.rate, args.connections, copy_out=False)
    while not streamer.ready():
        time.sleep(0.01)
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    with streamer.reader(0) as reader:
        print(json.dumps({"begun": True}), flush=True)
        due = time.monotonic()
        for piece in range(streamer.pieces):
            streamer.move(reader, piece)
            due += streamer.piece_ms / 1_000
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
