"""A CPU quota for one process, by a control group of its own (version 1 or 2 of the kernel's interface)."""

import contextlib
import os
import pathlib

PERIOD_US = 50_000
PLACES = (pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup"))


@contextlib.contextmanager
def group(part):
    """A function that puts a process (by its id) under a quota of `part` of one CPU; None when there is none here."""
    directory = None
    for place in PLACES:
        candidate = place / f"gostream-bench-{os.getpid()}"
        with contextlib.suppress(OSError):
            candidate.mkdir()
            if limit(candidate, int(part * PERIOD_US)):
                directory = candidate
                break
            candidate.rmdir()
    if directory is None:
        yield None
        return
    try:
        yield lambda pid: (directory / "cgroup.procs").write_text(str(pid))
    finally:
        # Only an empty group can go; its processes have been ended by their owners.
        with contextlib.suppress(OSError):
            directory.rmdir()


def limit(directory, quota_us):
    if (directory / "cpu.cfs_quota_us").exists():
        (directory / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (directory / "cpu.cfs_quota_us").write_text(str(quota_us))
        return True
    if (directory / "cpu.max").exists():
        (directory / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        return True
    return False
