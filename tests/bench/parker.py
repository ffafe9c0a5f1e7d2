"""Readers that wait: one thread for each path, every second with O_DIRECT.

Each prints its thread id, one a line, before it reads its title, and ends with the read, whatever came of it. Started by
`parked.py`; a process of its own, so that none of its threads holds up the reads that are timed.
"""

import os
import sys
import threading

BLOCK = 64 * 1024
STACK = 256 * 1024


def wait_for(number, path):
    title = os.open(path, os.O_RDONLY | (os.O_DIRECT if number % 2 else 0))
    sys.stdout.write(f"{threading.get_native_id()}\n")
    sys.stdout.flush()
    try:
        os.read(title, BLOCK)
    except OSError:
        # Nobody shares it, or it was removed.
        pass
    finally:
        os.close(title)


def main():
    threading.stack_size(STACK)
    threads = [threading.Thread(target=wait_for, args=each) for each in enumerate(sys.argv[1:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
