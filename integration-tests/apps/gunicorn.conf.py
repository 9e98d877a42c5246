"""Four workers that end after some hundred requests; the hook that prometheus_client's documentation asks for."""

from prometheus_client import multiprocess

bind = "127.0.0.1:0"
workers = 4
worker_class = "gthread"
threads = 2
max_requests = 400
max_requests_jitter = 100
graceful_timeout = 5


def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
