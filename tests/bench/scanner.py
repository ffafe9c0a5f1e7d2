#!/usr/bin/env python3
"""Scans titles as a media server does: parallel readers, each of which reads what ffprobe was seen to read of a film.

Reads a JSON list of {"shown": path, "original": path} from standard input's first line, prints {"step": "ready"},
waits for a line, and prints one JSON line when every title was read or --limit has passed: seconds, the seconds of each
title that was read, and what failed. Every byte is compared with the original.
"""

import argparse
import collections
import json
import mmap
import os
import queue
import sys
import threading
import time

READ = 32 << 10
# [from, to) of a Matroska film by mkvmerge with chapters, a font and subtitles, in the order of the reads; what is
# negative counts from the end.
PATTERN = ((0, 338_494), (-1_102, 0), (305_961, 451_451))


class WrongByte(Exception):
    pass


class Originals:
    """The bytes that must come, mapped once a file."""

    def __init__(self, paths):
        self.maps = {}
        for path in paths:
            with open(path, "rb") as file:
                self.maps[path] = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def check(self, path, offset, data):
        if self.maps[path][offset : offset + len(data)] != data:
            raise WrongByte(f"a wrong byte in the {len(data)} bytes from {offset}")


def probe(title, originals):
    file = os.open(title["shown"], os.O_RDONLY)
    try:
        size = os.fstat(file).st_size
        for start, end in PATTERN:
            at = start + size if start < 0 else start
            end = end + size if end <= 0 else end
            while at < end:
                try:
                    data = os.pread(file, READ, at)
                except OSError as error:
                    raise OSError(error.errno, f"{error.strerror} at {at}") from error
                if not data:
                    raise OSError(f"the file ends at {at}")
                originals.check(title["original"], at, data)
                at += len(data)
    finally:
        os.close(file)


class Scan:
    def __init__(self, titles):
        self.originals = Originals({title["original"] for title in titles})
        self.waiting = queue.SimpleQueue()
        for title in titles:
            self.waiting.put(title)
        self.seconds, self.failed = [], collections.Counter()
        self.example = None

    def reader(self):
        while True:
            try:
                title = self.waiting.get_nowait()
            except queue.Empty:
                return
            started = time.monotonic()
            try:
                probe(title, self.originals)
            except (OSError, WrongByte) as error:
                kind = os.strerror(error.errno) if getattr(error, "errno", None) else str(error)
                self.failed[kind] += 1
                self.example = self.example or f"{title['shown']} after {time.monotonic() - started:.1f} s: {error}"
            else:
                self.seconds.append(time.monotonic() - started)

    def run(self, readers, limit):
        """Seconds until the last title was read, or `limit`."""
        started = time.monotonic()
        threads = [threading.Thread(target=self.reader, daemon=True) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, started + limit - time.monotonic()))
        return time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--limit", type=float, default=600, help="seconds")
    args = parser.parse_args()
    scan = Scan(json.loads(sys.stdin.readline()))
    print(json.dumps({"step": "ready"}), flush=True)
    sys.stdin.readline()
    seconds = scan.run(args.readers, args.limit)
    done = {"step": "done", "s": seconds, "titles": list(scan.seconds), "failed": dict(scan.failed), "example": scan.example}
    print(json.dumps(done), flush=True)
    # Readers that still wait for a title are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
