"""Two processes that do the same to metrics of every kind and mode in a Redis, with gunicorn-prometheus-exporter's values,
and in a directory, with Python's own.

`redis_modes.py PORT PAGE`: the directory is the environment's PROMETHEUS_MULTIPROC_DIR, and PAGE gets its merged page.
"""

import os
import sys

port, page = int(sys.argv[1]), sys.argv[2]
os.environ.update(REDIS_ENABLED="true", REDIS_PORT=str(port))

import redis
from gunicorn_prometheus_exporter.backend.core import get_redis_value_class
from prometheus_client import (CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest, multiprocess,
                               values)

MODES = ["all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent"]


def count(worker):
    registry = CollectorRegistry()
    jobs = Counter("jobs", 'Jobs "done".', ["queue"], registry=registry)
    jobs.labels("a").inc(worker + 1)
    jobs.labels('zwölf\n"b"\\').inc(0.5)
    seconds = Histogram("job_seconds", "Time.", ["queue"], buckets=(0.25, 1, 60), registry=registry)
    for queue in ("a", "b"):
        for amount in (0.125, 0.5, 2, 70):
            seconds.labels(queue).observe(amount * (worker + 1))
    Summary("job_bytes", "Size.", registry=registry).observe(worker + 0.25)
    for mode in MODES:
        gauge = Gauge(f"level_{mode}", "Level.", ["at"], multiprocess_mode=mode, registry=registry)
        gauge.labels("x").set(10 * worker - 3)
        gauge.labels("y").set(4 - worker)


def child(worker):
    count_with = [values.MultiProcessValue(), get_redis_value_class(redis.Redis(port=port), "gunicorn")]
    for values.ValueClass in count_with:
        count(worker)


for worker in range(2):
    pid = os.fork()
    if pid == 0:
        child(worker)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit("a process has not counted")
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
with open(page, "wb") as file:
    file.write(generate_latest(registry))
