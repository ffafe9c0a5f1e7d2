"""What `film.py` measures with: seeder, server and leecher.

Everything lies in one directory on tmpfs, so that no disk is measured; `Rig` makes it and removes it.
Used by the scripts beside it; the seeder and the leecher are those of tests/tools.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from process import MIB, TMPFS, Failure, cpu_seconds, peak_memory, run, stop
from server import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"
READ_S = 300


class Rig:
    """A directory on tmpfs, one file in a torrent, and its seeder; a context manager."""

    def __init__(self, size, piece_length):
        self.size = size
        self.piece_length = piece_length
        self.undo = contextlib.ExitStack()

    def __enter__(self):
        with self.undo:
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix="gostream-bench-", dir=TMPFS))
            self.undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.make_file()
            self.make_torrent()
            self.start_seeder()
            self.undo = self.undo.pop_all()
        return self

    def __exit__(self, *_):
        self.undo.close()

    def make_file(self):
        """Pseudo-random bytes; each MiB begins with its number, so that no two are equal."""
        needed = 2 * self.size + 256 * MIB
        if shutil.disk_usage(TMPFS).free < needed:
            raise Failure(f"{TMPFS} needs {needed // MIB} MiB free: give --size a smaller number")
        import random

        block = bytearray(random.Random(1).randbytes(MIB))
        seed = self.directory / "seed"
        seed.mkdir()
        self.original = seed / "Benchmark (2026).mkv"
        with open(self.original, "wb") as out:
            for number in range(self.size // MIB):
                block[:8] = number.to_bytes(8, "little")
                out.write(block)

    def make_torrent(self):
        self.torrent = self.directory / "benchmark.torrent"
        tool = [sys.executable, TOOLS / "make_torrent.py", self.original, "--out", self.torrent]
        made = json.loads(run([*tool, "--piece-size", self.piece_length], READ_S))
        self.magnet = made["magnet"]

    def start_seeder(self):
        command = [sys.executable, TOOLS / "seeder.py", "--torrent", self.torrent, "--data", self.original.parent]
        command += ["--listen", "127.0.0.2:0", "--no-tracker"]
        self.seeder = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.undo.callback(stop, self.seeder)
        line = self.seeder.stdout.readline()
        if not line:
            raise Failure("the seeder ended before it listened")
        self.peer = f"127.0.0.2:{json.loads(line)['port']}"

    @contextlib.contextmanager
    def server(self, binary):
        """A server that runs, with new directories and the film added; nothing of it is awake yet."""
        place = pathlib.Path(tempfile.mkdtemp(prefix="server-", dir=self.directory))
        server = Server(binary, place)
        film = server.add(f"{self.magnet}&x.pe={self.peer}")
        with server.running() as (process, mount):
            yield process, mount / film
        shutil.rmtree(place, ignore_errors=True)

    def read_film(self, binary, check=False):
        """Reads the film through the mount, once; what that cost. `check` compares the bytes instead."""
        with self.server(binary) as (process, film):
            before = cpu_seconds(process.pid)
            started = time.monotonic()
            with open(film, "rb", buffering=0) as shown:
                first = shown.read(64 * 1024)
                first_s = time.monotonic() - started
                if check:
                    self.compare(shown, first)
                    return None
                # The same open file goes on in cat, so that the first bytes can be timed.
                cat = subprocess.Popen(["cat"], stdin=shown, stdout=subprocess.DEVNULL)
                _, status, usage = os.wait4(cat.pid, 0)
                cat.returncode = os.waitstatus_to_exitcode(status)
                wall = time.monotonic() - started
                done = os.lseek(shown.fileno(), 0, os.SEEK_CUR)
            if cat.returncode != 0 or done != self.size:
                raise Failure(f"cat ended with {cat.returncode} after {done} of {self.size} bytes")
            after = cpu_seconds(process.pid)
            return {
                "wall_s": wall,
                "first_s": first_s,
                "user_s": after[0] - before[0],
                "sys_s": after[1] - before[1],
                "cpu_s": sum(after) - sum(before),
                "reader_cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_bytes": peak_memory(process.pid),
            }

    def compare(self, shown, first):
        with open(self.original, "rb") as original:
            at, read = 0, first
            while read or at < self.size:
                if not read or original.read(len(read)) != read:
                    raise Failure(f"a wrong byte or an early end in the MiB after {at}")
                at += len(read)
                read = shown.read(MIB)

    def leech(self):
        """Downloads the torrent with libtorrent to tmpfs, once; what that cost."""
        with tempfile.TemporaryDirectory(prefix="leech-", dir=self.directory) as out:
            tool = [sys.executable, TOOLS / "leecher.py", "--torrent", self.torrent, "--out", out]
            done = json.loads(run([*tool, "--peer", self.peer], READ_S))
        if done["bytes"] != self.size:
            raise Failure(f"libtorrent wanted {done['bytes']} of {self.size} bytes")
        return done
