#!/usr/bin/env python3
"""A network of libtorrent DHT nodes on loopback, in one process.

Prints {"port": N} once --nodes sessions listen and know each other: the port of the first one, which is an entry point.
The last of them seeds every --torrent, for peers that come through the DHT: no tracker, no peer exchange, no local
discovery. Each line on standard input is a command, answered with one JSON line of figures:

  (empty)          tables (live nodes of each session, the smallest first), uploaded (payload bytes of the seeder)
  unseed           stops seeding
  asked HASH       asked (how many get_peers questions about this info hash came), announced (how many announces)
  leech N HASH     a session of its own looks for torrent number N through the DHT: pieces, found (peers that are or were
                   connected to it, as "ip:port"), through_dht (of them, those that it knows from the DHT)
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time

import libtorrent as lt

import session as lt_session

FROM_DHT = 2  # peer_info.dht


def node():
    session = lt_session.make("127.0.0.1:0")
    session.apply_settings(
        {
            "enable_dht": True,
            "dht_bootstrap_nodes": "",
            "dht_restrict_routing_ips": False,
            "dht_restrict_search_ips": False,
            "dht_upload_rate_limit": 1_000_000,
            "alert_mask": lt.alert.category_t.dht_notification | lt.alert.category_t.error_notification,
        }
    )
    lt_session.listen_port(session)
    return session


def add(session, path, directory, seed):
    params = lt.load_torrent_file(path)
    params.save_path = directory
    params.trackers = []
    params.flags |= lt.torrent_flags.disable_pex | lt.torrent_flags.disable_lsd
    if seed:
        params.flags |= lt.torrent_flags.seed_mode
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return session.add_torrent(params)


class Leecher:
    """Looks for a torrent, and remembers whom it met."""

    def __init__(self, path, entries):
        self.session = node()
        for port in entries:
            self.session.add_dht_node(("127.0.0.1", port))
        self.handle = add(self.session, path, tempfile.mkdtemp(prefix="leecher"), seed=False)
        self.found, self.through_dht = set(), set()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            for peer in self.handle.get_peer_info():
                if peer.flags & (lt.peer_info.connecting | lt.peer_info.handshake):
                    continue
                name = "%s:%d" % peer.ip
                self.found.add(name)
                if peer.source & FROM_DHT:
                    self.through_dht.add(name)
            time.sleep(0.02)

    def figures(self):
        pieces = self.handle.status().num_pieces
        return {"pieces": pieces, "found": sorted(self.found), "through_dht": sorted(self.through_dht)}


class Network:
    def __init__(self, args):
        self.args = args
        self.sessions = [node() for _ in range(args.nodes)]
        self.ports = [session.listen_port() for session in self.sessions]
        for at, session in enumerate(self.sessions):
            for other in {0, *random.sample(range(args.nodes), min(4, args.nodes))} - {at}:
                session.add_dht_node(("127.0.0.1", self.ports[other]))
        self.tables = [0] * args.nodes
        self.asked, self.announced = {}, {}
        self.leechers = {}
        self.seeds = [add(self.sessions[-1], path, args.data, seed=True) for path in args.torrent]
        self.uploaded = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """Counts what the nodes are asked, and how many others each knows."""
        while True:
            for at, session in enumerate(self.sessions):
                session.post_dht_stats()
                for alert in session.pop_alerts():
                    if isinstance(alert, lt.dht_get_peers_alert):
                        key = str(alert.info_hash)
                        self.asked[key] = self.asked.get(key, 0) + 1
                    elif isinstance(alert, lt.dht_announce_alert):
                        key = str(alert.info_hash)
                        self.announced[key] = self.announced.get(key, 0) + 1
                    elif isinstance(alert, lt.dht_stats_alert):
                        self.tables[at] = sum(bucket["num_nodes"] for bucket in alert.routing_table)
            time.sleep(0.1)

    def answer(self, words):
        if not words:
            uploaded = sum(seed.status().total_payload_upload for seed in self.seeds)
            return {"tables": sorted(self.tables), "uploaded": uploaded or self.uploaded}
        if words[0] == "unseed":
            for seed in self.seeds:
                self.sessions[-1].remove_torrent(seed)
            self.seeds = []
            return {}
        if words[0] == "asked":
            return {"asked": self.asked.get(words[1], 0), "announced": self.announced.get(words[1], 0)}
        if words[0] == "leech":
            number = int(words[1])
            if number not in self.leechers:
                self.leechers[number] = Leecher(self.args.torrent[number], self.ports[:4])
            return self.leechers[number].figures()
        raise SystemExit(f"no such command: {words}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--torrent", action="append", default=[])
    parser.add_argument("--data", required=True, help="the directory that holds the data of all torrents")
    args = parser.parse_args()

    stop = lt_session.stop_event()
    network = Network(args)
    end = time.monotonic() + 40
    while sorted(network.tables)[len(network.tables) // 2] < 3:
        if time.monotonic() > end:
            raise SystemExit(f"the nodes do not get to know each other: {network.tables}")
        time.sleep(0.05)
    print(json.dumps({"port": network.ports[0]}), flush=True)

    def answer():
        for line in sys.stdin:
            print(json.dumps(network.answer(line.split())), flush=True)
        stop.set()

    threading.Thread(target=answer, daemon=True).start()
    stop.wait()
    os._exit(0)


if __name__ == "__main__":
    main()
