"""The clients that are measured: each is made ready, with the metadata known and nothing connected."""

import contextlib
import dataclasses
import pathlib
import tempfile
import typing

from process import TMPFS
from server import Server


@dataclasses.dataclass
class Target:
    """A client that waits for its film to be opened."""

    source: str  # a path or an http URL
    pid: int | None = None
    wake: str | None = None  # a URL to POST to first
    launch: typing.Callable[[], None] | None = None  # what starts it, when it cannot wait


@contextlib.contextmanager
def scratch(name):
    """A directory on tmpfs that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"gostream-{name}-", dir=TMPFS, ignore_cleanup_errors=True) as place:
        yield pathlib.Path(place)


class GoStream:
    """Ours, through the mount: fresh directories, the film added, asleep."""

    def __init__(self, binary, name="GoStream", settings=None, environment=None):
        self.binary, self.name = binary, name
        self.settings, self.environment = settings, environment

    @contextlib.contextmanager
    def ready(self, lab):
        with scratch("server") as place:
            server = Server(self.binary, place, self.settings)
            film = server.add(lab.torrent)
            with server.running(self.environment) as (process, mount):
                yield Target(str(mount / film), process.pid)


def others(only=None):
    """The other clients that are there, in the order of the table; `only`: those of these names."""
    there = []
    return [client for client in there if not only or client.name in only]
