#!/usr/bin/env python3
"""Reads a film through the mount and compares the cost with a libtorrent download of the same torrent.

One loopback libtorrent seeder, plain TCP. A round is: each server reads the film once by `cat` of the
mount, cold (fresh directories, no peer connected), then libtorrent downloads it once to tmpfs. One
round to warm up, in which the bytes are compared, then the counted ones. CPU is the server process'
own user and system time, and libtorrent's own; a GB is 10^9 bytes. Exit code 1 when a bar is missed.
"""

import argparse
import os
import sys

from machine import machine
from process import MIB, conclude
from rig import Rig
from table import cell, median, table

CPU_BAR = 0.8  # at most this part of libtorrent's CPU seconds a GB
SPEED_BAR = 0.8  # at least this part of libtorrent's throughput


def arguments():
    parser = argparse.ArgumentParser(prog="./bench film", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="counted rounds (default 5)")
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the film (default 1024)")
    parser.add_argument("--piece", type=int, default=4, metavar="MIB", help="piece length, a power of two (default 4)")
    parser.add_argument(
        "--server",
        action="append",
        metavar="[NAME=]PATH",
        help="a gostream binary; may be repeated to compare two builds in the same rounds",
    )
    args = parser.parse_args()
    if args.pairs < 1 or args.size < 1 or args.piece < 1:
        parser.error("--pairs, --size and --piece are at least 1")
    args.servers = {}
    for given in args.server or ["gostream"]:
        name, _, path = given.rpartition("=")
        args.servers[name or os.path.basename(path)] = path
    return args


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(rig, servers, pairs):
    """Costs of each server by name and of libtorrent, a list entry for each counted round."""
    costs = {name: [] for name in servers}
    theirs = []
    say("warming up, and comparing the bytes")
    for path in servers.values():
        rig.read_film(path, check=True)
    rig.leech()
    for round_number in range(1, pairs + 1):
        for name, path in servers.items():
            cost = rig.read_film(path)
            costs[name].append(cost)
            say(f"{round_number}/{pairs} {name}: {cost['cpu_s']:.2f} CPU s, {cost['wall_s']:.2f} s")
        cost = rig.leech()
        theirs.append(cost)
        say(f"{round_number}/{pairs} libtorrent: {cost['cpu_s']:.2f} CPU s, {cost['wall_s']:.2f} s")
    return costs, theirs


def report(costs, theirs, size):
    """Prints the table; true when every server keeps both bars."""
    gb, mb = size / 1e9, size / 1e6

    def row(name, unit, field, scale, digits=2):
        values = [cell([scale(cost[field]) for cost in mine], digits) for mine in costs.values()]
        theirs_too = [scale(cost[field]) for cost in theirs if field in cost]
        return [f"{name}, {unit}", *values, cell(theirs_too, digits) if theirs_too else ""]

    rows = [
        row("CPU", "s/GB", "cpu_s", lambda seconds: seconds / gb),
        row("throughput", "MB/s", "wall_s", lambda seconds: mb / seconds, 0),
        row("user CPU", "s/GB", "user_s", lambda seconds: seconds / gb),
        row("system CPU", "s/GB", "sys_s", lambda seconds: seconds / gb),
        row("CPU of cat", "s/GB", "reader_cpu_s", lambda seconds: seconds / gb),
        row("first 64 KiB", "ms", "first_s", lambda seconds: seconds * 1000, 0),
        row("peak memory", "MiB", "peak_bytes", lambda count: count / MIB, 0),
    ]
    print(table(["median (min–max)", *costs, "libtorrent"], rows))
    print()
    verdicts, kept = [], True
    for name, mine in costs.items():

        def ratio(field):
            return median([cost[field] for cost in mine]) / median([cost[field] for cost in theirs])

        cpu, speed = ratio("cpu_s"), 1 / ratio("wall_s")
        for what, value, bar, good in (
            ("CPU per GB", cpu, f"≤ {CPU_BAR}", cpu <= CPU_BAR),
            ("throughput", speed, f"≥ {SPEED_BAR}", speed >= SPEED_BAR),
        ):
            verdicts.append([f"{what}, {name} / libtorrent", f"{value:.2f}", bar, "kept" if good else "MISSED"])
            kept = kept and good
    print(table(["ratio of the medians", "", "bar", ""], verdicts))
    return kept


def main():
    args = arguments()
    where = machine()
    say("making the file and its torrent")
    with Rig(args.size * MIB, args.piece * MIB) as rig:
        costs, theirs = measure(rig, args.servers, args.pairs)
    print(f"{args.size} MiB, {args.piece} MiB pieces, {args.pairs} rounds; {where}\n")
    return 0 if report(costs, theirs, args.size * MIB) else 1


if __name__ == "__main__":
    conclude(main)
