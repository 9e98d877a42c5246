"""Four workers, each ended after a thousand requests: the page goes on as if nothing happened."""

from prometheus_client import multiprocess

bind = "0.0.0.0:8000"
workers = 4
max_requests = 1000
max_requests_jitter = 200


def child_exit(server, worker):
    # Gauges that count the living only (`livesum` and the like) leave the page with their worker.
    multiprocess.mark_process_dead(worker.pid)
