#!/usr/bin/env python3
"""What playing a film costs: CPU seconds a GB at 41 Mbit/s from forty fast peers, all of them connected.

GoStream through the mount; libtorrent's piece deadlines behind a small HTTP server; and libtorrent alone, whose data
stays in its files and which nobody reads: the bar is against that one. Counted after the read-ahead is filled. Each
once as the machine is, and once as a stand-in for a small board: SHA instructions masked, and a CPU quota. Rounds are
interleaved. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time

from clients import GoStream, child, scratch
from isolate import isolate
from lab import Lab
from machine import machine
from others import HERE, Libtorrent
from process import MIB, Failure, conclude, cpu_seconds, peak_memory
from quota import group
from table import cell, table
from watch import Watching

RATE = 41_000_000
PEERS = 40
BAR = 0.7  # of the CPU of libtorrent alone
MEMORY_BAR = (256 + 60) * MIB  # the default budget and 60 MiB
# The read-ahead is full when so much more than is played does not come, for so long; it must be in FULL_S.
SETTLED, SETTLE_S, FULL_S = 1.3, 4, 120
BOARD_QUOTA = 0.10  # of one CPU
# CPUID leaf 7, EBX bit 29: both OpenSSL and AWS-LC read this variable.
NO_SHA = {"OPENSSL_ia32cap": ":~0x20000000"}
STEP_S = 60


@dataclasses.dataclass
class Setting:
    name: str
    environment: dict
    quota: float | None


AS_IS = Setting("as the machine is", {}, None)
BOARD = Setting(f"no SHA instructions, {BOARD_QUOTA:.0%} of one CPU", NO_SHA, BOARD_QUOTA)


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./bench cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (5)")
    parser.add_argument("--play", type=float, default=60, help="seconds that are counted (60)")
    parser.add_argument("--size", type=int, default=1536, help="MiB of film (1536)")
    parser.add_argument("--setting", choices=["both", "as-is", "board"], default="both")
    parser.add_argument("--raw", metavar="FILE", help="add each figure to this file, a JSON line each")
    parser.add_argument(
        "--server",
        action="append",
        required=True,
        metavar="[NAME=]PATH",
        help="a gostream binary; may be repeated to compare two builds in the same rounds",
    )
    parser.add_argument("--ours", action="store_true", help="leave libtorrent out, and its bars")
    parser.add_argument("--lab", required=True, help="the lab binary")
    args = parser.parse_args()
    if args.rounds < 1 or args.play < 1:
        parser.error("--rounds and --play are at least 1")
    args.servers = {}
    for given in args.server:
        name, _, path = given.rpartition("=")
        args.servers[f"{name or 'GoStream'}, mount"] = path
    args.settings = {"both": [AS_IS, BOARD], "as-is": [AS_IS], "board": [BOARD]}[args.setting]
    return args


class Count:
    """CPU and bytes from now on."""

    def __init__(self, lab, pid):
        self.lab, self.pid = lab, pid
        self.cpu, self.bytes, self.at = cpu_seconds(pid), lab.counters()["bytes"], time.monotonic()

    def figures(self):
        user, system = (now - then for now, then in zip(cpu_seconds(self.pid), self.cpu))
        played = (time.monotonic() - self.at) * RATE / 8
        fetched = self.lab.counters()["bytes"] - self.bytes
        return {
            "user": user / played * 1e9,
            "system": system / played * 1e9,
            "cpu": (user + system) / played * 1e9,
            "fetched": fetched / played,
            "peak": peak_memory(self.pid),
        }


def wait_until_full(lab):
    for _ in range(FULL_S // SETTLE_S):
        before = lab.counters()["bytes"]
        time.sleep(SETTLE_S)
        if lab.counters()["bytes"] - before <= SETTLED * SETTLE_S * RATE / 8:
            return
    say(f"the read-ahead was not full after {FULL_S} s")


def played(lab, client, limit, play_s):
    """A client that a player reads from."""
    with client.ready(lab) as target:
        if limit:
            limit(target.pid)
        with Watching(lab, target.source, target.wake, play_s=FULL_S + 2 * play_s, more_s=0) as watching:
            watching.go()
            for wanted in ("first", "buffered"):
                step = watching.step(STEP_S)
                if not step or step["step"] != wanted:
                    raise Failure(f"the film did not start: {step}")
            wait_until_full(lab)
            count = Count(lab, target.pid)
            time.sleep(play_s)
            figures = count.figures()
            watching.end()
            step = watching.step(STEP_S)
            if not step or step["step"] != "played":
                raise Failure(f"the film did not play: {step}")
            return {**figures, "stood": step["stood"]}


def kept(lab, environment, limit, play_s):
    """libtorrent alone."""
    with scratch("keep") as place:
        command = [sys.executable, "-B", HERE / "lt_keep.py", "--torrent", lab.torrent, "--dir", place]
        command += ["--rate", lab.rate, "--connections", PEERS]
        with child(command, stdin=subprocess.PIPE, env={**os.environ, **environment}) as process:
            if not process.stdout.readline():
                raise Failure("libtorrent did not start")
            if limit:
                limit(process.pid)
            process.stdin.write("go\n")
            process.stdin.flush()
            process.stdout.readline()
            wait_until_full(lab)
            count = Count(lab, process.pid)
            time.sleep(play_s)
            return {**count.figures(), "stood": 0.0}


def runs_of(args, lab, setting):
    """(name, function that measures it once) for all rows."""
    environment = {**os.environ, **setting.environment}

    def ours(path):
        client = GoStream(path, {"connections_per_torrent": PEERS}, environment)
        return lambda limit: played(lab, client, limit, args.play)

    runs = [(name, ours(path)) for name, path in args.servers.items()]
    if args.ours:
        return runs
    theirs = Libtorrent(PEERS, setting.environment)
    return [
        *runs,
        ("libtorrent, HTTP", lambda limit: played(lab, theirs, limit, args.play)),
        ("libtorrent alone", lambda limit: kept(lab, setting.environment, limit, args.play)),
    ]


def measure(args, lab):
    figures = {}
    for number in range(args.rounds):
        for setting in args.settings:
            for name, run_once in runs_of(args, lab, setting):
                lab.reset(number)
                with contextlib.ExitStack() as stack:
                    limit = stack.enter_context(group(setting.quota)) if setting.quota else None
                    if setting.quota and not limit:
                        say("no control group for the CPU here: the quota is left out")
                    figure = run_once(limit)
                figures.setdefault((setting.name, name), []).append(figure)
                say(
                    f"{number + 1}/{args.rounds} {setting.name}, {name}: {figure['cpu']:.2f} CPU s/GB, fetched"
                    f" {figure['fetched']:.2f}, stood {figure['stood']:.2f} s, {figure['peak'] // MIB} MiB"
                )
                if args.raw:
                    with open(args.raw, "a", encoding="utf-8") as raw:
                        raw.write(json.dumps({"setting": setting.name, "row": name, **figure}) + "\n")
    return figures


def verdicts_of(name, ours, medians):
    """[what, figure, bar, kept] for one build; `medians` are the CPU of all rows that were measured."""
    verdicts = []
    for theirs, bar in (("libtorrent alone", BAR), ("libtorrent, HTTP", None)):
        if theirs in medians:
            ratio = medians[name] / medians[theirs]
            told = f"≤ {bar}" if bar else ""
            verdicts.append([f"CPU, {name} / {theirs}", f"{ratio:.2f}", told, not bar or ratio <= bar])
    stood, peak = statistics.median(row["stood"] for row in ours), max(row["peak"] for row in ours)
    return [
        *verdicts,
        [f"{name}: stands still, s", f"{stood:.2f}", "0", round(stood, 2) == 0],
        [f"{name}: peak memory, MiB", f"{peak / MIB:.0f}", f"≤ {MEMORY_BAR // MIB}", peak <= MEMORY_BAR],
    ]


def report(args, figures):
    """Prints the tables; true when all bars are kept."""
    columns = (
        ("cpu", "CPU, s/GB", 1, 2),
        ("user", "user", 1, 2),
        ("system", "system", 1, 2),
        ("fetched", "fetched ÷ played", 1, 2),
        ("stood", "stands still, s", 1, 2),
        ("peak", "peak memory, MiB", 1 / MIB, 0),
    )
    good = True
    for setting in args.settings:
        mine = {name: rows for (where, name), rows in figures.items() if where == setting.name}
        lines = [
            [name, *(cell([row[key] * scale for row in rows], digits) for key, _, scale, digits in columns)]
            for name, rows in mine.items()
        ]
        print(f"{setting.name}\n\n{table(['median (min–max)', *(title for _, title, _, _ in columns)], lines)}\n")
        medians = {name: statistics.median(row["cpu"] for row in rows) for name, rows in mine.items()}
        verdicts = [verdict for name in args.servers for verdict in verdicts_of(name, mine[name], medians)]
        good = good and all(verdict[3] for verdict in verdicts)
        told = [[*verdict[:3], "" if not verdict[2] else "kept" if verdict[3] else "MISSED"] for verdict in verdicts]
        print(f"{table(['', '', 'bar', ''], told)}\n")
    return good


def main():
    args = arguments()
    isolate()
    where = machine()
    with Lab(args.lab, "lan40", 4, args.size, RATE) as lab:
        figures = measure(args, lab)
    print(f"{RATE // 1_000_000} Mbit/s, {PEERS} peers, {args.play:.0f} s, {args.rounds} rounds; {where}\n")
    return 0 if report(args, figures) else 1


if __name__ == "__main__":
    conclude(main)
