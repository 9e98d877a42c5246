"""Counts in a Redis with pytheus and writes its page: `redis_pytheus.py PORT BACKEND PAGE`, BACKEND `python` or `rust`."""

import sys
import time

import pytheus_backend_rs
from pytheus.backends import load_backend
from pytheus.backends.redis import MultiProcessRedisBackend
from pytheus.exposition import generate_metrics
from pytheus.metrics import Counter, Gauge, Histogram, Summary

port, backend, page = sys.argv[1:]
backends = {"python": MultiProcessRedisBackend, "rust": pytheus_backend_rs.RedisBackend}
load_backend(backends[backend], {"host": "127.0.0.1", "port": int(port)})

jobs = Counter("jobs_total", "Jobs done.")
hits = Counter("hits_total", "Hits.", required_labels=["method", "path"])
depth = Gauge("depth", "Jobs that wait.", required_labels=["queue"])
latency = Histogram("job_seconds", "Time.", buckets=(0.25, 1, 4))
by_queue = Histogram("queue_seconds", "Time.", required_labels=["queue"], buckets=(0.25, 1, 4))
size = Summary("job_bytes", "Size.")
Counter("untouched_total", "Nobody did.", required_labels=["why"])

jobs.inc(2.5)
hits.labels(method="GET", path='/q?"x"\\').inc()
hits.labels(method="GET", path='/q?"x"\\').inc()
hits.labels(method="POST", path="/é").inc(3)
depth.labels(queue="a").set(4)
for seconds in (0.1, 0.5, 2, 8):
    latency.observe(seconds)
    by_queue.labels(queue="a").observe(seconds)
size.observe(12)
# The Rust backend writes in a thread of its own.
time.sleep(1)
with open(page, "w") as file:
    file.write(generate_metrics())
