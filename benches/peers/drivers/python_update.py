"""Counts with Python's client in its multi-process mode, a line of standard input at a time.

`OPERATION N` does it N times and answers with nanoseconds.
"""

import sys
import time

from prometheus_client import Counter, Gauge, Histogram

BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]

requests = Counter("requests", "Requests served.", ["method", "path"])
kept = requests.labels("GET", "/")
level = Gauge("level", "Set.")
latency = Histogram("latency", "Observed.", buckets=BOUNDS)


def inc(times):
    for _ in range(times):
        kept.inc()


def lookup(times):
    for _ in range(times):
        requests.labels("GET", "/").inc()


def set_level(times):
    for _ in range(times):
        level.set(3.0)


def observe(times):
    for _ in range(times):
        latency.observe(0.3)


operations = {"inc": inc, "lookup": lookup, "set": set_level, "observe": observe}
print("ready", flush=True)
for line in sys.stdin:
    operation, times = line.split()
    begun = time.perf_counter_ns()
    operations[operation](int(times))
    print(time.perf_counter_ns() - begun, flush=True)
