"""Processes of a benchmark: started, looked at, and ended, each by its own process id."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

TMPFS = pathlib.Path("/dev/shm")
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
STOP_S = 15


class Failure(Exception):
    """Something without which there is nothing to measure."""


def run(command, limit):
    """The standard output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise Failure(f"{pathlib.Path(command[0]).name} failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of a process, with all its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) / TICK, int(fields[12]) / TICK


def peak_memory(pid):
    """The most bytes that a process had resident."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise Failure("the kernel does not tell the peak memory (VmHWM)")


def stop(process):
    """SIGTERM, and SIGKILL for what is still there after a while."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return any(line.split(" ")[4] == str(path) for line in table)


def unmount(path):
    if is_mounted(path):
        subprocess.run(["fusermount3", "-uz", str(path)], check=False)


def conclude(main):
    """Ends this process with what `main` returns, or with the failure in words; what it made is undone, also after
    SIGTERM (SIGINT does so by itself)."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
