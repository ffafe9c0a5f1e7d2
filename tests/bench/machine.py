"""Where a benchmark ran, in one line."""

import os
import platform

import libtorrent


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0))
    load = "/".join(f"{load:.1f}" for load in os.getloadavg())
    system = f"{model}, {cores} cores, Linux {platform.release()}"
    return f"{system}, load before {load}, libtorrent {libtorrent.__version__}"
