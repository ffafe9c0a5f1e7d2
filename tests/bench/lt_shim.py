#!/usr/bin/env python3
"""A small HTTP server in front of libtorrent's piece deadlines, so that a player can read a film from it.

Prints {"url": ...} once it waits. Nothing is connected until the first request. Answers one file: GET with a range.
"""

import http.server
import json
import select
import socket
import time

from lt_stream import Streamer, arguments


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    streamer = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        streamer = self.streamer
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206)
        self.send_header("Content-Length", str(streamer.size - start))
        self.send_header("Content-Range", f"bytes {start}-{streamer.size - 1}/{streamer.size}")
        self.end_headers()
        self.wfile.flush()
        # No more waits in the socket than a player buffers anyway.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        try:
            with streamer.reader(start) as reader:
                while start < streamer.size:
                    data = streamer.read(reader, start, self.is_open)
                    if data is None:
                        break
                    self.connection.sendall(data)
                    start += len(data)
        except OSError:
            pass  # the player went elsewhere
        self.close_connection = True

    def is_open(self):
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""


def main():
    args = arguments(__doc__, 25)
    Handler.streamer = Streamer(args.torrent, args.dir, args.rate, args.connections)
    while not Handler.streamer.ready():
        time.sleep(0.01)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}/film"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
