"""Scrapes a directory with Python's client, a line of standard input at a time.

`scrape N` scrapes N times and answers with nanoseconds; `page PATH` writes the page there; `peak` tells VmHWM in kB.
"""

import sys
import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


def page(directory):
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)
    return generate_latest(registry)


def peak():
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmHWM:"))


directory = sys.argv[1]
print("ready", flush=True)
for line in sys.stdin:
    command, _, argument = line.strip().partition(" ")
    if command == "scrape":
        begun = time.perf_counter_ns()
        for _ in range(int(argument)):
            page(directory)
        print(time.perf_counter_ns() - begun, flush=True)
    elif command == "page":
        with open(argument, "wb") as file:
            file.write(page(directory))
        print("written", flush=True)
    elif command == "peak":
        print(peak(), flush=True)
    else:
        sys.exit(f"told {line!r}")
