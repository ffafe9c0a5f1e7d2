"""One cold start of one client on a lab: the player's figures, the lab's, and what the client used."""

import json
import os
import pathlib
import selectors
import subprocess
import sys
import time

from process import Failure, cpu_seconds, peak_memory, stop

PLAYER = pathlib.Path(__file__).resolve().parent / "player.py"
READY_S = 60
FIGURES = ("first", "buffered", "stood", "sought", "refilled", "twice", "fetched", "cpu", "peak")


class Watching:
    """A player that waits to be told to go; a context manager."""

    def __init__(self, lab, source, wake=None, play_s=15, more_s=5):
        command = [sys.executable, "-B", PLAYER, source, "--size", lab.size, "--rate", lab.rate, "--seed", lab.seed]
        command += ["--play", play_s, "--more", more_s]
        if wake:
            command += ["--wake", wake]
        self.command = [str(part) for part in command]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""
        if self.step(READY_S) != {"step": "ready"}:
            self.__exit__()
            raise Failure("the player did not start")
        return self

    def __exit__(self, *_):
        # A player that is held by a read of a mount goes by SIGKILL only.
        if self.process.poll() is None:
            self.process.kill()
        stop(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
        self.selector.close()

    def step(self, limit):
        """The next line, or None when it did not come in time or will never come."""
        end = time.monotonic() + limit
        while b"\n" not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                return None
            read = os.read(self.process.stdout.fileno(), 65536)
            if not read:
                return None
            self.text += read
        line, _, self.text = self.text.partition(b"\n")
        return json.loads(line)

    def go(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def end(self):
        """The play that goes on ends, and its step is told."""
        self.process.terminate()

    def steps(self, limit):
        """All steps by name; each may take `limit` seconds. Those that did not come are not there."""
        steps = {}
        while "done" not in steps and "failed" not in steps:
            step = self.step(limit)
            if step is None:
                break
            steps[step.pop("step")] = step
        return steps


def cold_start(lab, client, limit, order=0, **play):
    """As `measured`; a client that does not start has no figures, and the others go on."""
    try:
        return measured(lab, client, limit, order, **play)
    except (Failure, OSError) as error:
        return {**dict.fromkeys(FIGURES), "failed": f"{type(error).__name__}: {error}", "groups": {}}


def measured(lab, client, limit, order, **play):
    """The figures of one start by name, seconds and bytes; None for what did not happen within `limit`."""
    lab.reset(order)
    with client.ready(lab) as target, Watching(lab, target.source, target.wake, **play) as watching:
        before = cpu_seconds(target.pid) if target.pid else (0.0, 0.0)
        watching.go()
        if target.launch:
            target.launch()
        steps = watching.steps(limit)
        taken = lab.counters()
        after = cpu_seconds(target.pid)
        peak = peak_memory(target.pid)

    def figure(step, name="s"):
        return steps.get(step, {}).get(name)

    stood = [figure("played", "stood"), figure("done", "stood")]
    read = figure("done", "read") or figure("played", "read")
    return {
        "first": figure("first"),
        "buffered": figure("buffered"),
        "stood": None if None in stood else sum(stood),
        "sought": figure("sought"),
        "refilled": figure("refilled"),
        "twice": (taken["bytes"] - taken["distinct"]) / taken["distinct"] if taken["distinct"] else None,
        "fetched": taken["bytes"] / read if read else None,
        "cpu": sum(after) - sum(before),
        "peak": peak,
        "failed": figure("failed", "error"),
        "groups": taken["groups"],
    }
