"""The lab's process: a swarm of scripted peers, its torrent, and what was taken from it."""

import json
import subprocess
import tempfile
import shutil
import pathlib

from process import TMPFS, Failure, stop

START_S = 120


class Lab:
    """A swarm that runs; a context manager. The attributes are those of the line that `lab` prints."""

    def __init__(self, binary, swarm, piece_mib, size_mib, rate):
        self.command = [binary, "--swarm", swarm, "--piece", piece_mib, "--size", size_mib, "--rate", rate]

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="gostream-lab-", dir=TMPFS))
        command = [str(part) for part in [*self.command, "--dir", self.directory]]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.__dict__.update(self._line())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure("the lab has ended")
        return json.loads(line)

    def _ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._line()

    def reset(self, order=0):
        """All peers as they were at the start; every connection ends. The tracker names them in no order, the same
        for the same number."""
        self._ask(f"reset {order}")

    def hide(self):
        """The tracker names nobody."""
        self._ask("hide")

    def show(self):
        """And all of them again."""
        self._ask("show")

    def counters(self):
        """{"bytes", "distinct", "groups": {name: {...}}} since the last reset."""
        return self._ask("counters")
