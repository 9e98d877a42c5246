"""Jobs for Celery's prefork workers, counted by prometheus_client; the queue is a directory, JOBS_DIRECTORY.

`celery --app jobs worker` works; `python jobs.py send FROM TO` puts jobs into the queue. A job is counted and then noted
in the file `done`, with the process that did it: what is noted is counted.
"""

import os
import sys
from pathlib import Path

from celery import Celery
from prometheus_client import Counter, Gauge, Histogram

DIRECTORY = Path(os.environ["JOBS_DIRECTORY"])
for name in ("queue", "control"):
    (DIRECTORY / name).mkdir(exist_ok=True)

app = Celery("jobs", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(DIRECTORY / "queue"),
    "data_folder_out": str(DIRECTORY / "queue"),
    "control_folder": str(DIRECTORY / "control"),
    "polling_interval": 0.05,
}
app.conf.broker_connection_retry_on_startup = True
app.conf.task_ignore_result = True

DONE = Counter("jobs_done", "Jobs done.", ["kind"])
SIZE = Histogram("jobs_size_bytes", "Size of a job.", buckets=(8, 32, 128))
RUNNING = Gauge("jobs_running", "Jobs that run.", multiprocess_mode="livesum")


@app.task
def work(number):
    with RUNNING.track_inprogress():
        SIZE.observe(number)
        DONE.labels(("even", "odd")[number % 2]).inc()
    with open(DIRECTORY / "done", "a") as done:
        done.write(f"{number} {os.getpid()}\n")


if __name__ == "__main__":
    _, _, first, end = sys.argv
    for number in range(int(first), int(end)):
        work.delay(number)
