"""Has the threads of a process whose names begin with NAME stand still, as if they hung, until its input ends.

usage: freeze_threads.py PID NAME

Prints one line of JSON, {"frozen": N}, when they all do. SIGSTOP would stop the whole process; ptrace(2) stops a thread.
"""
import ctypes
import json
import os
import sys

PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x} of thread {thread}: {os.strerror(error)}")


def threads(pid, name):
    for thread in sorted(int(entry) for entry in os.listdir(f"/proc/{pid}/task")):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as comm:
            if comm.read().startswith(name):
                yield thread


def main():
    found = list(threads(int(sys.argv[1]), sys.argv[2]))
    for thread in found:
        ptrace(PTRACE_SEIZE, thread)
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WALL)
    print(json.dumps({"frozen": len(found)}), flush=True)
    sys.stdin.read()
    for thread in found:
        ptrace(PTRACE_DETACH, thread)


main()
