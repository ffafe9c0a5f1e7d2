"""libtorrent as a streaming engine: piece deadlines ahead of each reader, and the pieces as they come.

Used by lt_shim.py (HTTP) and lt_keep.py (reads at a rate and keeps the bytes). What is done in libtorrent's favour:
plain TCP only, as all peers of the lab speak nothing else; many connection attempts at once; deadlines that follow
the film's true rate for DEADLINE_S ahead; the rest of a read-ahead as large as ours at normal priority in order, and
nothing beyond it; deadlines of a place that was left are cleared at once; time-outs for streaming instead of its
defaults of 20 s and more; no random first pieces.
"""

import argparse
import collections
import contextlib
import threading

import libtorrent as lt

DEADLINE_S = 8
KEEP_BYTES = 256 << 20
AHEAD_BYTES = 217 << 20  # what our budget leaves for what is ahead

SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": int(lt.enc_policy.pe_disabled),
    "out_enc_policy": int(lt.enc_policy.pe_disabled),
    "connection_speed": 500,
    "torrent_connect_boost": 255,
    "smooth_connects": False,
    "min_reconnect_time": 1,
    "max_failcount": 100,
    "request_timeout": 10,
    "piece_timeout": 5,
    "initial_picker_threshold": 0,
    # Else it leaves all seeds whenever the read-ahead is full.
    "close_redundant_connections": False,
    "max_out_request_queue": 500,
    "request_queue_time": 1,
    "alert_mask": lt.alert.category_t.storage_notification | lt.alert.category_t.error_notification,
}


def arguments(description, connections):
    """What both programs are told; `connections` is the default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--dir", required=True, help="for the data: put it on tmpfs")
    parser.add_argument("--rate", type=int, required=True, help="the film's bits a second")
    parser.add_argument("--connections", type=int, default=connections)
    return parser.parse_args()


class Reader:
    """An open position."""

    def __init__(self, piece):
        self.piece = piece


class Streamer:
    """One torrent, paused until it is first read. Without `copy_out` its data stays in its files."""

    def __init__(self, torrent, directory, rate, connections, copy_out=True):
        settings = {**SETTINGS, "listen_interfaces": "127.0.0.1:0", "connections_limit": connections}
        self.session = lt.session(settings)
        params = lt.load_torrent_file(torrent)
        params.save_path = directory
        params.flags &= ~lt.torrent_flags.auto_managed
        params.flags |= lt.torrent_flags.paused | lt.torrent_flags.sequential_download
        params.max_connections = connections
        self.size = params.ti.total_size()
        self.piece_length = params.ti.piece_length()
        self.pieces = params.ti.num_pieces()
        self.piece_ms = self.piece_length * 8_000 / rate
        self.handle = self.session.add_torrent(params)
        self.changed = threading.Condition()
        self.kept = collections.OrderedDict()
        self.readers = []
        self.awake = False
        self.deadline_flags = lt.deadline_flags_t.alert_when_available if copy_out else 0
        threading.Thread(target=self._listen, daemon=True).start()

    def ready(self):
        """Whether the files were looked at: from then on it only waits to be read."""
        states = lt.torrent_status.states
        return self.handle.status().state not in (states.checking_files, states.checking_resume_data)

    def _listen(self):
        while True:
            self.session.wait_for_alert(1_000)
            for alert in self.session.pop_alerts():
                if not isinstance(alert, lt.read_piece_alert):
                    continue
                with self.changed:
                    if alert.error.value() == 0:
                        self.kept[alert.piece] = alert.buffer
                        while len(self.kept) > max(2, KEEP_BYTES // self.piece_length):
                            self.kept.popitem(last=False)
                    self.changed.notify_all()

    @contextlib.contextmanager
    def reader(self, offset):
        """A position from which the film is read on."""
        reader = Reader(offset // self.piece_length)
        with self.changed:
            self.readers.append(reader)
            self._want()
        if not self.awake:
            self.awake = True
            self.handle.resume()
        try:
            yield reader
        finally:
            with self.changed:
                self.readers.remove(reader)
                if self.readers:
                    self._want()
                else:
                    # The player comes back in a moment; what it left is wanted no more.
                    self.handle.clear_piece_deadlines()

    def _want(self):
        """Priorities and deadlines for all readers, the newest first."""
        ahead = max(2, AHEAD_BYTES // self.piece_length)
        urgent = max(2, int(DEADLINE_S * 1_000 / self.piece_ms) + 1)
        priorities = [0] * self.pieces
        for reader in self.readers:
            end = min(reader.piece + ahead, self.pieces)
            priorities[reader.piece : end] = [4] * (end - reader.piece)
        self.handle.clear_piece_deadlines()
        self.handle.prioritize_pieces(priorities)
        for reader in reversed(self.readers):
            for piece in range(reader.piece, min(reader.piece + urgent, self.pieces)):
                if piece not in self.kept:
                    due = int((piece - reader.piece) * self.piece_ms)
                    self.handle.set_piece_deadline(piece, due, self.deadline_flags)

    def move(self, reader, piece):
        """The reader has come to this piece."""
        with self.changed:
            if piece != reader.piece:
                reader.piece = piece
                self._want()

    def read(self, reader, offset, is_wanted=lambda: True):
        """The bytes from `offset` to the end of its piece, when they are there; None when no longer wanted."""
        piece, begin = divmod(offset, self.piece_length)
        self.move(reader, piece)
        with self.changed:
            while piece not in self.kept:
                if not self.changed.wait(0.02) and not is_wanted():
                    return None
            self.kept.move_to_end(piece)
            return memoryview(self.kept[piece])[begin:]
