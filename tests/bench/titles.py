"""A library to scan: many torrents of several titles each, which share their content, and a seeder of all of them.

The content exists once. Every torrent has names of its own, so a hash of its own, and finds its files through links.
"""

import contextlib
import json
import pathlib
import random
import re
import socket
import sys
import threading

import libtorrent as lt

from clients import child
from process import MIB, Failure

HERE = pathlib.Path(__file__).resolve().parent
ADDRESS = "127.0.0.2"
EPISODE = re.compile(r"S01E(\d\d)")


class Titles:
    """`torrents` × `files` titles of `size_mib`, below `place`."""

    def __init__(self, place, torrents, files, size_mib, piece_mib):
        self.place = pathlib.Path(place)
        self.links = self.place / "seed"
        self.links.mkdir(parents=True)
        self.originals = [self._content(number, size_mib) for number in range(1, files + 1)]
        template = self._hashed(piece_mib)
        self.magnets = [self._torrent(number, template) for number in range(1, torrents + 1)]

    def _content(self, number, size_mib):
        """Pseudo-random bytes; no two MiB of all files are equal."""
        block = bytearray(random.Random(number).randbytes(MIB))
        path = self.place / "content" / f"{number:02}.mkv"
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as out:
            for part in range(size_mib):
                block[:8] = (number << 32 | part).to_bytes(8, "little")
                out.write(block)
        return path

    def _hashed(self, piece_mib):
        """What a torrent of the content says, under names that are changed for each torrent."""
        content = self.originals[0].parent
        files = sorted(lt.list_files(str(content)), key=lambda entry: entry.filename)
        torrent = lt.create_torrent(files, piece_size=piece_mib * MIB, flags=lt.create_torrent.v1_only)
        lt.set_piece_hashes(torrent, str(content.parent))
        return torrent.generate()

    def _torrent(self, number, template):
        show = f"Show {number:03}"
        folder = self.links / f"{number:03}" / show
        folder.mkdir(parents=True)
        info = dict(template[b"info"])
        info[b"name"] = show.encode()
        files = []
        for original, entry in zip(self.originals, info[b"files"], strict=True):
            name = f"{show} S01E{original.stem}.mkv"
            (folder / name).symlink_to(original)
            files.append({**entry, b"path": [name.encode()]})
        info[b"files"] = files
        encoded = lt.bencode({b"info": info})
        (self.links / f"{number:03}.torrent").write_bytes(encoded)
        return lt.make_magnet_uri(lt.load_torrent_buffer(encoded))

    @contextlib.contextmanager
    def seeded(self):
        """The seeder of all of them."""
        command = [sys.executable, "-B", HERE / "lt_seed_many.py", self.links, "--listen", f"{ADDRESS}:0"]
        with child(command, stdin=-1) as process:
            yield Seeder(process)

    def original_of(self, shown):
        """What a title must read like."""
        return str(self.originals[int(EPISODE.search(shown).group(1)) - 1])


class Seeder:
    """The running seeder."""

    def __init__(self, process):
        self.process = process
        self.port = self._line()["port"]

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure("the seeder of the titles has ended")
        return json.loads(line)

    def hint(self):
        """What a magnet says of it."""
        return f"&x.pe={ADDRESS}:{self.port}"

    def figures(self):
        """Since its start: {"uploaded"} bytes; now: torrents {"awake"}, {"peers"}."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._line()


class Tripwire:
    """Listens where the seeder was and counts who comes; a context manager."""

    def __init__(self, port):
        self.listener = socket.create_server((ADDRESS, port))
        self.dials = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.dials += 1
            connection.close()
