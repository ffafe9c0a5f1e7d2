"""GoStream's own process: a film is added, then the server is started, asleep, and ended."""

import contextlib
import json
import pathlib
import subprocess
import urllib.request

from process import Failure, free_port, run, stop, unmount

START_S = 30
# A benchmark meets nobody but the swarm that it made.
ALONE = {"dht": False, "lsd": False, "port_forwarding": "off"}


class Server:
    """Directories and settings of one GoStream below `place`; they stay when its process is ended."""

    def __init__(self, binary, place, settings=None):
        self.place = pathlib.Path(place)
        config = self.place / "config.json"
        ports = {name: free_port() for name in ("torrent_port", "proxy_listen_port", "api_listen_port", "metrics_port")}
        url = f"http://127.0.0.1:{free_port()}"
        self.proxy = f"http://127.0.0.1:{ports['proxy_listen_port']}"
        self.api = f"http://127.0.0.1:{ports['api_listen_port']}"
        self.metrics = f"http://127.0.0.1:{ports['metrics_port']}/metrics/prometheus"
        config.write_text(json.dumps({**ports, **ALONE, "gostorm_url": url, **(settings or {})}))
        self.command = [binary, "--config", config, "--data-dir", self.place / "data"]

    def add(self, link):
        """The path of a film below the mount. While no server runs: it starts asleep, and dials when opened."""
        shown = run([*self.command, "add", link], START_S).splitlines()[0]
        return shown.removeprefix(str(self.place / "data" / "mount")).lstrip("/")

    def figure(self, name):
        """One figure of its metrics, without labels; while it runs."""
        with urllib.request.urlopen(self.metrics, timeout=START_S) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise Failure(f"the metrics have no {name}")

    @contextlib.contextmanager
    def running(self, environment=None):
        """(process, mount point) of a server that is ready."""
        mount = self.place / "data" / "mount"
        with open(self.place / "log", "w+", encoding="utf-8") as log:
            command = [str(part) for part in [*self.command, "serve"]]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
            try:
                for line in process.stdout:
                    if line.startswith("mount: "):
                        mount = pathlib.Path(line.removeprefix("mount: ").strip())
                    if line.strip() == "ready":
                        break
                else:
                    log.seek(0)
                    raise Failure(f"the server did not start: {log.read().strip()}")
                yield process, mount
            finally:
                stop(process)
                unmount(mount)
