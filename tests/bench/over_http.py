#!/usr/bin/env python3
"""Reads a film over HTTP, at the proxy port and by /stream, and through the mount, beside rqbit's HTTP stream.

One loopback libtorrent seeder, plain TCP. A round is: a fresh GoStream for each of the three ways, cold (no
peer connected), then a fresh rqbit; curl reads the film once from each, cat from the mount. One round to
warm up, in which the bytes are compared, then the counted ones. CPU is the server process' own; a GB is
10^9 bytes. rqbit keeps what it downloads, so it gets a directory on tmpfs. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import hashlib
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

from clients import scratch
from machine import machine
from others import START_S, Rqbit, post
from process import MIB, Failure, conclude, cpu_seconds, peak_memory, run
from rig import Rig
from server import Server
from table import cell, median, table

CPU_BAR = 0.6  # at most this part of rqbit's CPU seconds a GB, over HTTP


def arguments():
    parser = argparse.ArgumentParser(prog="./bench http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="counted rounds (default 5)")
    parser.add_argument("--size", type=int, default=512, metavar="MIB", help="size of the film (default 512)")
    parser.add_argument("--piece", type=int, default=4, metavar="MIB", help="piece length, a power of two (default 4)")
    parser.add_argument("--server", required=True, metavar="PATH", help="the gostream binary")
    args = parser.parse_args()
    if args.rounds < 1 or args.size < 1 or args.piece < 1:
        parser.error("--rounds, --size and --piece are at least 1")
    return args


def say(text):
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def gostream(rig, binary, way):
    """(process, command that reads the film): a server that knows the film, whose torrent sleeps."""
    with scratch("server", rig.directory) as place:
        server = Server(binary, place)
        film = server.add(f"{rig.magnet}&x.pe={rig.peer}")
        info_hash = re.search("btih:([0-9a-fA-F]{40})", rig.magnet).group(1)
        with server.running() as (process, mount):
            sources = {
                "mount": ["cat", mount / film],
                ":8080": curl(f"{server.proxy}/{urllib.parse.quote(film)}"),
                "/stream": curl(f"{server.api}/stream?link={info_hash}&index=1&play"),
            }
            yield process, sources[way]


@contextlib.contextmanager
def rqbit(rig):
    """(process, command that reads the film, what adds the torrent): it connects as soon as the torrent is added, so that is part of the
    reading."""
    with Rqbit().running(rig.directory) as (process, url):
        answers(url)
        torrent = pathlib.Path(rig.torrent).read_bytes()
        yield process, curl(f"{url}/0/stream/0"), lambda: post(f"{url}?initial_peers={rig.peer}", torrent)


def answers(url):
    """Waits until somebody answers there."""
    run(["curl", "--silent", "--output", "/dev/null", "--retry", START_S * 10, "--retry-delay", 0]
        + ["--retry-connrefused", "--retry-max-time", START_S, url], START_S + 5)  # fmt: skip


def curl(url):
    return ["curl", "--silent", "--show-error", "--fail", url]


def read(rig, process, command, digest, before=lambda: None):
    """What the server spends until the last byte is read; the bytes go into `digest`, if there is one."""
    spent, started = sum(cpu_seconds(process.pid)), time.monotonic()
    before()
    reader = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
    done, first_s = 0, 0.0
    while data := reader.stdout.read(MIB):
        first_s = first_s or time.monotonic() - started
        done += len(data)
        if digest:
            digest.update(data)
    wall_s = time.monotonic() - started
    if reader.wait() != 0 or done != rig.size:
        raise Failure(f"{command[0]} ended with {reader.returncode} after {done} of {rig.size} bytes")
    return {
        "cpu_s": sum(cpu_seconds(process.pid)) - spent,
        "wall_s": wall_s,
        "first_s": first_s,
        "peak_bytes": peak_memory(process.pid),
    }


def one_round(rig, binary, digests=None):
    """Costs by name; `digests`, if given, gets one of what came by each."""

    def new_digest(name):
        return None if digests is None else digests.setdefault(name, hashlib.sha256())

    costs = {}
    for way in ("mount", ":8080", "/stream"):
        with gostream(rig, binary, way) as (process, command):
            costs[way] = read(rig, process, command, new_digest(way))
    with rqbit(rig) as (process, command, wake):
        costs["rqbit"] = read(rig, process, command, new_digest("rqbit"), wake)
    return costs


def report(rounds, size):
    """Prints the table; true when the bars are kept."""
    gb, mb = size / 1e9, size / 1e6
    names = list(rounds[0])

    def row(name, field, scale, digits=2):
        return [name, *(cell([scale(costs[way][field]) for costs in rounds], digits) for way in names)]

    rows = [
        row("CPU, s/GB", "cpu_s", lambda seconds: seconds / gb),
        row("throughput, MB/s", "wall_s", lambda seconds: mb / seconds, 0),
        row("first MiB, ms", "first_s", lambda seconds: seconds * 1000, 0),
        row("peak memory, MiB", "peak_bytes", lambda count: count / MIB, 0),
    ]
    print(table(["median (min–max)", *names], rows))
    print()
    verdicts, kept = [], True
    for way in (":8080", "/stream"):
        ratio = median([costs[way]["cpu_s"] / costs["rqbit"]["cpu_s"] for costs in rounds])
        good = ratio <= CPU_BAR
        verdicts.append([f"CPU per GB, {way} / rqbit", f"{ratio:.2f}", f"≤ {CPU_BAR}", "kept" if good else "MISSED"])
        kept = kept and good
    for way in ("mount", ":8080", "/stream"):
        ratio = median([costs["rqbit"]["wall_s"] / costs[way]["wall_s"] for costs in rounds])
        verdicts.append([f"throughput, {way} / rqbit", f"{ratio:.2f}", "", ""])
    print(table(["median of the rounds' ratios", "", "bar", ""], verdicts))
    return kept


def main():
    args = arguments()
    if missing := Rqbit().missing:
        raise Failure(f"rqbit is not there: {missing}")
    where = machine()
    say("making the file and its torrent")
    with Rig(args.size * MIB, args.piece * MIB) as rig:
        with open(rig.original, "rb") as original:
            expected = hashlib.file_digest(original, "sha256").hexdigest()
        say("warming up, and comparing the bytes")
        digests = {}
        one_round(rig, args.server, digests)
        wrong = [name for name, digest in digests.items() if digest.hexdigest() != expected]
        if wrong:
            raise Failure(f"wrong bytes came by {', '.join(wrong)}")
        rounds = []
        for number in range(1, args.rounds + 1):
            costs = one_round(rig, args.server)
            rounds.append(costs)
            shown = ", ".join(f"{way} {cost['cpu_s']:.2f} CPU s, {cost['wall_s']:.2f} s" for way, cost in costs.items())
            say(f"{number}/{args.rounds} {shown}")
    print(f"{args.size} MiB, {args.piece} MiB pieces, {args.rounds} rounds; {where}\n")
    return 0 if report(rounds, args.size * MIB) else 1


if __name__ == "__main__":
    conclude(main)
