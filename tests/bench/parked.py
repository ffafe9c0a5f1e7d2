#!/usr/bin/env python3
"""Reads of a film that is shared, alone and beside 200 readers parked on titles that nobody shares.

In each round so many reads of 64 KiB, past the kernel's pages and at places of chance, are timed with nobody beside them,
and again when every parked reader is known to stand in its read. Half of those read with O_DIRECT. They are freed by
removing their titles, so that each round has titles of its own. Both ways lie in every round and take turns at being first,
so that other work on the machine falls on both. Exit code 1 when a bar is missed.

The film is read without a pause, also while the others come: libtorrent sends with a tenth of its speed for up to a second
after it had nothing to send for one, and what is queued before a read then takes several times as long.
"""

import argparse
import itertools
import json
import mmap
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

from clients import child
from machine import machine
from process import MIB, Failure, conclude
from rig import Rig
from server import Server
from table import table

HERE = pathlib.Path(__file__).resolve().parent
BLOCK = 64 * 1024
PARK_S = 60
# In which two hundred torrents wake, and find out that nobody is there. With nobody beside it the film is read as long
# before its reads are timed.
WAKE_S = 3
# For longer than the bench takes nothing but the removal of its title frees a reader.
SETTINGS = {"read_deadline_seconds": 600, "read_ahead_budget_mb": 64, "warm_cache": False}
MEDIAN_BAR, TAIL_BAR = 1.25, 2.0


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./bench parked", description=__doc__)
    parser.add_argument("--readers", type=int, default=200, metavar="N", help="parked readers (200)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="(5)")
    parser.add_argument("--reads", type=int, default=300, metavar="N", help="timed reads of each kind in a round (300)")
    parser.add_argument("--size", type=int, default=512, metavar="MIB", help="of the film (512)")
    parser.add_argument("--server", required=True, help="the gostream binary")
    return parser.parse_args()


def dead_titles(server, rounds, readers):
    """The names of so many titles for each round, of torrents whose only peer and only tracker are closed ports."""
    folder = server.place / "data" / "library" / "movies"
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(rounds * readers):
        info_hash = f"{number:08x}{0xDEAD:032x}"
        # Who cannot ask the tracker waits for it.
        magnet = f"magnet:?xt=urn:btih:{info_hash}&x.pe=127.0.0.9:9&tr=http://127.0.0.9:9/announce"
        url = f"http://127.0.0.1:8090/stream?link={info_hash}&index=0&play"
        stub = {"url": url, "size": 1 << 30, "magnet": magnet, "imdb": ""}
        names.append(f"Dead {number} (2026)_{info_hash[32:]}.mkv")
        (folder / names[-1]).write_text(json.dumps(stub))
    return [names[at : at + readers] for at in range(0, len(names), readers)]


def reads_of(pid, threads):
    """How many of these threads stand in read(2)."""
    number = {"x86_64": "0", "aarch64": "63"}[os.uname().machine]
    found = 0
    for thread in threads:
        try:
            found += pathlib.Path(f"/proc/{pid}/task/{thread}/syscall").read_text().split()[0] == number
        except OSError:
            pass
    return found


def parked(titles):
    """A process whose threads all wait for their titles; a context manager."""
    return child([sys.executable, "-B", HERE / "parker.py", *titles], stdin=subprocess.DEVNULL)


def wait_until_parked(process, count):
    threads = [int(process.stdout.readline()) for _ in range(count)]
    end = time.monotonic() + PARK_S
    while reads_of(process.pid, threads) < count:
        if time.monotonic() > end:
            raise Failure(f"{reads_of(process.pid, threads)} of {count} readers wait")
        time.sleep(0.05)
    return threads


class Film:
    """The film that is shared, open. Every read takes the seconds that it returns."""

    def __init__(self, path, size):
        self.size = size
        self.places = random.Random(1)
        self.page = mmap.mmap(-1, BLOCK)
        self.file = os.open(path, os.O_RDONLY | os.O_DIRECT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.file)

    def read(self):
        place = self.places.randrange(self.size // BLOCK) * BLOCK
        started = time.monotonic()
        if os.preadv(self.file, [self.page], place) != BLOCK:
            raise Failure(f"a short read at {place}")
        return time.monotonic() - started

    def reads(self, count):
        return [self.read() for _ in range(count)]

    def read_for(self, seconds):
        end = time.monotonic() + seconds
        took = []
        while time.monotonic() < end:
            took.append(self.read())
        return took


def without(args, film):
    film.read_for(WAKE_S)
    return film.reads(args.reads)


def beside_parked(args, mount, film, names):
    """The reads while the others come and their torrents wake, and those beside all of them."""
    titles = [mount / "movies" / name for name in names]
    with parked(titles) as process:
        meanwhile = film.read_for(WAKE_S)
        threads = wait_until_parked(process, len(titles))
        took = film.reads(args.reads)
        left = reads_of(process.pid, threads)
        if left != len(titles):
            raise Failure(f"{left} of {len(titles)} readers still waited at the end")
        for title in titles:
            title.unlink()
        if process.wait(PARK_S) != 0:
            raise Failure("the parked readers failed")
    return meanwhile, took


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def report(alone, coming, beside):
    """Prints the tables; true when all bars are kept."""
    lines = []
    kept = []
    ways = (("while they come", coming), ("beside the parked", beside))
    parts = (("median", 0.5, MEDIAN_BAR), ("p99", 0.99, TAIL_BAR))
    for (way, others), (name, part, bar) in itertools.product(ways, parts):
        # The ratio of each round, so that a round with other work on the machine counts once.
        of_rounds = [percentile(b, part) / percentile(a, part) for a, b in zip(alone, others)]
        ratio = statistics.median(of_rounds)
        kept.append(ratio <= bar)
        cells = [f"{percentile(sum(every, []), part) * 1000:.2f}" for every in (alone, others)]
        spread = f"{ratio:.2f} ({min(of_rounds):.2f}–{max(of_rounds):.2f})"
        lines.append([f"{way}: {name}", *cells, spread, f"≤ {bar}", "kept" if kept[-1] else "MISSED"])
    print(table(["a read, ms", "alone", "with the others", "ratio", "bar", ""], lines))
    return all(kept)


def main():
    args = arguments()
    where = machine()
    size = args.size * MIB
    alone, coming, beside = [], [], []
    with Rig(size, 256 * 1024) as rig:
        (rig.directory / "server").mkdir()
        server = Server(args.server, rig.directory / "server", SETTINGS)
        name = server.add(f"{rig.magnet}&x.pe={rig.peer}")
        rounds = dead_titles(server, args.rounds, args.readers)
        # Open from first to last, so that the film is as awake in one way as in the other.
        with server.running() as (_, mount), Film(mount / name, size) as film:
            for number, names in enumerate(rounds):
                say(f"round {number + 1} of {args.rounds}")
                for with_others in (False, True) if number % 2 == 0 else (True, False):
                    if with_others:
                        meanwhile, took = beside_parked(args, mount, film, names)
                        coming.append(meanwhile)
                        beside.append(took)
                    else:
                        alone.append(without(args, film))
    print(f"{args.readers} parked readers, {args.rounds} rounds of {args.reads} reads of 64 KiB; {where}\n")
    return 0 if report(alone, coming, beside) else 1


if __name__ == "__main__":
    conclude(main)
