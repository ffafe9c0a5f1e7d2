#!/usr/bin/env python3
"""A large library: how soon it is mounted, how long a look at all of it takes, how much memory it costs, how soon a
change by another program shows, and how long a change through the mount takes.

40 % of the stubs are films in one folder, the rest episodes of shows with two seasons of ten. Each stub has a magnet of
its own with eight trackers. The server is started twice: the first time it gives the inode numbers, the second time it
knows them. Nobody is asked for a byte. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from clients import scratch
from machine import machine
from process import MIB, Failure, conclude, cpu_seconds, peak_memory
from server import Server
from table import cell, table

READY_BAR_S = 3
FIND_BAR_S = 5
MEMORY_BAR = 150 * MIB
CHANGE_BAR_S = 1
WAIT_S = 30
TRACKERS = "".join(f"&tr=udp%3A%2F%2Ftracker{n}.example.org%3A6969%2Fannounce" for n in range(8))


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./bench library", description=__doc__)
    parser.add_argument("--stubs", type=int, default=100_000, metavar="N", help="(100000)")
    parser.add_argument("--changes", type=int, default=10, metavar="N", help="of each kind (10)")
    parser.add_argument("--storm", type=int, default=10_000, metavar="N", help="stubs written in one go (10000)")
    parser.add_argument("--place", type=pathlib.Path, metavar="DIR", help="where to make the library (tmpfs)")
    parser.add_argument("--server", required=True, help="the gostream binary")
    return parser.parse_args()


def stub(number):
    """As `gostream add` writes them."""
    info_hash = hashlib.sha1(str(number).encode()).hexdigest()
    magnet = f"magnet:?xt=urn:btih:{info_hash}&dn=A.Film.Called.{number}.2026.1080p.WEB-DL.x265{TRACKERS}"
    url = f"http://127.0.0.1:8090/stream?link={info_hash}&index=1&play"
    return json.dumps({"url": url, "size": 4 << 30, "magnet": magnet, "imdb": ""}) + "\n"


def path_of(number, count):
    """Below the library."""
    end = f"{hashlib.sha1(str(number).encode()).hexdigest()[:8]}.mkv"
    if number < count * 4 // 10:
        return f"movies/A.Film.Called.{number}.2026.1080p.WEB-DL.x265_{end}"
    show, episode = divmod(number, 20)
    season, episode = divmod(episode, 10)
    return f"tv/A Show Called {show} (2026)/Season.{season + 1:02}/A_Show_Called_{show}_S{season + 1:02}E{episode:02}_{end}"


def make(library, count):
    made = set()
    for number in range(count):
        path = library / path_of(number, count)
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_text(stub(number), encoding="utf-8")


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def timed(command):
    begin = time.monotonic()
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    return time.monotonic() - begin, done.stdout


def until(what, condition):
    """Seconds until the condition holds, looking every few milliseconds."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > WAIT_S:
            raise Failure(f"not within {WAIT_S} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - begin


def started(server, count):
    """Starts the server and looks at all of it; the figures."""
    figures = {}
    begin = time.monotonic()
    with server.running() as (process, mount):
        figures["ready"] = time.monotonic() - begin
        figures["ready cpu"] = sum(cpu_seconds(process.pid))
        figures["memory at ready"] = memory(process.pid)
        figures["find"], listed = timed(["find", mount, "-name", "*.mkv"])
        figures["find -size"], sized = timed(["find", mount, "-size", "+1G"])
        for found in (listed, sized):
            if len(found.splitlines()) != count:
                raise Failure(f"find shows {len(found.splitlines())} of {count} films")
        figures["memory after find"] = memory(process.pid)
        yield process, mount, figures
        figures["peak memory"] = peak_memory(process.pid)
        figures["memory at the end"] = memory(process.pid)


def changes(args, library, mount, process):
    """Seconds until changes show, by kind; and what a storm of them costs."""
    took = {"film": [], "episode": [], "move": [], "gone": []}
    for number in range(args.changes):
        fresh = args.stubs + number
        for kind, folder in (("film", "movies"), ("episode", f"tv/A New Show Called {number}/Season.01")):
            path = f"{folder}/New.{number}.mkv"
            (library / folder).mkdir(parents=True, exist_ok=True)
            (library / path).write_text(stub(f"{kind}{fresh}"), encoding="utf-8")
            took[kind].append(until(path, (mount / path).exists))
        old = f"tv/A New Show Called {number}"
        new = f"tv/A Moved Show Called {number}"
        os.rename(library / old, library / new)
        took["move"].append(until(new, (mount / new / "Season.01" / f"New.{number}.mkv").exists))
        (library / "movies" / f"New.{number}.mkv").unlink()
        path = mount / "movies" / f"New.{number}.mkv"
        took["gone"].append(until(f"{path} to go", lambda path=path: not path.exists()))
    before, begin = sum(cpu_seconds(process.pid)), time.monotonic()
    for number in range(args.storm):
        (library / "movies" / f"Storm.{number}.mkv").write_text(stub(f"storm{number}"), encoding="utf-8")
    wrote = time.monotonic() - begin
    shown = mount / "movies" / f"Storm.{args.storm - 1}.mkv"
    settled = until("the last of the storm", shown.exists)
    storm = {"wrote": wrote, "settled": settled, "cpu": sum(cpu_seconds(process.pid)) - before}
    return took, storm


def own_changes(args, mount):
    """Seconds that changes through the mount take, by kind."""
    took = {"folder": [], "rename": [], "show": [], "unlink": []}

    def timed_call(kind, call, *paths):
        begin = time.monotonic()
        call(*paths)
        took[kind].append(time.monotonic() - begin)

    for number in range(args.changes):
        timed_call("folder", os.mkdir, mount / f"A Folder {number}")
        film = mount / path_of(number, args.stubs)
        timed_call("rename", os.rename, film, film.with_name(f"Renamed.{film.name}"))
        show = (mount / path_of(args.stubs - 1 - 40 * number, args.stubs)).parent.parent
        timed_call("show", os.rename, show, show.with_name(f"Renamed {show.name}"))
        timed_call("unlink", os.unlink, mount / path_of(args.changes + number, args.stubs))
    return took


def rows_of(figures):
    return {
        "ready, s": f"{figures['ready']:.2f}",
        "CPU until ready, s": f"{figures['ready cpu']:.2f}",
        "find -name, s": f"{figures['find']:.2f}",
        "find -size, s": f"{figures['find -size']:.2f}",
        "memory when ready, MiB": f"{figures['memory at ready'] / MIB:.0f}",
        "memory after find, MiB": f"{figures['memory after find'] / MIB:.0f}",
        "peak memory, MiB": f"{figures['peak memory'] / MIB:.0f}",
        "memory at the end, MiB": f"{figures['memory at the end'] / MIB:.0f}",
    }


def report(first, again, took, own, storm, args):
    """Prints the tables; true when every bar is kept."""
    left, right = rows_of(first), rows_of(again)
    print(table(["", "the first start", "the second start"], [[name, left[name], right[name]] for name in left]))
    print()
    names = {"film": "a film among many", "episode": "an episode in a new show", "move": "a show moved", "gone": "a film removed"}
    print(table(["a change shows after, s", ""], [[names[kind], cell(values)] for kind, values in took.items()]))
    print()
    names = {"folder": "a folder made", "rename": "a film renamed", "show": "a show renamed", "unlink": "a film deleted"}
    in_ms = {kind: [1000 * value for value in values] for kind, values in own.items()}
    print(table(["a change through the mount takes, ms", ""], [[names[kind], cell(values)] for kind, values in in_ms.items()]))
    print(f"\n{args.storm} stubs written in {storm['wrote']:.1f} s: all shown {storm['settled']:.2f} s later, "
          f"{storm['cpu']:.1f} s of CPU\n")
    ready, find = (max(figures[name] for figures in (first, again)) for name in ("ready", "find"))
    peak = max(figures["peak memory"] for figures in (first, again))
    slowest = max(statistics.median(values) for values in took.values())
    bars = [
        ("mount ready, s", f"{ready:.2f}", f"≤ {READY_BAR_S}", ready <= READY_BAR_S),
        ("find, s", f"{find:.2f}", f"≤ {FIND_BAR_S}", find <= FIND_BAR_S),
        ("peak memory, MiB", f"{peak / MIB:.0f}", f"≤ {MEMORY_BAR // MIB}", peak <= MEMORY_BAR),
        ("a change shows, s (median)", f"{slowest:.2f}", f"≤ {CHANGE_BAR_S}", slowest <= CHANGE_BAR_S),
    ]
    print(table(["bar", "", "wanted", ""], [[name, had, bar, "kept" if good else "MISSED"] for name, had, bar, good in bars]))
    return all(good for *_, good in bars)


def main():
    args = arguments()
    where = machine()
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(scratch("library", args.place))
        server = Server(args.server, place)
        library = place / "data" / "library"
        say(f"making {args.stubs} stubs")
        make(library, args.stubs)
        starting = contextlib.contextmanager(started)
        say("the first start")
        with starting(server, args.stubs) as (_, _, first):
            pass
        say("the second start")
        with starting(server, args.stubs) as (process, mount, again):
            took, storm = changes(args, library, mount, process)
            own = own_changes(args, mount)
    print(f"{args.stubs} stubs; {where}\n")
    return 0 if report(first, again, took, own, storm, args) else 1


if __name__ == "__main__":
    conclude(main)
