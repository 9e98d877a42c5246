"""Forks so many short-lived processes a second for so many seconds, each of which counts once; prints how many."""

import os
import random
import sys
import time

from prometheus_client import Counter, Gauge, Histogram

JOBS = Counter("storm_jobs", "Jobs done.", ["queue"])
SECONDS = Histogram("storm_job_seconds", "Time of a job.")
RUNNING = Gauge("storm_running_jobs", "Jobs that run.", multiprocess_mode="livesum")


def reap(flags):
    try:
        while os.waitpid(-1, flags)[0]:
            pass
    except ChildProcessError:
        pass


rate, seconds = int(sys.argv[1]), float(sys.argv[2])
started = time.monotonic()
count = 0
while time.monotonic() < started + seconds:
    if os.fork() == 0:
        random.seed()
        RUNNING.inc()
        SECONDS.observe(random.random())
        JOBS.labels(random.choice("abc")).inc()
        os._exit(0)
    count += 1
    time.sleep(max(0.0, started + count / rate - time.monotonic()))
    reap(os.WNOHANG)
reap(0)
print(count)
