"""Counts in a Redis with gunicorn-prometheus-exporter and scrapes it with that one's collector, a line of standard input
at a time.

`PORT PROCESSES SERIES` as arguments; all processes have counted when it is ready. `scrape N` scrapes N times and answers
with nanoseconds; `page PATH` writes the page there.
"""

import os
import sys
import time

port, processes, series = (int(argument) for argument in sys.argv[1:4])
os.environ.update(REDIS_ENABLED="true", REDIS_PORT=str(port), REDIS_TTL_DISABLED="true")

import redis
from gunicorn_prometheus_exporter.backend.core import RedisMultiProcessCollector, get_redis_value_class
from prometheus_client import CollectorRegistry, Counter, generate_latest, values


def count(process):
    values.ValueClass = get_redis_value_class(redis.Redis(port=port), "gunicorn")
    requests = Counter("requests", "Requests served.", ["number"], registry=CollectorRegistry())
    for number in range(series):
        requests.labels(number).inc(process + number)


def page():
    registry = CollectorRegistry()
    RedisMultiProcessCollector(registry, redis.Redis(port=port), "gunicorn")
    return generate_latest(registry)


children = []
for process in range(processes):
    child = os.fork()
    if child == 0:
        count(process)
        os._exit(0)
    children.append(child)
for child in children:
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("a process has not counted")

print("ready", flush=True)
for line in sys.stdin:
    command, _, argument = line.strip().partition(" ")
    if command == "scrape":
        begun = time.perf_counter_ns()
        for _ in range(int(argument)):
            page()
        print(time.perf_counter_ns() - begun, flush=True)
    elif command == "page":
        with open(argument, "wb") as file:
            file.write(page())
        print("written", flush=True)
    else:
        sys.exit(f"told {line!r}")
