"""A libtorrent session for tests: plain TCP, nothing but what the caller names, on loopback.

Used by seeder.py and leecher.py. uTP is off, because a default pair of libtorrent sessions speaks
uTP and its timing on loopback is not steady.
"""

import signal
import threading
import time

import libtorrent as lt


def make(listen, rate=0, unchoke_slots=64):
    """A session listening on `listen` ("127.0.0.1:0"); `rate` limits upload in bytes per second."""
    settings = {
        "listen_interfaces": listen,
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
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
