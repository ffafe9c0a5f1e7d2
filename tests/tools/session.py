"""A libtorrent session for tests: plain TCP, nothing but what the caller names, on loopback.

Used by seeder.py, taker.py and leecher.py. uTP is off unless it is asked for, because a default pair of libtorrent
sessions speaks uTP and its timing on loopback is not steady.
"""

import json
import os
import signal
import sys
import threading
import time

import libtorrent as lt


POLICY, LEVEL = lt.enc_policy, lt.enc_level

# Policy and level of each way to treat encryption.
ENCRYPTION = {
    "allowed": (POLICY.pe_enabled, LEVEL.pe_both),
    "off": (POLICY.pe_disabled, LEVEL.pe_both),
    "rc4": (POLICY.pe_forced, LEVEL.pe_rc4),
    "handshake": (POLICY.pe_forced, LEVEL.pe_plaintext),
}

# What libtorrent says of a peer's connection.
FLAGS = {"utp": 0x20000, "rc4": 0x80000, "hidden_handshake": 0x100000}


def add_arguments(parser):
    """How the session's connections travel."""
    parser.add_argument("--encryption", choices=ENCRYPTION, default="allowed")
    parser.add_argument("--utp-only", action="store_true", help="no TCP in either direction")
    parser.add_argument("--lsd", action="store_true", help="local discovery (BEP 14)")


class Ways:
    """Which kinds of connection a torrent has had, for figures: peers may be gone by the time that they are asked for."""

    def __init__(self, handle):
        self.handle = handle
        self.seen = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            for peer in self.handle.get_peer_info():
                if not peer.flags & (lt.peer_info.connecting | lt.peer_info.handshake):
                    self.seen |= peer.flags
            time.sleep(0.02)

    def figures(self):
        return {name: int(bool(self.seen & flag)) for name, flag in FLAGS.items()}


def make(listen, rate=0, unchoke_slots=64, encryption="allowed", utp_only=False, lsd=False):
    """A session listening on `listen` ("127.0.0.1:0"); `rate` limits upload in bytes per second."""
    policy, level = ENCRYPTION[encryption]
    settings = {
        "listen_interfaces": listen,
        "enable_dht": False,
        "enable_lsd": lsd,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": utp_only,
        "enable_outgoing_utp": utp_only,
        "enable_incoming_tcp": not utp_only,
        "enable_outgoing_tcp": not utp_only,
        "in_enc_policy": policy,
        "out_enc_policy": policy,
        "allowed_enc_level": level,
        "allow_multiple_connections_per_ip": True,
        "unchoke_slots_limit": unchoke_slots,
        "alert_mask": lt.alert.category_t.error_notification | lt.alert.category_t.storage_notification,
        "connections_limit": 500,
        # Loopback addresses come and go with the tests: nobody is kept out for an earlier one.
        "max_failcount": 100,
        "min_reconnect_time": 1,
        "upload_rate_limit": rate,
        "ignore_limits_on_local_network": rate == 0,
    }
    return lt.session(settings)


def listen_port(session, seconds=10):
    """The port that the session listens on, once it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if session.is_listening() and session.listen_port() != 0:
            return session.listen_port()
        time.sleep(0.01)
    raise SystemExit("the session does not listen")


def stop_event():
    """An event that is set when SIGTERM or SIGINT arrives; the caller sets it when its input ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def answer_lines(stop, figures):
    """Answers each line on standard input with one of JSON, what `figures` returns then, until it ends or `stop` is set.
    Ends the process."""

    def answer():
        for _ in sys.stdin:
            print(json.dumps(figures()), flush=True)
        stop.set()

    threading.Thread(target=answer, daemon=True).start()
    stop.wait()
    # The session's own shutdown tells the tracker goodbye, which takes seconds when that is gone.
    os._exit(0)
