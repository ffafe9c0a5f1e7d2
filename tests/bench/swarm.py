#!/usr/bin/env python3
"""Cold starts on a swarm of scripted peers with real sockets: what a player in front of each client waits for.

Swarms: home (forty peers of all kinds), thin (1.5 times the film's rate in all), hostile (a third of it
corrupts, stalls, dies or flaps). The film has 1.5 GiB at 41 Mbit/s. Each start is a new process of the client
that knows the torrent and has no connection. Rounds are interleaved. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import json
import math
import sys

from clients import GoStream, GoStreamAgain
from isolate import isolate
from lab import Lab
from machine import machine
from others import others
from process import MIB, conclude, run
from table import table
from watch import cold_start

SWARMS = ("home", "thin", "hostile")
BUDGET = 256 * MIB  # read_ahead_budget_mb, the default
RATE = 41_000_000
POLICY = "verification"  # the setting
# Bars of the medians, by swarm and row; seconds, and parts of one. See docs/BENCHMARKS.md.
ALWAYS = {"stood": 0.0, "peak": BUDGET + 60 * MIB}
BARS = {
    ("home", "Verified, 4 MiB"): {"first": 0.5, "buffered": 2.0, "sought": 0.6, "refilled": 1.5, "twice": 0.03},
    ("home", "Verified, 16 MiB"): {"first": 1.1, "buffered": 2.5, "sought": 1.6, "twice": 0.03},
    ("home", "Responsive, re-open, 4 MiB"): {"first": 0.3, "sought": 0.3},
    ("hostile", "Verified, 4 MiB"): {"twice": 0.15},
    ("hostile", "Verified, 16 MiB"): {"twice": 0.15},
}
COLUMNS = (
    ("first", "first 64 KiB, s", 1, 2),
    ("buffered", "head, tail MiB, 4 s of film, s", 1, 2),
    ("stood", "stands still, s", 1, 2),
    ("sought", "seek: first MiB, s", 1, 2),
    ("refilled", "seek: 4 s of film, s", 1, 2),
    ("twice", "sent twice, %", 100, 1),
    ("fetched", "fetched ÷ played", 1, 2),
    ("cpu", "CPU, s", 1, 1),
    ("peak", "peak memory, MiB", 1 / MIB, 0),
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./bench swarm", description=__doc__)
    parser.add_argument("--swarm", choices=[*SWARMS, "all"], default="all")
    parser.add_argument("--piece", type=int, choices=[4, 16], help="MiB; both when it is not given")
    parser.add_argument("--starts", type=int, default=20, metavar="N", help="cold starts of ours (20)")
    parser.add_argument("--others", type=int, default=5, metavar="N", help="of each other client (5); 0: none")
    parser.add_argument("--only", action="append", metavar="NAME", help="these other clients only; may be repeated")
    parser.add_argument("--limit", type=float, default=60, help="seconds that a step may take (60)")
    parser.add_argument("--size", type=int, default=1536, help="MiB of film (1536)")
    parser.add_argument("--play", type=float, default=15, help="seconds of play before the seek (15)")
    parser.add_argument("--more", type=float, default=5, help="and after it (5)")
    parser.add_argument("--raw", metavar="FILE", help="add each start's figures to this file, a JSON line each")
    parser.add_argument("--server", required=True, help="the gostream binary")
    parser.add_argument("--lab", required=True, help="the lab binary")
    args = parser.parse_args()
    if args.starts < 1 or args.others < 0:
        parser.error("--starts is at least 1")
    args.has_policies = f'"{POLICY}"' in run([args.server, "config", "--defaults"], 30)
    return args


def rows_of(args, swarm):
    """(name, client, MiB of a piece, starts) of all rows of a table, ours first."""
    pieces = [args.piece] if args.piece else [4, 16]
    rows = [(f"Verified, {piece} MiB", GoStream(args.server), piece, args.starts) for piece in pieces]
    for policy in ("verified", "responsive"):
        name = f"{policy.capitalize()}, re-open, {pieces[0]} MiB"
        if policy == "verified":
            rows.append((name, GoStreamAgain(args.server), pieces[0], args.others))
        elif args.has_policies:
            rows.append((name, GoStreamAgain(args.server, {POLICY: policy}), pieces[0], args.starts))
    there = others(args.only)[0] if args.others else []
    rows += [(client.name, client, pieces[0], min(args.others, args.starts)) for client in there]
    return rows


def takes_part(number, starts, rounds):
    """Whether a row with fewer starts than rounds has one in this round: they are spread evenly."""
    return (number + 1) * starts // rounds > number * starts // rounds


def measure(args, swarm, rows):
    figures = {name: [] for name, *_ in rows}
    with contextlib.ExitStack() as stack:
        labs = {}
        for _, _, piece, _ in rows:
            if piece not in labs:
                labs[piece] = stack.enter_context(Lab(args.lab, swarm, piece, args.size, RATE))
        for number in range(args.starts):
            for name, client, piece, starts in rows:
                if not takes_part(number, starts, args.starts):
                    continue
                start = cold_start(labs[piece], client, args.limit, number, play_s=args.play, more_s=args.more)
                figures[name].append(start)
                say(f"{swarm} {number + 1}/{args.starts} {name}: {brief(start)}")
                if args.raw:
                    with open(args.raw, "a", encoding="utf-8") as raw:
                        raw.write(json.dumps({"swarm": swarm, "row": name, **start}) + "\n")
    return figures


def brief(start):
    parts = [f"{key} {shown(start[key], scale, digits)}" for key, _, scale, digits in COLUMNS]
    return ", ".join(parts) + (f"; {start['failed']}" if start["failed"] else "")


def shown(value, scale, digits):
    if value is None or value == math.inf:
        return "–"
    return f"{value * scale:.{digits}f}"


def percentile(values, part):
    """By nearest rank; what did not happen is later than all else."""
    ranked = sorted(math.inf if value is None else value for value in values)
    return ranked[max(0, math.ceil(part * len(ranked)) - 1)]


def middle(values):
    ranked = sorted(math.inf if value is None else value for value in values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def report(swarm, rows, figures):
    """Prints the table and the missed bars; how many were missed."""
    lines, missed = [], []
    for name, client, _, _ in rows:
        mine = figures[name]
        line = [name, str(len(mine))]
        bars = {**ALWAYS, **BARS.get((swarm, name), {})} if isinstance(client, GoStream) else {}
        for key, title, scale, digits in COLUMNS:
            values = [start[key] for start in mine]
            median = middle(values)
            line.append(f"{shown(median, scale, digits)} ({shown(percentile(values, 0.95), scale, digits)})")
            # Two digits are shown, and two count.
            if key in bars and round(median * scale, 2) > round(bars[key] * scale, 2):
                line[-1] += " MISSED"
                missed.append(f"{swarm}, {name}: {title} {shown(median, scale, 2)}, bar {shown(bars[key], scale, 2)}")
        lines.append(line)
    print(table(["median (p95)", "starts", *(title for _, title, _, _ in COLUMNS)], lines))
    for text in missed:
        print(f"MISSED: {text}")
    print(flush=True)
    return len(missed)


def main():
    args = arguments()
    isolate()
    missed = 0
    film = f"{args.size} MiB of film at {RATE // 1_000_000} Mbit/s"
    print(f"{film}, {args.play:.0f} + {args.more:.0f} s of play; {machine()}\n")
    for left_out in others(args.only)[1]:
        print(f"left out: {left_out}")
    for swarm in SWARMS if args.swarm == "all" else [args.swarm]:
        rows = rows_of(args, swarm)
        figures = measure(args, swarm, rows)
        print(f"{swarm} swarm\n")
        missed += report(swarm, rows, figures)
    return 1 if missed else 0


if __name__ == "__main__":
    conclude(main)
