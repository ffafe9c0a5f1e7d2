"""The streaming clients of others, made ready like ours. Those that are not installed are named, and left out."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import libtorrent

from clients import Target, child, scratch
from process import Failure, free_port, run, stop, unmount

HERE = pathlib.Path(__file__).resolve().parent
# Where ./bench installs clients that Debian does not have.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "gostream-bench"
CONNECTIONS = 25  # our default
START_S = 30


def url_of(process, name):
    line = process.stdout.readline()
    if not line:
        raise Failure(f"{name} did not start")
    return json.loads(line)["url"]


class Libtorrent:
    """libtorrent's piece deadlines behind a small HTTP server; see lt_stream.py for its settings."""

    missing = None

    def __init__(self, connections, environment=None):
        self.connections = connections
        self.environment = {**os.environ, **(environment or {})}
        self.name = f"libtorrent {libtorrent.__version__.removesuffix('.0')}, deadlines, {connections} peers"

    @contextlib.contextmanager
    def ready(self, lab):
        with scratch("libtorrent") as place:
            command = [HERE / "lt_shim.py", "--torrent", lab.torrent, "--dir", place, "--rate", lab.rate]
            command += ["--connections", self.connections]
            with child([sys.executable, "-B", *command], env=self.environment) as process:
                yield Target(url_of(process, self.name), process.pid)


class Rqbit:
    """rqbit's HTTP stream. It cannot add a torrent without starting it: it is added while the tracker names nobody,
    paused, and started (a POST, which counts) when the film is opened."""

    binary = CACHE / "bin" / "rqbit"

    def __init__(self):
        self.missing = None if self.binary.exists() else "cargo could not install it"
        self.name = "rqbit" if self.missing else run([self.binary, "--version"], START_S).strip()

    @contextlib.contextmanager
    def running(self, below=None):
        """(process, URL of its torrents): a server without torrents, which keeps them on tmpfs, or in `below`."""
        api = f"127.0.0.1:{free_port()}"
        command = [self.binary, "--http-api-listen-addr", api, "--disable-dht", "--disable-lsd"]
        command += ["--disable-upnp-port-forward", "--listen-ip", "127.0.0.1", "--listen-port", free_port()]
        command += ["--peer-limit", CONNECTIONS, "server", "start", "--disable-persistence"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with scratch("rqbit", below) as place, child([*command, place], **silent) as process:
            yield process, f"http://{api}/torrents"

    @contextlib.contextmanager
    def ready(self, lab):
        with self.running() as (process, url):
            lab.hide()
            post(url, pathlib.Path(lab.torrent).read_bytes())
            wait_for(lambda: state(url) == "live")
            post(f"{url}/0/pause")
            wait_for(lambda: state(url) == "paused")
            lab.show()
            yield Target(f"{url}/0/stream/0", process.pid, wake=f"{url}/0/start")


def post(url, body=b""):
    """Tries again until the server is there."""
    end = time.monotonic() + START_S
    while True:
        try:
            request = urllib.request.Request(url, data=body, method="POST")
            with urllib.request.urlopen(request, timeout=START_S) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"{url}: {error} {error.read()[:200]}") from error
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > end:
                raise Failure(f"{url}: {error}") from error
            time.sleep(0.02)


def state(url):
    with urllib.request.urlopen(f"{url}/0/stats/v1", timeout=START_S) as answer:
        return json.loads(answer.read())["state"]


def wait_for(what):
    end = time.monotonic() + START_S
    while not what():
        if time.monotonic() > end:
            raise Failure("a client did not get ready")
        time.sleep(0.02)


class Btfs:
    """Debian's btfs, a FUSE file system on libtorrent with its own settings. It connects as soon as it runs, so its
    start counts."""

    def __init__(self):
        self.missing = None if shutil.which("btfs") else "not installed"
        self.name = "btfs"
        if not self.missing:
            shown = subprocess.run(["btfs", "--version"], capture_output=True, text=True)
            words = (shown.stdout + shown.stderr).split()
            self.name = f"btfs {words[words.index('version:', words.index('btfs')) + 1]}"

    @contextlib.contextmanager
    def ready(self, lab):
        with scratch("btfs") as place, contextlib.ExitStack() as undo:
            mount = place / "mount"
            (place / "data").mkdir()
            mount.mkdir()
            command = ["btfs", "-f", f"--data-directory={place / 'data'}", lab.torrent, str(mount)]
            target = Target(str(mount / lab.name))

            def launch():
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                undo.callback(stop, process)
                undo.callback(unmount, mount)
                target.pid = process.pid

            target.launch = launch
            yield target


class Node:
    """An engine of npm behind node_stream.js."""

    modules = CACHE / "node" / "node_modules"

    def __init__(self, engine):
        self.engine = engine
        self.name = engine
        self.missing = "npm could not install it"
        with contextlib.suppress(OSError):
            described = json.loads((self.modules / engine / "package.json").read_text())
            self.name = f"{engine} {described['version']} (npm)"
            self.missing = None if shutil.which("node") else "no node"

    @contextlib.contextmanager
    def ready(self, lab):
        environment = {**os.environ, "NODE_PATH": str(self.modules)}
        with scratch("node") as place:
            command = ["node", HERE / "node_stream.js", self.engine, lab.torrent, place, CONNECTIONS]
            with child(command, env=environment, stderr=subprocess.DEVNULL) as process:
                yield Target(url_of(process, self.name), process.pid)


def others(only=None):
    """(those that are there, what is missing and why); `only`: those whose names begin so."""
    known = [Libtorrent(25), Libtorrent(40), Rqbit(), Btfs(), Node("torrent-stream"), Node("webtorrent")]
    wanted = [client for client in known if not only or any(client.name.startswith(name) for name in only)]
    there = [client for client in wanted if not client.missing]
    return there, [f"{client.name}: {client.missing}" for client in wanted if client.missing]
