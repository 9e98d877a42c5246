"""gunicorn with gunicorn-prometheus-exporter, which keeps its metrics in Redis."""

import gunicorn_prometheus_exporter  # puts its own arbiter in the place of gunicorn's
from gunicorn_prometheus_exporter.hooks import default_post_fork as post_fork
from gunicorn_prometheus_exporter.hooks import redis_when_ready as when_ready

bind = "127.0.0.1:0"
workers = 2
worker_class = "gunicorn_prometheus_exporter.PrometheusWorker"
