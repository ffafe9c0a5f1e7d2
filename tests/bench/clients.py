"""GoStream as a client that is measured, and what every client has: it is made ready, with the metadata known and
nothing connected, and waits for its film to be opened."""

import contextlib
import dataclasses
import pathlib
import subprocess
import tempfile
import typing

from process import TMPFS, stop
from server import Server
from watch import Watching


@dataclasses.dataclass
class Target:
    """A client that waits for its film to be opened."""

    source: str  # a path or an http URL
    pid: int | None = None
    wake: str | None = None  # a URL to POST to first
    launch: typing.Callable[[], None] | None = None  # what starts it, when it cannot wait


@contextlib.contextmanager
def scratch(name, below=None):
    """A directory on tmpfs, or in the directory `below`, that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"gostream-{name}-", dir=below or TMPFS, ignore_cleanup_errors=True) as place:
        yield pathlib.Path(place)


@contextlib.contextmanager
def child(command, **options):
    """A process that runs as long as it is used; its standard output is a pipe unless the options say otherwise."""
    options.setdefault("stdout", subprocess.PIPE)
    process = subprocess.Popen([str(part) for part in command], text=True, **options)
    try:
        yield process
    finally:
        stop(process)


class GoStream:
    """Ours, through the mount: fresh directories, the film added, asleep."""

    def __init__(self, binary, settings=None, environment=None):
        self.binary, self.settings, self.environment = binary, settings, environment

    @contextlib.contextmanager
    def ready(self, lab):
        with scratch("server") as place:
            server = Server(self.binary, place, self.settings)
            film = server.add(lab.torrent)
            with server.running(self.environment) as (process, mount):
                yield Target(str(mount / film), process.pid)


AGAIN = 1_000_000  # another order of the peers than the first time


class GoStreamAgain(GoStream):
    """Ours with a torrent that was played before: the server has been restarted since, and knows who was good."""

    FIRST_PLAY_S = 6

    @contextlib.contextmanager
    def ready(self, lab):
        with scratch("server") as place:
            server = Server(self.binary, place, self.settings)
            film = server.add(lab.torrent)
            with server.running(self.environment) as (_, mount):
                player = Watching(lab, str(mount / film), play_s=self.FIRST_PLAY_S, more_s=0)
                with player as watching:
                    watching.go()
                    watching.steps(limit=60)
            lab.reset(AGAIN)
            with server.running(self.environment) as (process, mount):
                yield Target(str(mount / film), process.pid)
