#!/usr/bin/env python3
"""Plays a film of the lab from a file or a URL, and tells what a person in front of it waits for.

Waits for a line on standard input, so that starting Python costs nobody anything, then prints one JSON
line after each step. All times are seconds since that line, save those of the seek, which count from it.

  first        the first 64 KiB are there
  buffered     also the last MiB, and four seconds of film
  played       after --play seconds: for how long the picture stood still
  sought       --seek: the first MiB at 70 % is there
  refilled     and four seconds of film there
  done         after some more seconds: stood still in them, and the bytes read in all

SIGTERM ends the play that goes on, and its step is told. Every byte is compared with what it must be, outside the
times that are measured as far as that matters.
"""

import argparse
import json
import signal
import sys
import time

from content import film
from source import FileSource, HttpSource

MIB = 1 << 20
HEAD = 64 << 10
READ = 256 << 10
BUFFER_S = 4


class WrongByte(Exception):
    pass


class Player:
    def __init__(self, source, size, rate, seed):
        self.source, self.size, self.seed = source, size, seed
        self.rate = rate / 8  # bytes a second
        self.buffer = int(BUFFER_S * self.rate)
        self.read_bytes = 0
        self.unchecked = []
        self.ended = False

    def end(self, *_):
        """No more is played."""
        self.ended = True

    def fetch(self, start, end):
        while start < end:
            length = min(READ, end - start)
            self.unchecked.append((start, self.source.read(start, length)))
            self.read_bytes += length
            start += length

    def check(self):
        for offset, data in self.unchecked:
            if data != film(self.seed, offset, len(data)):
                raise WrongByte(f"a wrong byte in the {len(data)} bytes from {offset}")
        self.unchecked.clear()

    def play(self, start, seconds):
        """Shows the film from `start`, of which BUFFER_S are there, for so long by the clock; for how much of
        it the picture stood still."""
        begin = time.monotonic()
        stood, had, have = 0.0, start, start + self.buffer
        while not self.ended and (passed := time.monotonic() - begin) < seconds:
            ahead = (have - start) / self.rate - (passed - stood)
            if ahead < 0:
                stood -= ahead
            if ahead >= BUFFER_S or have >= self.size:
                had = have
                time.sleep(0.01)
                continue
            had, have = have, min(have + READ, self.size)
            self.fetch(had, have)
            self.check()
        # The last read may have come after the end of the play: without it, so much could be shown.
        shown = min(seconds, time.monotonic() - begin) - stood
        return stood + max(0.0, shown - (had - start) / self.rate)


def tell(step, **figures):
    print(json.dumps({"step": step, **figures}), flush=True)


def session(player, play_s, more_s):
    start = time.monotonic()
    player.source.open()
    player.fetch(0, HEAD)
    tell("first", s=time.monotonic() - start)
    player.fetch(player.size - MIB, player.size)
    player.fetch(HEAD, player.buffer)
    tell("buffered", s=time.monotonic() - start)
    player.check()
    tell("played", stood=player.play(0, play_s), read=player.read_bytes)
    if more_s <= 0:
        tell("done", stood=0.0, read=player.read_bytes)
        return
    target = player.size // 10 * 7
    sought = time.monotonic()
    player.fetch(target, target + MIB)
    tell("sought", s=time.monotonic() - sought)
    player.fetch(target + MIB, target + player.buffer)
    tell("refilled", s=time.monotonic() - sought)
    player.check()
    tell("done", stood=player.play(target, more_s), read=player.read_bytes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a path, or an http URL")
    parser.add_argument("--wake", help="a URL that is POSTed to before the film is asked for")
    parser.add_argument("--size", type=int, required=True, help="bytes")
    parser.add_argument("--rate", type=int, required=True, help="bits a second")
    parser.add_argument("--seed", type=int, required=True, help="of the film's bytes")
    parser.add_argument("--play", type=float, default=15, help="seconds before the seek (15)")
    parser.add_argument("--more", type=float, default=5, help="seconds after it (5); 0: no seek")
    args = parser.parse_args()
    is_url = args.source.startswith("http://")
    source = HttpSource(args.source, args.wake) if is_url else FileSource(args.source)
    player = Player(source, args.size, args.rate, args.seed)
    signal.signal(signal.SIGTERM, player.end)
    film(args.seed, 0, MIB)  # numpy's first use takes a while
    tell("ready")
    sys.stdin.readline()
    try:
        session(player, args.play, args.more)
    except (OSError, WrongByte) as error:
        tell("failed", error=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
