#!/usr/bin/env python3
"""From a magnet to its metadata on the home swarm, whose tracker is known: GoStream beside libtorrent.

Ours is the whole of `gostream add` beside a server that runs: the metadata is found, checked and kept, and the film stands
in the library; what that costs without the network is shown by a second `add` of the same. libtorrent's is from add_torrent to its alert. Rounds are interleaved, each with new processes. Exit code 1
when the bar is missed.
"""

import argparse
import contextlib
import json
import pathlib
import sys
import time

import libtorrent

from clients import child, scratch
from isolate import isolate
from lab import Lab
from machine import machine
from process import Failure, conclude, run
from server import Server
from swarm import middle, percentile
from table import table

BAR_S = 0.7  # the median
CONNECTIONS = 25
LIMIT_S = 60
OURS = "gostream add"
AGAIN = "of it: all but the network"
HERE = pathlib.Path(__file__).resolve().parent
RATE = 41_000_000


def arguments():
    parser = argparse.ArgumentParser(prog="./bench magnet", description=__doc__)
    parser.add_argument("--starts", type=int, default=20, metavar="N", help="of each (20)")
    parser.add_argument("--size", type=int, default=1536, help="MiB of film (1536)")
    parser.add_argument("--piece", type=int, choices=[1, 4, 16], default=1, help="MiB (1: a dict of 30 KB, two parts)")
    parser.add_argument("--server", required=True, help="the gostream binary")
    parser.add_argument("--lab", required=True, help="the lab binary")
    return parser.parse_args()


def ours(args, lab):
    """Seconds of an `add` beside a new server, and of the same once more, when nothing has to be found."""
    with scratch("server") as place:
        server = Server(args.server, place)
        seconds = []
        with server.running():
            for _ in range(2):
                started = time.monotonic()
                run([*server.command, "add", lab.magnet], LIMIT_S)
                seconds.append(time.monotonic() - started)
        return seconds


def theirs(lab):
    """Seconds of a new libtorrent session."""
    command = [sys.executable, "-B", HERE / "lt_magnet.py", lab.magnet, CONNECTIONS]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(child(command, stdin=-1))
        answers = []
        for _ in range(2):
            line = process.stdout.readline()
            if not line:
                raise Failure("libtorrent found no metadata")
            answers.append(json.loads(line))
            process.stdin.write("go\n")
            process.stdin.flush()
        return answers[-1]["seconds"]


def main():
    args = arguments()
    isolate()
    print(f"{args.size} MiB of film in pieces of {args.piece} MiB; {machine()}\n")
    theirs_name = f"libtorrent {libtorrent.__version__.removesuffix('.0')}, {CONNECTIONS} peers"
    figures = {OURS: [], AGAIN: [], theirs_name: []}
    with Lab(args.lab, "home", args.piece, args.size, RATE) as lab:
        for number in range(args.starts):
            lab.reset(number)
            for name, seconds in zip((OURS, AGAIN), ours(args, lab)):
                figures[name].append(seconds)
            lab.reset(number)
            figures[theirs_name].append(theirs(lab))
            shown = ", ".join(f"{name} {seconds[-1]:.3f} s" for name, seconds in figures.items())
            print(f"{number + 1}/{args.starts} {shown}", file=sys.stderr, flush=True)
    rows = [
        [name, str(len(values)), f"{middle(values):.2f}", f"{percentile(values, 0.95):.2f}", f"{max(values):.2f}"]
        for name, values in figures.items()
    ]
    print(table(["magnet to metadata, s", "starts", "median", "p95", "longest"], rows))
    if round(middle(figures[OURS]), 2) > BAR_S:
        print(f"MISSED: the bar is {BAR_S} s")
        return 1
    return 0


if __name__ == "__main__":
    conclude(main)
