#!/usr/bin/env python3
"""A scan storm: every title of a library is probed by sixteen readers at a time, beside a film that plays.

200 torrents of 10 titles are seeded by libtorrent; the readers read what ffprobe reads of a film; the film plays at
40 Mbit/s from the home swarm of the lab. Then the seeder ends, the server is started anew, and all titles are probed
again: from what was kept, without a dial. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

from clients import child, scratch
from isolate import isolate
from lab import Lab
from machine import machine
from process import MIB, Failure, conclude, cpu_seconds, peak_memory, run
from server import Server
from table import table
from titles import Titles, Tripwire
from watch import Watching

HERE = pathlib.Path(__file__).resolve().parent
RATE = 40_000_000
STEP_S = 60
ADD_S = 30
BUDGET = 256 * MIB  # read_ahead_budget_mb, the default
MEMORY_BAR = BUDGET + 80 * MIB
AGAIN_BAR = 200  # titles a second
DROPPED = "gostream_warm_dropped_bytes_total"


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./bench scan", description=__doc__)
    parser.add_argument("--torrents", type=int, default=200, metavar="N", help="(200)")
    parser.add_argument("--files", type=int, default=10, metavar="N", help="titles of a torrent (10)")
    parser.add_argument("--size", type=int, default=64, metavar="MIB", help="of a title (64)")
    parser.add_argument("--piece", type=int, default=1, metavar="MIB", help="piece length, a power of two (1)")
    parser.add_argument("--readers", type=int, default=16, metavar="N", help="titles at a time (16)")
    parser.add_argument("--listed", action="store_true", help="in the order of the names, not shuffled")
    parser.add_argument("--limit", type=float, default=300, metavar="S", help="seconds that the first scan may take (300)")
    parser.add_argument("--again", type=float, default=60, metavar="S", help="the same of the second scan (60)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="a setting of the server")
    parser.add_argument("--server", required=True, help="the gostream binary")
    parser.add_argument("--lab", required=True, help="the lab binary")
    args = parser.parse_args()
    args.settings = {key: json.loads(value) for key, _, value in (given.partition("=") for given in args.set)}
    return args


def add_all(server, titles, seeder, film):
    """Adds everything to a server that runs; the paths of the titles below the mount, and of the film."""
    with server.running():
        shown_film = server.add(film)
        listed = []
        for magnet in titles.magnets:
            out = run([*server.command, "add", magnet + seeder.hint()], ADD_S)
            listed += out.splitlines()
    mount = server.place / "data" / "mount"
    return sorted(mount / path.removeprefix(str(mount)).lstrip("/") for path in listed), mount / shown_film


class Sampler:
    """Looks at the seeder every half second while a scan goes on; a context manager."""

    def __init__(self, seeder):
        self.seeder, self.most = seeder, {"awake": 0, "peers": 0}
        self.over = threading.Event()

    def __enter__(self):
        self.start = self.seeder.figures()["uploaded"]
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.uploaded = self.seeder.figures()["uploaded"] - self.start

    def _look(self):
        while not self.over.wait(0.5):
            now = self.seeder.figures()
            self.most = {name: max(most, now[name]) for name, most in self.most.items()}


def scan(args, wanted, limit):
    """One pass over the titles: {"s", "titles", "failed", "example"}."""
    command = [sys.executable, "-B", HERE / "scanner.py", "--readers", args.readers, "--limit", limit]
    with child(command, stdin=subprocess.PIPE) as process:
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        if not process.stdout.readline():
            raise Failure("the scanner did not start")
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
    if not line:
        raise Failure("the scanner ended early")
    return json.loads(line)


def used(server, process, figures, before):
    """The figures of a scan, with what the server's process used, and the bytes that its warm cache had no room for."""
    cpu = sum(cpu_seconds(process.pid)) - sum(before)
    return {**figures, "cpu": cpu, "peak": peak_memory(process.pid), "dropped": server.figure(DROPPED)}


def first_scan(args, server, lab, seeder, film, wanted):
    """The scan beside the film."""
    with server.running() as (process, _), Watching(lab, str(film), play_s=24 * 3600, more_s=0) as watching:
        watching.go()
        for step in ("first", "buffered"):
            told = watching.step(STEP_S)
            if not told or told["step"] != step:
                raise Failure(f"the film did not start: {told}")
        before = cpu_seconds(process.pid)
        with Sampler(seeder) as sampler:
            figures = used(server, process, scan(args, wanted, args.limit), before)
        watching.end()
        told = watching.step(STEP_S) or {}
        return {
            **figures,
            **sampler.most,
            "uploaded": sampler.uploaded,
            # A film that failed stood still for good.
            "stood": told.get("stood", math.inf),
            "film": told.get("error"),
        }


def second_scan(args, server, port, wanted):
    """The same of a new process, with nobody left to ask."""
    with Tripwire(port) as wire, server.running() as (process, _):
        before = cpu_seconds(process.pid)
        figures = used(server, process, scan(args, wanted, args.again), before)
    return {**figures, "dials": wire.dials}


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))] if values else math.nan


def rows_of(figures, count):
    read = figures["titles"]
    return {
        "titles read": f"{len(read)} of {count}",
        "failed": ", ".join(f"{number} × {kind}" for kind, number in figures["failed"].items()) or "0",
        "seconds": f"{figures['s']:.1f}",
        "titles a second": f"{len(read) / figures['s']:.0f}",
        "a title: median, s": f"{percentile(read, 0.5):.3f}",
        "a title: p95, s": f"{percentile(read, 0.95):.3f}",
        "a title: longest, s": f"{max(read, default=math.nan):.3f}",
        "CPU a title, ms": f"{figures['cpu'] / max(1, len(read)) * 1000:.1f}",
        "peak memory, MiB": f"{figures['peak'] / MIB:.0f}",
        "the film stood still, s": f"{figures['stood']:.2f}" if "stood" in figures else "",
        "fetched a title, MiB": f"{figures['uploaded'] / MIB / max(1, len(read)):.2f}" if "uploaded" in figures else "",
        "most torrents connected": str(figures.get("awake", "")),
        "most peers": str(figures.get("peers", "")),
        "not kept, MiB": f"{figures['dropped'] / MIB:.2f}",
        "dials": str(figures.get("dials", "")),
    }


def report(first, again, count):
    """Prints the tables; true when every bar is kept."""
    left, right = rows_of(first, count), rows_of(again, count)
    print(table(["", "the first scan", "the second scan"], [[name, left[name], right[name]] for name in left]))
    for figures in (first, again):
        if figures["example"]:
            print(f"\nthe first that failed: {figures['example']}")
    if first["film"]:
        print(f"\nthe film failed: {first['film']}")
    speed = len(again["titles"]) / again["s"]
    bars = [
        ("titles read, first scan", len(first["titles"]), f"{count}", len(first["titles"]) == count),
        ("the film stands still, s", f"{first['stood']:.2f}", "0", round(first["stood"], 2) <= 0),
        ("peak memory, MiB", f"{max(first['peak'], again['peak']) / MIB:.0f}", f"≤ {MEMORY_BAR // MIB}",
         max(first["peak"], again["peak"]) <= MEMORY_BAR),
        ("titles read, second scan", len(again["titles"]), f"{count}", len(again["titles"]) == count),
        ("dials, second scan", again["dials"], "0", again["dials"] == 0),
        ("titles a second, second scan", f"{speed:.0f}", f"≥ {AGAIN_BAR}", speed >= AGAIN_BAR),
    ]
    print()
    print(table(["bar", "", "wanted", ""], [[name, str(had), bar, "kept" if good else "MISSED"] for name, had, bar, good in bars]))
    return all(good for *_, good in bars)


def main():
    args = arguments()
    where = machine()
    isolate()
    count = args.torrents * args.files
    say(f"making {args.torrents} torrents of {args.files} titles")
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(scratch("scan"))
        titles = Titles(place / "titles", args.torrents, args.files, args.size, args.piece)
        # As much film as all of it may take to scan.
        film_mib = int(RATE / 8 * (args.limit + STEP_S) / MIB)
        lab = stack.enter_context(Lab(args.lab, "home", 4, film_mib, RATE))
        (place / "server").mkdir()
        server = Server(args.server, place / "server", args.settings)
        with titles.seeded() as seeder:
            say("adding them")
            shown, film = add_all(server, titles, seeder, lab.torrent)
            if len(shown) != count:
                raise Failure(f"{len(shown)} of {count} titles were added")
            wanted = [{"shown": str(path), "original": titles.original_of(path.name)} for path in shown]
            if not args.listed:
                random.Random(1).shuffle(wanted)
            lab.reset(0)
            say("the first scan")
            first = first_scan(args, server, lab, seeder, film, wanted)
            port = seeder.port
        say("the second scan")
        again = second_scan(args, server, port, wanted)
    order = "in the order of the names" if args.listed else "shuffled"
    print(f"{count} titles of {args.size} MiB from {args.torrents} torrents, {args.piece} MiB pieces, {order}, "
          f"{args.readers} readers; {where}\n")
    return 0 if report(first, again, count) else 1


if __name__ == "__main__":
    conclude(main)
