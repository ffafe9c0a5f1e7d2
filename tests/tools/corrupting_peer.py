#!/usr/bin/env python3
"""A scripted BitTorrent peer with bad manners, in plain Python.

Has all data of one torrent and misbehaves as told: corrupts every k-th block it sends, everywhere or in a range, dies or
stalls after so many payload bytes, or never unchokes. Serves the metadata (BEP 9), so it may be the
first peer of a magnet. Knows BEP 3, 9 and 10, of BEP 52 how files lie in pieces, and nothing else: requests for hashes are
rejected. One thread a connection.

Prints {"port": N} once it listens (and has announced itself, with --announce). Each line on
standard input is answered with one JSON line of figures: connections (ever), connected (now),
requests, blocks, corrupted, bytes. Ends with its standard input.
"""

import argparse
import hashlib
import http.client
import json
import os
import socket
import struct
import sys
import threading
import urllib.parse

METADATA_PIECE = 16 * 1024
EXTENSION_ID = 3  # what we ask to be sent ut_metadata as


def bdecode(data, at=0):
    """(value, end) of the bencoded value at `at`; dictionary keys are bytes."""
    lead = data[at : at + 1]
    if lead == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if lead in (b"l", b"d"):
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            item, at = bdecode(data, at)
            items.append(item)
        if lead == b"l":
            return items, at + 1
        return dict(zip(items[::2], items[1::2])), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


def info_bytes(torrent):
    """The exact bytes of the info dictionary."""
    at = 1
    while torrent[at : at + 1] != b"e":
        key, value_at = bdecode(torrent, at)
        _, at = bdecode(torrent, value_at)
        if key == b"info":
            return torrent[value_at:at]
    raise SystemExit("no info dictionary")


def files_of_tree(tree, path=()):
    """The files of a torrent of v2 as v1 lists them."""
    for name, entry in tree.items():
        if b"" in entry:
            yield {b"length": entry[b""][b"length"], b"path": [*path, name]}
        else:
            yield from files_of_tree(entry, (*path, name))


def files_of(info):
    if b"pieces" in info:
        return info.get(b"files", [{b"length": info.get(b"length", 0), b"path": []}])
    files = list(files_of_tree(info[b"file tree"]))
    single = len(files) == 1 and files[0][b"path"] == [info[b"name"]]
    return [{**files[0], b"path": []}] if single else files


class Content:
    """The bytes of the torrent, whatever its files."""

    def __init__(self, info, directory):
        name = info[b"name"].decode()
        self.parts = []
        at = 0
        for entry in files_of(info):
            if b"pieces" not in info and entry[b"length"] > 0:
                at += -at % info[b"piece length"]
            padding = b"p" in entry.get(b"attr", b"")
            path = os.path.join(directory, name, *(part.decode() for part in entry[b"path"]))
            handle = None if padding else os.open(path, os.O_RDONLY)
            self.parts.append((at, entry[b"length"], handle))
            at += entry[b"length"]
        self.length = at

    def read(self, offset, length):
        out = b""
        for start, size, handle in self.parts:
            begin, end = max(offset, start), min(offset + length, start + size)
            if begin < end:
                part = bytes(end - begin) if handle is None else os.pread(handle, end - begin, begin - start)
                out += part
        return out


class Peer:
    def __init__(self, args):
        with open(args.torrent, "rb") as torrent:
            raw = torrent.read()
        self.args = args
        self.metadata = info_bytes(raw)
        info, _ = bdecode(self.metadata)
        hash_of = hashlib.sha1 if b"pieces" in info else hashlib.sha256
        self.info_hash = hash_of(self.metadata).digest()[:20]
        self.piece_length = info[b"piece length"]
        self.content = Content(info, args.data)
        self.pieces = -(-self.content.length // self.piece_length)
        self.tracker = bdecode(raw)[0].get(b"announce", b"").decode()
        self.peer_id = b"-XC0001-" + os.urandom(12)
        self.lock = threading.Lock()
        self.figures = dict(connections=0, connected=0, requests=0, blocks=0, corrupted=0, bytes=0)

    def count(self, **changes):
        with self.lock:
            for name, change in changes.items():
                self.figures[name] += change

    def announce(self, address, port):
        """Tells the tracker about us, from our own address: trackers go by the sender."""
        url = urllib.parse.urlsplit(self.tracker)
        connection = http.client.HTTPConnection(url.netloc, timeout=10, source_address=(address, 0))
        query = (
            f"info_hash={urllib.parse.quote_from_bytes(self.info_hash, safe='')}"
            f"&peer_id={urllib.parse.quote_from_bytes(self.peer_id, safe='')}"
            f"&port={port}&uploaded=0&downloaded=0&left=0&compact=1&event=started"
        )
        connection.request("GET", f"{url.path}?{query}")
        answer = connection.getresponse().read()
        if b"failure reason" in answer:
            raise SystemExit(f"the tracker refused us: {answer!r}")

    def talk(self, link):
        """One connection, from handshake to end."""
        self.count(connections=1, connected=1)
        try:
            with link, link.makefile("rb") as stream:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                theirs = exactly(stream, 68)
                if theirs[28:48] != self.info_hash:
                    return
                reserved = bytes([0, 0, 0, 0, 0, 0x10, 0, 0])
                link.sendall(b"\x13BitTorrent protocol" + reserved + self.info_hash + self.peer_id)
                if theirs[25] & 0x10:
                    head = f"d1:md11:ut_metadatai{EXTENSION_ID}ee13:metadata_sizei{len(self.metadata)}ee"
                    send(link, 20, b"\x00" + head.encode())
                bits = bytearray((self.pieces + 7) // 8)
                for piece in range(self.pieces):
                    bits[piece // 8] |= 0x80 >> (piece % 8)
                send(link, 5, bytes(bits))
                self.serve(link, stream)
        except (OSError, EOFError, ValueError):
            pass  # The other side went away or sent nonsense: both end the connection.
        finally:
            self.count(connected=-1)

    def serve(self, link, stream):
        metadata_id = None
        while True:
            (length,) = struct.unpack(">I", exactly(stream, 4))
            if length == 0:
                continue
            message = exactly(stream, length)
            kind, body = message[0], message[1:]
            if kind == 2 and not self.args.choke:
                send(link, 1, b"")
            elif kind == 6:
                self.count(requests=1)
                self.block(link, *struct.unpack(">III", body))
            elif kind == 21:
                send(link, 23, body)
            elif kind == 20 and body[0] == 0:
                metadata_id = bdecode(body, 1)[0].get(b"m", {}).get(b"ut_metadata")
            elif kind == 20 and body[0] == EXTENSION_ID and metadata_id:
                asked = bdecode(body, 1)[0]
                if asked[b"msg_type"] == 0:
                    self.metadata_piece(link, metadata_id, asked[b"piece"])

    def metadata_piece(self, link, extension, piece):
        part = self.metadata[piece * METADATA_PIECE : (piece + 1) * METADATA_PIECE]
        head = f"d8:msg_typei1e5:piecei{piece}e10:total_sizei{len(self.metadata)}ee"
        send(link, 20, bytes([extension]) + head.encode() + part)

    def block(self, link, piece, begin, length):
        args, sent = self.args, self.figures["bytes"]
        if args.choke or (args.stall_after is not None and sent >= args.stall_after):
            return
        if args.die_after is not None and sent >= args.die_after:
            os._exit(0)
        data = bytearray(self.content.read(piece * self.piece_length + begin, length))
        number = self.figures["blocks"] + 1
        low, high = args.corrupt_range
        within = low <= piece * self.piece_length + begin < high
        wrong = within and args.corrupt_every > 0 and number % args.corrupt_every == 0
        if wrong:
            data[len(data) // 2] ^= 0x01
        self.count(blocks=1, bytes=len(data), corrupted=int(wrong))
        send(link, 7, struct.pack(">II", piece, begin) + bytes(data))


def exactly(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data


def send(link, kind, body):
    link.sendall(struct.pack(">IB", len(body) + 1, kind) + body)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--data", required=True, help="the directory that holds the torrent's data")
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--announce", action="store_true", help="announce to the torrent's tracker, once")
    parser.add_argument("--corrupt-every", type=int, default=0, metavar="K", help="flip a byte in each K-th block")
    parser.add_argument(
        "--corrupt-range", type=int, nargs=2, default=(0, 1 << 62), metavar=("FROM", "TO"), help="only in these bytes of the torrent"
    )
    parser.add_argument("--die-after", type=int, metavar="BYTES", help="exit after so much payload")
    parser.add_argument("--stall-after", type=int, metavar="BYTES", help="answer no request after so much payload")
    parser.add_argument("--choke", action="store_true", help="never unchoke")
    args = parser.parse_args()

    peer = Peer(args)
    address, port = args.listen.rsplit(":", 1)
    listener = socket.create_server((address, int(port)), backlog=64)
    port = listener.getsockname()[1]
    if args.announce:
        peer.announce(address, port)
    print(json.dumps({"port": port}), flush=True)

    def accept():
        while True:
            link, _ = listener.accept()
            threading.Thread(target=peer.talk, args=(link,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    for _ in sys.stdin:
        print(json.dumps(peer.figures), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
